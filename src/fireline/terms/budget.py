"""An error budget as it stands: plain values for pages, commands and reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

from fireline.clock import iso, parse_time
from fireline.terms.alert import Urgency
from fireline.terms.slo import Verdict

MOST = 9999.0
"""Burn rates are told up to this, and overdrafts down to it: an objective that allows nothing burns without
bound."""


@dataclass(frozen=True, slots=True)
class BurnView:
    """How fast a budget burns over the ``windows`` of one rule (such as ``1 h / 5 min``), which fires at
    ``fires_at`` in both. It asks nothing (``asks`` false) of too few time slices."""

    windows: str
    long: float
    short: float
    fires_at: float
    urgency: Urgency
    asks: bool
    holds: bool


@dataclass(frozen=True, slots=True)
class ErrorBudget:
    """One objective's budget over its window.

    ``left`` is the share of it that is left, negative once overdrawn; ``bad`` of ``total`` events or time
    slices (``counts`` says which) were bad. ``curve`` is how it was spent: (instant, share left) from the
    window's beginning on. ``until`` is when the last of what was counted ends. One that cannot be measured
    says ``why`` and what ``todo``.
    """

    slo: str
    says: str
    objective: float
    window: str
    counts: str
    verdict: Verdict
    left: float = 1.0
    bad: float = 0.0
    total: float = 0.0
    burns: tuple[BurnView, ...] = ()
    curve: tuple[tuple[datetime, float], ...] = ()
    until: datetime | None = None
    why: str = ""
    todo: str = ""

    @property
    def spent(self) -> float:
        """The share that is gone, above 1 when overdrawn."""
        return 1 - self.left

    @property
    def because(self) -> str:
        """The verdict in a few words."""
        fires = next((burn for burn in self.burns if burn.holds), None)
        if self.verdict == "broken":
            return "the promise is broken: more than the budget is gone"
        if self.verdict == "unmeasured":
            return self.why or "nothing was counted yet"
        if fires is None:
            return "the promise holds"
        pace = min(fires.long, fires.short)
        return f"burns {pace:.1f} times as fast as allowed over {fires.windows.replace(' / ', ' and ')}"

    def as_json(self) -> dict[str, Any]:
        """As JSON values."""
        plain = {one.name: getattr(self, one.name) for one in fields(self)}
        plain["burns"] = [asdict(burn) for burn in self.burns]
        plain["curve"] = [[iso(at), left] for at, left in self.curve]
        plain["until"] = iso(self.until) if self.until else None
        return {**plain, "spent": self.spent, "because": self.because}

    @classmethod
    def of_json(cls, plain: Mapping[str, Any]) -> ErrorBudget:
        """The budget that ``as_json`` wrote; what it does not know is left out."""
        known = {one.name: plain[one.name] for one in fields(cls) if one.name in plain}
        known["burns"] = tuple(BurnView(**burn) for burn in plain.get("burns", ()))
        known["curve"] = tuple((parse_time(at), float(left)) for at, left in plain.get("curve", ()))
        known["until"] = parse_time(plain["until"]) if plain.get("until") else None
        return cls(**known)
