"""Which days a new reference may be taken from: whole, judged, and of no incident that hurt anybody."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from fireline.terms.incident import Incident, State

DAY = timedelta(days=1)
LEAST, MOST = 7, 28
"""Days that a reference is taken from at least and at most."""
NATURAL = "natural_drift"
INPUTS = frozenset({"drift", "score_drift", "range", "null_rate", "schema", "traffic"})
QUIET_ENDS = frozenset({State.DECLINED, State.CANCELLED, State.MERGED})


Told = frozenset[tuple[str, str]]
"""Monitors and features that a person called harmless."""


def told_harmless(incidents: Iterable[Incident]) -> Told:
    """What people declined: while it lasts it is ticketed again, and the answer stays the same."""
    ended = [i for i in incidents if i.state is State.DECLINED and is_harmless(i)]
    return frozenset(_about(alert) for i in ended for alert in i.alerts)


def _about(alert: Mapping[str, Any]) -> tuple[str, str]:
    return str(alert.get("monitor")), str(alert.get("feature"))


def is_harmless(incident: Incident, told: Told = frozenset()) -> bool:
    """A change that hurt nothing: tickets on inputs alone, ranked natural drift, declined by a person, or
    about no more than what a person declined before (``told``)."""
    if not incident.alerts or incident.paged or incident.live_measures:
        return False
    if any(alert["family"] not in INPUTS for alert in incident.alerts):
        return False
    first = incident.causes[0]["cause"] if incident.causes else ""
    again = bool(told) and all(_about(alert) in told for alert in incident.alerts)
    return again or first == NATURAL or incident.state in QUIET_ENDS


def onset_of(incident: Incident) -> datetime:
    """When it began, at the earliest."""
    return incident.onset[0] if incident.onset else incident.opened_at


def freezing(incidents: Iterable[Incident]) -> Incident | None:
    """The open incident that freezes the baseline, if any."""
    incidents = list(incidents)
    told = told_harmless(incidents)
    over = (State.RESOLVED, State.LEARNING, State.CLOSED, *QUIET_ENDS)
    return next((i for i in incidents if i.state not in over and not is_harmless(i, told)), None)


def harmed(incidents: Iterable[Incident], since: datetime, until: datetime) -> set[int]:
    """Days (since 1970, UTC) in [since, until) that an incident touched, unless it was harmless."""
    found: set[int] = set()
    incidents = list(incidents)
    told = told_harmless(incidents)
    for incident in incidents:
        if is_harmless(incident, told) or incident.state is State.MERGED:
            continue
        begin = max(onset_of(incident), since)
        end = min(incident.resolved_at or incident.closed_at or until, until)
        found |= set(range(day_of(begin), day_of(end) + 1)) if begin < until and end >= since else set()
    return found & set(range(day_of(since), day_of(until)))


def stand_ins(since: datetime, until: datetime, out: Iterable[int]) -> dict[int, int] | None:
    """For each day left out one that stands in for it: the nearest of the same weekday, else of the same sort
    (working day, weekend). None when there is none."""
    gone = set(out)
    good = [day for day in range(day_of(since), day_of(until)) if day not in gone]
    found: dict[int, int] = {}
    for day in sorted(gone):
        same = [one for one in good if one % 7 == day % 7] or [
            one for one in good if _is_weekend(one) == _is_weekend(day)
        ]
        if not same:
            return None
        found[day] = min(same, key=lambda one: (abs(one - day), one))
    return found


def _is_weekend(day: int) -> bool:
    return (day + 3) % 7 >= 5  # 1 January 1970 was a Thursday


def day_of(at: datetime) -> int:
    """The day since 1970, UTC."""
    return int(at.timestamp() // 86_400)


def start_of(day: int) -> datetime:
    """When a day begins."""
    return datetime.fromtimestamp(day * 86_400, UTC)
