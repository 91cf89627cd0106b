"""The service page's rows: the ladder with what answers now, the monitors, the guards that listen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from fireline.clock import iso
from fireline.live.views import GuardView, MonitorView, ServiceView
from fireline.terms.incident import OVER, Incident
from fireline.terms.measure import Measure
from fireline.web.pages.evidence_bar import reached

if TYPE_CHECKING:
    from fireline.live.running import Running

CLOSEST = 14
MOST = 400
_STATES = {"alert": 0, "rising": 1, "waiting": 3, "quiet": 2}


@dataclass(frozen=True)
class Step:
    """One rung of the ladder: what it is, the share of calls it answers now, when it last did; ``told`` says
    whether events name the rung that answered."""

    name: str
    kind: str
    version: str
    because: str
    share: float
    exercised: datetime | None
    told: bool = True

    @property
    def answers(self) -> bool:
        return self.share > 0


def ladder(view: ServiceView, measures: Sequence[Measure]) -> list[Step]:
    """The runbook's rungs in their order, then rungs that answered without being declared."""
    runbook, found = view.runbook, []
    told = bool(view.rungs) or runbook.columns.rung is not None
    for rung in runbook.ladder:
        version = rung.version or ""
        if not version and rung.kind == "last_known_good" and runbook.last_known_good:
            version = runbook.last_known_good.version
        share = view.rungs.get(rung.name, view.rungs.get(rung.kind, 0.0))
        last = view.last_event if share > 0 else _exercised(rung.name, version, rung.kind, measures)
        found.append(Step(rung.name, rung.kind, version, rung.because, share, last, told=told))
    known = {name for step in found for name in (step.name, step.kind)}
    for name, share in sorted(view.rungs.items()):
        if name not in known:
            found.append(Step(name, "not in the runbook", "", "", share, view.last_event))
    return found


def _exercised(name: str, version: str, kind: str, measures: Sequence[Measure]) -> datetime | None:
    """When a measure last sent live traffic there, as far as the ledger tells."""
    times = [
        m.confirmed_at
        for m in measures
        if m.confirmed_at and not m.simulated and _leads_to(m, name, version, kind)
    ]
    return max(times, default=None)


def _leads_to(measure: Measure, name: str, version: str, kind: str) -> bool:
    params = measure.params
    if params.get("rung") in (name, kind):
        return True
    return bool(version) and kind != "current" and params.get("to") == version


def monitors(view: ServiceView) -> tuple[list[MonitorView], list[MonitorView]]:
    """Those to look at first (alerting, rising, closest to their page), and the rest by name."""
    ordered = sorted(
        view.monitors, key=lambda m: (_STATES[m.state] // 2, -reached(m), bool(m.segment), m.name)
    )
    loud = sum(m.state in ("alert", "rising") for m in ordered)
    cut = max(CLOSEST, loud)
    return ordered[:cut], sorted(ordered[cut:], key=lambda m: (m.state != "quiet", m.name))[:MOST]


def guards(view: ServiceView) -> list[tuple[GuardView, bool]]:
    """Guards with whether each obeys an older switch than the one that is out; the troubled first."""
    out = view.switch.version if view.switch else 0
    rows = [(guard, guard.obeys < out) for guard in view.guards]
    return sorted(rows, key=lambda row: (not row[0].stale, not row[1], row[0].id))


def traffic(view: ServiceView, measures: Sequence[Measure]) -> dict[str, Any]:
    """What the traffic plot is drawn from: seconds, events an hour, and what happened when."""
    first = view.hourly[0][0] if view.hourly else None
    happened = [
        {"t": round(change.at.timestamp()), "kind": "change", "says": change.what}
        for change in view.changes
        if first is not None and change.at >= first
    ]
    happened += [
        {"t": round(m.confirmed_at.timestamp()), "kind": "measure", "says": m.action}
        for m in measures
        if m.confirmed_at and first is not None and m.confirmed_at >= first and not m.simulated
    ]
    return {
        "t": [round(at.timestamp()) for at, _ in view.hourly],
        "n": [n for _, n in view.hourly],
        "zone": view.runbook.timezone,
        "marks": happened,
        "until": iso(view.last_event) if view.last_event else None,
    }


def open_of(running: Running, service: str) -> list[Incident]:
    """The service's incidents that are not over, newest first."""
    found = [running.store.incident(name) for name in running.store.incidents(service, open_only=True)]
    return [incident for incident in reversed(found) if incident.state not in OVER]
