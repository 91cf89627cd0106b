"""A proposal: days that could become the new reference, with the evidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from fireline.clock import iso, parse_time

Reason = Literal["retrain", "lasting change", "a person"]
Standing = Literal["proposed", "accepted", "rejected"]


@dataclass(frozen=True, slots=True)
class Moved:
    """What moved against the baseline in force: a series, how far (PSI), and since which day."""

    series: str
    psi: float
    usual: float
    since: datetime | None = None

    def as_json(self) -> dict[str, Any]:
        return {"series": self.series, "psi": round(self.psi, 4), "usual": round(self.usual, 4),
                "since": iso(self.since) if self.since else None}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Proposal:
    """A new baseline for ``service`` from [since, until) without the days ``left_out``.

    ``quiet`` names what fires or rises now and would no longer. ``incidents`` are those that are over with
    it: harmless changes that it takes for usual.
    """

    id: str
    service: str
    reason: Reason
    at: datetime
    since: datetime
    until: datetime
    because: str
    moved: tuple[Moved, ...] = ()
    quiet: tuple[str, ...] = ()
    left_out: tuple[datetime, ...] = ()
    incidents: tuple[str, ...] = ()
    standing: Standing = "proposed"
    by: str = "fireline"

    def as_json(self) -> dict[str, Any]:
        """Plain values, as the API shows and the store keeps them."""
        return {
            "id": self.id, "service": self.service, "reason": self.reason, "at": iso(self.at),
            "since": iso(self.since), "until": iso(self.until), "because": self.because,
            "moved": [one.as_json() for one in self.moved], "quiet": list(self.quiet),
            "left_out": [iso(day) for day in self.left_out], "incidents": list(self.incidents),
            "standing": self.standing, "by": self.by,
        }  # fmt: skip

    @classmethod
    def of_json(cls, plain: Mapping[str, Any]) -> Proposal:
        """What ``as_json`` wrote."""
        values = dict(plain)
        for name in ("at", "since", "until"):
            values[name] = parse_time(values[name])
        values["moved"] = tuple(
            Moved(one["series"], one["psi"], one["usual"], parse_time(one["since"]) if one["since"] else None)
            for one in values["moved"]
        )
        values["left_out"] = tuple(parse_time(day) for day in values["left_out"])
        for name in ("quiet", "incidents"):
            values[name] = tuple(values[name])
        return cls(**values)


@dataclass(frozen=True, slots=True)
class Kept:
    """A baseline that was in force once: where its days lie, who took it and why."""

    id: str
    since: datetime
    until: datetime
    taken_at: datetime
    by: str
    because: str

    def as_json(self) -> dict[str, Any]:
        return {"id": self.id, "since": iso(self.since), "until": iso(self.until),
                "taken_at": iso(self.taken_at), "by": self.by, "because": self.because}  # fmt: skip

    @classmethod
    def of_json(cls, plain: Mapping[str, Any]) -> Kept:
        times = {name: parse_time(plain[name]) for name in ("since", "until", "taken_at")}
        return cls(plain["id"], by=plain["by"], because=plain["because"], **times)


@dataclass(frozen=True, slots=True)
class Shelf:
    """A service's baselines: the one in force ("" is the runbook's own), since when (microseconds) its series
    are counted, those kept, what is proposed, and who decided what and why. ``base`` is the runbook's own
    that all of it stands on: with another one in the runbook the shelf counts for nothing."""

    base: str
    active: str = ""
    begins: int = 0
    kept: tuple[Kept, ...] = ()
    proposals: tuple[Proposal, ...] = ()
    journal: tuple[Mapping[str, Any], ...] = field(default=())

    def as_json(self) -> dict[str, Any]:
        return {"base": self.base, "active": self.active, "begins": self.begins,
                "kept": [one.as_json() for one in self.kept],
                "proposals": [one.as_json() for one in self.proposals],
                "journal": [dict(one) for one in self.journal]}  # fmt: skip

    @classmethod
    def of_json(cls, plain: Mapping[str, Any]) -> Shelf:
        return cls(
            plain["base"], plain["active"], int(plain["begins"]),
            tuple(Kept.of_json(one) for one in plain["kept"]),
            tuple(Proposal.of_json(one) for one in plain["proposals"]), tuple(plain["journal"]),
        )  # fmt: skip
