"""An incident: the fold of its timeline, and the states it may be in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from fireline.clock import iso
from fireline.terms.measure import LIVE, Measure
from fireline.terms.severity import Severity
from fireline.terms.timeline import Entry

Mode = Literal["real", "drill", "test", "retrospective", "replay"]


class State(StrEnum):
    """suspected -> declared -> triaging -> containing <-> contained -> recovering -> verifying -> resolved ->
    ..."""

    SUSPECTED = "suspected"
    DECLARED = "declared"
    TRIAGING = "triaging"
    CONTAINING = "containing"
    CONTAINED = "contained"
    RECOVERING = "recovering"
    VERIFYING = "verifying"
    RESOLVED = "resolved"
    LEARNING = "learning"
    CLOSED = "closed"
    MERGED = "merged"
    DECLINED = "declined"
    CANCELLED = "cancelled"


OVER = frozenset({State.CLOSED, State.MERGED, State.DECLINED, State.CANCELLED})


@dataclass(frozen=True, slots=True)
class Incident:
    """What the journal says of one incident. Parts that are shown and not reasoned about stay JSON values."""

    id: str
    service: str
    mode: Mode
    title: str
    state: State
    opened_at: datetime
    severity: Severity | None = None
    severity_because: str = ""
    closed_at: datetime | None = None
    resolved_at: datetime | None = None
    onset: tuple[datetime, datetime] | None = None
    alerts: tuple[Mapping[str, Any], ...] = ()
    slice: Mapping[str, Any] | None = None
    causes: tuple[Mapping[str, Any], ...] = ()
    evidence: tuple[Mapping[str, Any], ...] = ()
    checks: tuple[str, ...] = ()
    measures: tuple[Measure, ...] = ()
    verdicts: tuple[Mapping[str, Any], ...] = ()
    decisions: tuple[Mapping[str, Any], ...] = ()
    roles: Mapping[str, str] | None = None
    watch_until: datetime | None = None
    waivers: tuple[str, ...] = ()
    review: Mapping[str, Any] | None = None
    review_approved: bool = False
    action_items: tuple[Mapping[str, Any], ...] = ()
    timeline: tuple[Entry, ...] = ()

    @property
    def paged(self) -> bool:
        """Whether any of its alerts is a page."""
        return any(alert["urgency"] == "page" for alert in self.alerts)

    @property
    def live_measures(self) -> tuple[Measure, ...]:
        return tuple(m for m in self.measures if m.state in LIVE)

    def as_json(self) -> dict[str, Any]:
        """The incident as ``incidents.json`` shows it."""
        return {
            "id": self.id,
            "service": self.service,
            "mode": self.mode,
            "title": self.title,
            "state": self.state.value,
            "severity": self.severity.value if self.severity else None,
            "severity_because": self.severity_because,
            "opened_at": iso(self.opened_at),
            "resolved_at": iso(self.resolved_at) if self.resolved_at else None,
            "closed_at": iso(self.closed_at) if self.closed_at else None,
            "onset": [iso(at) for at in self.onset] if self.onset else None,
            "alerts": [dict(a) for a in self.alerts],
            "slice": dict(self.slice) if self.slice else None,
            "causes": [dict(c) for c in self.causes],
            "measures": [m.as_json() for m in self.measures],
            "verdicts": [dict(v) for v in self.verdicts],
            "decisions": [dict(d) for d in self.decisions],
            "checks": list(self.checks),
            "evidence": [dict(e) for e in self.evidence],
            "roles": dict(self.roles or {}),
            "review": dict(self.review) if self.review else None,
            "action_items": [dict(i) for i in self.action_items],
            "timeline": [_without_exhibits(entry) for entry in self.timeline],
        }


def _without_exhibits(entry: Entry) -> dict[str, Any]:
    """An entry of the timeline; exhibits stand once, under ``evidence``, and here only their titles."""
    told = entry.as_json()
    if "evidence" in told:
        told["exhibits"] = [exhibit["title"] for exhibit in told.pop("evidence")]
    return told
