"""Small makers for the lifecycle's tests: drafts in, a journal of one incident out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from fireline.clock import iso
from fireline.contain import Facts
from fireline.runbook.default_decisions import default_decisions
from fireline.runbook.schema import Runbook
from fireline.terms.cause import Cause, CauseKind
from fireline.terms.change import Change
from fireline.terms.fold import allowed, apply
from fireline.terms.incident import Incident
from fireline.terms.severity import Severity
from fireline.terms.timeline import Draft, Entry, EntryKind

K = EntryKind
T0 = datetime(2013, 3, 18, 6, 0, tzinfo=UTC)


def at(**later: float) -> datetime:
    return T0 + timedelta(**later)


@dataclass
class Journal:
    """Writes drafts as the store would: through the guards, numbered, folded."""

    id: str = "inc-1"
    entries: list[Entry] = field(default_factory=list)
    incident: Incident | None = None

    @property
    def now(self) -> Incident:
        assert self.incident is not None
        return self.incident

    def write(self, when: datetime, *drafts: Draft) -> Incident:
        for draft in drafts:
            allowed(self.incident, draft)
            self.force(when, draft)
        return self.now

    def force(self, when: datetime, draft: Draft) -> Incident:
        entry = Entry(self.id, len(self.entries) + 1, when, draft.kind, draft.by, draft.because, draft.data)
        self.incident = apply(self.incident, entry)
        self.entries.append(entry)
        return self.now

    def kinds(self) -> list[str]:
        return [entry.kind.value for entry in self.entries]


def opened(mode: str = "replay") -> Draft:
    return Draft(
        K.OPENED, "An alert has no open incident.", {"service": "flights", "mode": mode, "title": "AUC fell"}
    )


def moved(to: str, because: str = "It goes on.", by: str = "fireline", **more: Any) -> Draft:
    return Draft(K.MOVED, because, {"to": to, **more}, by)


def alert(name: str = "alr-1", family: str = "auc", urgency: str = "page", **more: Any) -> dict[str, Any]:
    return {
        "id": name,
        "monitor": family,
        "family": family,
        "series": f"{family}/service",
        "feature": None,
        "segment": None,
        "version": None,
        "against": None,
        "fired_at": iso(T0),
        "urgency": urgency,
        "evidence": 4.2,
        "threshold": 3.5,
        "seen": 0.65,
        "usual": 0.72,
        "unit": "",
        "because": f"{family} is off.",
        "details": {},
        **more,
    }


def alerted(*args: Any, **more: Any) -> Draft:
    return Draft(K.ALERTED, "A monitor crossed its threshold.", {"alert": alert(*args, **more)})


def measure(
    name: str = "msr-1", action: str = "rollback", simulated: bool = True, **more: Any
) -> dict[str, Any]:
    return {
        "id": name,
        "action": action,
        "params": {"to": "A", "from": "B"},
        "state": "requested",
        "requested_at": iso(T0),
        "applied_at": None,
        "confirmed_at": None,
        "ended_at": None,
        "expires_at": None,
        "because": "B alone is bad.",
        "authority": "observe",
        "simulated": simulated,
        "temporary": True,
        "approver": None,
        "expected": "",
        "dry_run": "",
        "inverse": {},
        "effect": None,
        **more,
    }


def about(kind: EntryKind, name: str = "msr-1", by: str = "fireline", **more: Any) -> Draft:
    return Draft(kind, f"The measure is {kind.value}.", {"measure": name, **more}, by)


def verdict(kind: str, when: datetime, measure: str | None = None) -> Draft:
    said = {
        "at": iso(when),
        "verdict": kind,
        "because": f"It is {kind}.",
        "measure": measure,
        "simulated": True,
        "figures": {},
    }
    return Draft(K.VERDICT, f"It is {kind}.", {"verdict": said})


def performed(name: str = "msr-1") -> Iterable[Draft]:
    return about(K.CLAIMED, name, worker="act"), about(K.APPLIED, name, receipt={}), about(K.CONFIRMED, name)


def triaging(mode: str = "replay") -> Journal:
    journal = Journal()
    journal.write(T0, opened(mode), alerted(), moved("declared"), moved("triaging"))
    return journal


def runbook(**more: Any) -> Runbook:
    plain: dict[str, Any] = {
        "service": "flights",
        "timezone": "America/New_York",
        "columns": {
            "time": "time",
            "request_id": "request_id",
            "version": "version",
            "score": "score",
            "features": {"hour": "numeric", "carrier": "categorical"},
        },
        "reference": {"since": "2013-03-01T00:00:00Z", "until": "2013-03-15T00:00:00Z"},
        "ownership": {
            "team": "delays",
            "contacts": [{"name": "Kim", "role": "incident commander", "reach": "555"}],
        },
        "decisions": default_decisions(),
        "ladder": [
            {"name": "full", "kind": "current"},
            {"name": "before", "kind": "last_known_good", "version": "A"},
            {
                "name": "schedule-only",
                "kind": "reduced",
                "because": "Weather is not used; a little less sharp.",
            },
            {"name": "yesterday", "kind": "cached"},
        ],
        "last_known_good": {
            "version": "A",
            "known_by": "AUC 0.72 over six weeks",
            "since": "2013-03-01T00:00:00Z",
        },
    }
    return Runbook.from_plain(plain | more)


def cause(
    kind: str = "deploy",
    score: float = 0.9,
    because: str = "Only version B is worse.",
    version: str = "B",
    rejected: bool = False,
) -> Cause:
    change = Change(T0, "deploy", f"model {version}", "flights", version) if kind == "deploy" else None
    return Cause(CauseKind(kind), score, because, change, rejected=rejected)


def facts(kind: str = "deploy", score: float = 0.9, **more: Any) -> Facts:
    given: dict[str, Any] = {"causes": (cause(kind, score),), "families": ("auc",), "severity": Severity.SEV2}
    if kind == "deploy":
        given |= {"new_version": "B", "shares": {"B": 1.0}}
    return Facts(**(given | more))


def act(journal: Journal, when: datetime) -> None:
    """What act does with every requested measure: claim, apply, confirm."""
    for found in [m for m in journal.now.measures if m.state == "requested"]:
        journal.write(when, *performed(found.id))
