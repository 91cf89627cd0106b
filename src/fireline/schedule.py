"""When an incident is looked at again, derived from what its journal says."""

from __future__ import annotations

from datetime import datetime, timedelta

from fireline.clock import parse_time
from fireline.terms.incident import OVER, Incident, State
from fireline.terms.measure import MeasureState
from fireline.terms.timeline import EntryKind

HOURLY, THEN = 6, timedelta(hours=6)
LOOKED_AT = timedelta(days=21)
AGAIN = (
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=6),
    timedelta(hours=24),
    timedelta(hours=72),
)
PAUSE, EARLY, LATER_PAUSE = timedelta(minutes=30), timedelta(hours=3), timedelta(hours=6)
OPEN_QUESTION = frozenset({State.TRIAGING, State.CONTAINING})
HELD_OFF = frozenset({State.CONTAINED, State.RECOVERING})
CLEAR = 0.7


def is_open_question(incident: Incident) -> bool:
    """Whether triage goes on: nothing holds the harm, or something does and why it came is not known yet."""
    if incident.state in HELD_OFF:
        likely = next((c for c in incident.causes if not c.get("rejected")), None)
        return likely is None or likely["cause"] == "unknown" or float(likely["score"]) < CLEAR
    return incident.state in OPEN_QUESTION


def is_due(incident: Incident, now: datetime) -> bool:
    """Whether triage has something new to look at: a new alert, or the next of its fixed times. The first
    page is looked at at once, whatever was known of its ticket."""
    if not is_open_question(incident):
        return False
    last = next((e for e in reversed(incident.timeline) if e.kind is EntryKind.CAUSES), None)
    if last is None:
        return True
    told = [e for e in incident.timeline if e.kind is EntryKind.ALERTED]
    pages = [e for e in told if e.data["alert"]["urgency"] == "page"]
    if pages and pages[0].seq > last.seq:
        return True
    fresh = [e for e in told if e.seq > last.seq]
    loud = bool(pages) and pages[-1].seq > last.seq
    pause = PAUSE if loud or now - incident.opened_at < EARLY else LATER_PAUSE
    if fresh and now - last.at >= pause:
        return True
    return any(last.at < incident.opened_at + wait <= now for wait in AGAIN)


def is_check(incident: Incident, now: datetime, last: datetime | None = None) -> bool:
    """Whether one of the incident's check times lies after ``last`` (None: just before ``now``) and not after
    ``now``: hourly at first, then every six hours, and the end of its watch period."""
    if incident.state in OVER or incident.state in (State.RESOLVED, State.LEARNING):
        return False
    last = last or now - timedelta(microseconds=1)
    upcoming = next_check(incident, last)
    if incident.watch_until is not None and last < incident.watch_until <= now:
        return True
    return upcoming is not None and upcoming <= now


def next_check(incident: Incident, now: datetime) -> datetime | None:
    """The first check time after ``now``; None when it has been looked at for long enough."""
    age = now - incident.opened_at
    if age >= LOOKED_AT:
        return None
    step = timedelta(hours=1) if age < timedelta(hours=HOURLY) else THEN
    return incident.opened_at + (age // step + 1) * step


def next_moment(incident: Incident, now: datetime) -> datetime | None:
    """The next instant after ``now`` at which something is due for the incident without a new finding."""
    if incident.state in OVER or incident.state in (State.RESOLVED, State.LEARNING):
        return None
    moments = [next_check(incident, now), incident.watch_until]
    if is_open_question(incident):
        moments += [incident.opened_at + wait for wait in AGAIN]
    for measure in incident.measures:
        if measure.state is MeasureState.ASKED:
            asked = [e for e in incident.timeline if e.kind is EntryKind.ASKED]
            moments += [parse_time(e.data["due"]) for e in asked]
        elif measure.state is MeasureState.CONFIRMED and measure.temporary:
            moments.append(measure.expires_at)
    return min((m for m in moments if m is not None and m > now), default=None)
