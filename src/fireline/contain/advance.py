"""What follows by itself: a question nobody answered, a measure that ran out or did not help, containment
reached."""

from __future__ import annotations

from datetime import datetime, timedelta

from fireline.clock import iso, parse_time
from fireline.ids import stable_id
from fireline.terms import words
from fireline.terms.incident import Incident, State
from fireline.terms.measure import Measure, MeasureState
from fireline.terms.standing import ERRANDS, UNDOING, held, last_verdict
from fireline.terms.timeline import Draft, Entry, EntryKind
from fireline.terms.verdict import VerdictKind

ANSWER_WITHIN = timedelta(minutes=15)
USELESS = (VerdictKind.INEFFECTIVE, VerdictKind.RELAPSED)


def advance(incident: Incident, now: datetime) -> list[Draft]:
    """The entries that are due at ``now``; to be called until there are none."""
    due = [draft for measure in incident.measures for draft in _due(incident, measure, now)]
    if due:
        return due
    in_flight = any(m.in_flight for m in incident.measures)
    if incident.state is State.TRIAGING and in_flight:
        return [Draft(EntryKind.MOVED, "A measure is on its way.", {"to": State.CONTAINING.value})]
    if incident.state is State.CONTAINING and held(incident):
        return [Draft(EntryKind.MOVED, _why_contained(incident), {"to": State.CONTAINED.value})]
    return [] if in_flight else _take_back(incident, now)


def _due(incident: Incident, measure: Measure, now: datetime) -> list[Draft]:
    data = {"measure": measure.id}
    if measure.state is MeasureState.ASKED:
        return _unanswered(_question(incident, measure), measure, now)
    if measure.state is not MeasureState.CONFIRMED or not measure.temporary:
        return []
    if measure.expires_at and measure.expires_at <= now:
        why = (
            f"It was to end after {words.length(measure.expires_at - measure.requested_at)}, and nobody "
            f"kept it."
        )
        return [Draft(EntryKind.EXPIRED, why, data)]
    if measure.simulated and last_verdict(incident, measure.id) in USELESS:
        why = "It did not help: taken back, so that the next step stands alone."
        return [Draft(EntryKind.UNDONE, why, data)]
    return []


def _question(incident: Incident, measure: Measure) -> Entry:
    return next(
        entry
        for entry in reversed(incident.timeline)
        if entry.kind is EntryKind.ASKED and entry.data["measure"]["id"] == measure.id
    )


def _unanswered(question: Entry, measure: Measure, now: datetime) -> list[Draft]:
    due = parse_time(question.data["due"])
    if now < due:
        return []
    nobody = f"Nobody answered within {words.length(due - question.at)}; the runbook says to"
    data = {"measure": measure.id}
    if question.data["default"] == "do":
        return [Draft(EntryKind.APPROVED, f"{nobody} do it then.", data)]
    return [Draft(EntryKind.EXPIRED, f"{nobody} leave it then.", data)]


def _take_back(incident: Incident, now: datetime) -> list[Draft]:
    """A measure on production that did not help is taken back by the one that undoes it, under the same
    authority."""
    for measure in incident.live_measures:
        undoing = measure.inverse.get("action")
        useless = measure.temporary and last_verdict(incident, measure.id) is VerdictKind.INEFFECTIVE
        if measure.simulated or not useless or not undoing or _asked_before(incident, measure):
            continue
        ask = measure.authority == "ask"
        because = "It did not help: to be taken back, so that the next step stands alone."
        undo = Measure(
            id=stable_id("msr", measure.id, "undo", iso(now)),
            incident=incident.id,
            service=incident.service,
            action=undoing,
            params=dict(measure.inverse.get("params") or {}),
            because=because,
            authority=measure.authority,
            state=MeasureState.ASKED if ask else MeasureState.REQUESTED,
            requested_at=now,
            simulated=False,
            expected="Calls go as they did before, and nothing that was well gets worse.",
            dry_run=f"Take back {measure.action} {measure.id}.",
            temporary=False,
        )
        data: dict[str, object] = {"measure": undo.as_json()}
        if not ask:
            return [Draft(EntryKind.REQUESTED, because, data)]
        return [Draft(EntryKind.ASKED, because, data | {"default": "leave", "due": iso(now + ANSWER_WITHIN)})]
    return []


def _asked_before(incident: Incident, measure: Measure) -> bool:
    return any(m.action == UNDOING and m.params.get("measure") == measure.id for m in incident.measures)


def _why_contained(incident: Incident) -> str:
    confirmed = [
        m for m in incident.live_measures if m.state is MeasureState.CONFIRMED and m.action not in ERRANDS
    ]
    if not confirmed:
        return "Containment was waived by a person."
    measure = confirmed[-1]
    how = "in the replay, where nothing is performed" if measure.simulated else "live traffic obeys it"
    return f"The {measure.action.replace('_', ' ')} is confirmed: {how}. Whether it helps is judged next."
