"""What follows by itself: a question nobody answered, a measure that ran out, containment reached."""

from __future__ import annotations

from datetime import datetime

from fireline.clock import parse_time
from fireline.terms import words
from fireline.terms.guards import held, last_verdict
from fireline.terms.incident import Incident, State
from fireline.terms.measure import Measure, MeasureState
from fireline.terms.timeline import Draft, Entry, EntryKind
from fireline.terms.verdict import VerdictKind


def advance(incident: Incident, now: datetime) -> list[Draft]:
    """The entries that are due at ``now``, at most one of them about each measure; to be called until it is empty."""
    drafts = [draft for measure in incident.measures for draft in _due(incident, measure, now)]
    if drafts:
        return drafts
    if incident.state is State.TRIAGING and any(m.in_flight for m in incident.measures):
        return [Draft(EntryKind.MOVED, "A measure is on its way.", {"to": State.CONTAINING.value})]
    if incident.state is State.CONTAINING and held(incident):
        return [Draft(EntryKind.MOVED, _why_contained(incident), {"to": State.CONTAINED.value})]
    return []


def _due(incident: Incident, measure: Measure, now: datetime) -> list[Draft]:
    data = {"measure": measure.id}
    if measure.state is MeasureState.ASKED:
        return _unanswered(_question(incident, measure), measure, now)
    if measure.state is not MeasureState.CONFIRMED or not measure.temporary:
        return []
    if measure.expires_at and measure.expires_at <= now:
        why = f"It was to end after {words.length(measure.expires_at - measure.requested_at)}, and nobody kept it."
        return [Draft(EntryKind.EXPIRED, why, data)]
    if measure.simulated and last_verdict(incident, measure.id) in (
        VerdictKind.INEFFECTIVE,
        VerdictKind.RELAPSED,
    ):
        return [
            Draft(EntryKind.UNDONE, "It did not help: taken back, so that the next step stands alone.", data)
        ]
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
    waited = words.length(due - question.at)
    data = {"measure": measure.id}
    if question.data["default"] == "do":
        return [
            Draft(
                EntryKind.APPROVED, f"Nobody answered within {waited}; the runbook says to do it then.", data
            )
        ]
    return [
        Draft(EntryKind.EXPIRED, f"Nobody answered within {waited}; the runbook says to leave it then.", data)
    ]


def _why_contained(incident: Incident) -> str:
    confirmed = [m for m in incident.live_measures if m.state is MeasureState.CONFIRMED]
    if not confirmed:
        return "Containment was waived by a person."
    measure = confirmed[-1]
    how = "in the replay, where nothing is performed" if measure.simulated else "live traffic obeys it"
    return f"The {measure.action.replace('_', ' ')} is confirmed: {how}. Whether it helps is judged next."
