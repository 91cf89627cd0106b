"""With the measure and without it: the figures of two sides beside the reference."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from fireline.terms import words
from fireline.verify.stats import Pair

How = Literal["shadow", "control", "series"]
SURE = 3.0
"""Standard errors that make a difference sure, with a look each hour for days."""
LIKELY = 2.33
"""Standard errors that make a bound hold, one-sided at 1 %."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure: ``harmed`` without the measure, ``contained`` with it, ``reference`` what is normal.

    ``worse`` is +1 where more is worse and -1 where less is. ``tolerance`` is the change that does not matter.
    ``wanted`` says that an alert of the incident is about it; the others are shown beside. ``missing`` says why there
    is no pair, or is "".
    """

    name: str
    family: str
    feature: str | None = None
    segment: Mapping[str, str] | None = None
    unit: str = ""
    worse: int = 1
    reference: float = math.nan
    tolerance: float = 0.0
    pair: Pair | None = None
    wanted: bool = True
    missing: str = ""

    @property
    def known(self) -> bool:
        return self.pair is not None and not self.missing and math.isfinite(self.reference)

    @property
    def harm(self) -> float:
        """How much worse than the reference it is without the measure."""
        assert self.pair is not None
        return self.worse * (self.pair.harmed - self.reference)

    @property
    def left(self) -> float:
        """How much worse than the reference it still is with the measure."""
        assert self.pair is not None
        return self.worse * (self.pair.contained - self.reference)

    @property
    def gap(self) -> float:
        """How much of the harm the measure takes away."""
        return self.harm - self.left

    @property
    def limit(self) -> float:
        """What may be left: the tolerance, or half of the harm where that is more."""
        return max(self.tolerance, self.harm / 2)

    def judged(self) -> Literal["effective", "ineffective", "undecided", "harmless"]:
        """What this figure says of the measure."""
        if not self.known or self.pair is None:
            return "undecided"
        if self.gap > SURE * self.pair.gap_se and self.left <= self.limit and self.harm > self.tolerance:
            return "effective"
        if self.harm <= self.tolerance:
            return "harmless"
        sure_of_harm = self.harm > self.tolerance + LIKELY * self.pair.harmed_se
        if sure_of_harm and self.gap + LIKELY * self.pair.gap_se < self.harm / 2:
            return "ineffective"
        return "undecided"

    def well(self, harm_at_alert: float = 0.0) -> bool | None:
        """Whether the contained side is well: True, False, or None when it cannot be said yet.

        Half of the harm may be left, of that seen here or of that at the alert, whichever is more.
        """
        if not self.known or self.pair is None:
            return None
        limit = max(self.limit, harm_at_alert / 2)
        if self.left - LIKELY * self.pair.contained_se > limit:
            return False
        return True if self.left <= limit else None

    def says(self, harmed: str, contained: str) -> str:
        """The figure in one clause, the sides named ``harmed`` and ``contained``."""
        if self.pair is None or self.missing:
            return f"{self.name}: {self.missing or 'not to be had'}"
        h = words.figure(self.pair.harmed, self.family, self.unit)
        c = words.figure(self.pair.contained, self.family, self.unit)
        usual = (
            words.figure(self.reference, self.family, self.unit)
            if math.isfinite(self.reference)
            else "unknown"
        )
        return f"{self.name} {c} {contained} against {h} {harmed}, {usual} is usual"

    def as_json(self) -> dict[str, Any]:
        pair = self.pair

        def number(value: float) -> float | None:
            return round(value, 6) if math.isfinite(value) else None

        return {
            "name": self.name,
            "family": self.family,
            "feature": self.feature,
            "segment": dict(self.segment) if self.segment else None,
            "unit": self.unit,
            "harmed": number(pair.harmed) if pair else None,
            "contained": number(pair.contained) if pair else None,
            "reference": number(self.reference),
            "gap_se": number(pair.gap_se) if pair else None,
            "n_harmed": pair.n_harmed if pair else 0,
            "n_contained": pair.n_contained if pair else 0,
            "tolerance": self.tolerance,
            "wanted": self.wanted,
            "judged": self.judged(),
            "missing": self.missing,
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two sides over [since, until].

    ``how`` is shadow (the same requests, scored by both), control (other requests at the same time) or series (the
    same service before and after). ``harmed`` and ``contained`` name the sides in sentences ("as served by B").
    """

    how: How
    harmed: str
    contained: str
    since: datetime
    until: datetime
    figures: tuple[Figure, ...]

    @property
    def drivers(self) -> tuple[Figure, ...]:
        """The figures that decide: those an alert is about, and of these the harmful ones where any can be had."""
        wanted = [f for f in self.figures if f.wanted and not f.missing]
        harmful = [f for f in wanted if f.family in words.HARM]
        return tuple(harmful or wanted)

    def as_json(self) -> dict[str, Any]:
        return {"how": self.how, "harmed": self.harmed, "contained": self.contained,
                "figures": [f.as_json() for f in self.figures]}  # fmt: skip
