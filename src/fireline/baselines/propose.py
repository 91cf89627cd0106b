"""When a new baseline is proposed: a new version serves alone and well, or a harmless change has lasted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from fireline.baselines.days import (
    DAY,
    LEAST,
    MOST,
    day_of,
    freezing,
    harmed,
    is_harmless,
    onset_of,
    stand_ins,
    start_of,
    told_harmless,
)
from fireline.baselines.moved import moved
from fireline.clock import from_micros, iso
from fireline.detect.baseline import Baseline, Read
from fireline.errors import StateError
from fireline.ids import stable_id
from fireline.terms import words
from fireline.terms.counts import Scope
from fireline.terms.incident import Incident
from fireline.terms.proposal import Proposal, Reason

ALONE = 0.95
"""The share of the traffic from which a version serves alone."""


@dataclass(frozen=True)
class Seen:
    """What a proposal is made from. ``versions`` says when each was first seen (microseconds), ``firing``
    what fires or rises now, ``judged`` up to when everything was judged."""

    service: str
    baseline: Baseline
    read: Read
    incidents: Sequence[Incident]
    versions: Mapping[str, int]
    firing: tuple[str, ...]
    judged: datetime
    begins: datetime


def propose(seen: Seen) -> Proposal | None:
    """A proposal where one is due, or None; none while an incident freezes the baseline."""
    if freezing(seen.incidents) is not None:
        return None
    return _after_retrain(seen) or _after_lasting_change(seen)


def _after_retrain(seen: Seen) -> Proposal | None:
    news = {v: at for v, at in seen.versions.items() if v and v not in seen.baseline.plan.versions}
    if not news:
        return None
    version = max(news, key=lambda name: (news[name], name))
    since = _next_day(max(from_micros(news[version]), seen.begins))
    window = _window(seen, since)
    if window is None or _share(seen, version, *window) < ALONE:
        return None
    if any(i.paged and i.opened_at >= from_micros(news[version]) for i in seen.incidents):
        return None
    why = (
        f"Version {version} is not in the baseline and has served alone for "
        f"{words.length(window[1] - window[0])} without harming anybody."
    )
    return _made(seen, "retrain", *window, why, ())


def _after_lasting_change(seen: Seen) -> Proposal | None:
    told = told_harmless(seen.incidents)
    harmless = [i for i in seen.incidents if is_harmless(i, told) and i.opened_at >= seen.begins]
    for incident in sorted(harmless, key=lambda i: (onset_of(i), i.id)):
        window = _window(seen, _next_day(max(onset_of(incident), seen.begins)))
        if window is None:
            continue
        made = _made(seen, "lasting change", *window, "", tuple(i.id for i in harmless))
        if made is None or not made.moved:
            continue
        names = words.listing([one.series for one in made.moved[:3]])
        why = (
            f"{names} moved and stayed so for {words.length(window[1] - window[0])}; nothing was harmed by "
            f"it ({incident.title})."
        )
        return _with_because(made, why)
    return None


def by_person(seen: Seen, since: datetime, until: datetime, by: str, because: str) -> Proposal:
    """The proposal of a person. Raises StateError while an incident freezes the baseline, and where the days
    are too few."""
    check_frozen(seen.incidents)
    if until > seen.judged:
        raise StateError(
            f"the days up to {iso(until)} are not all judged yet", todo=f"end it at {iso(_day(seen.judged))}"
        )
    made = _made(seen, "a person", _day(since), _day(until), because or f"{by} proposed it.", (), by)
    if made is None:
        raise StateError(
            f"too few calm days from {iso(since)} to {iso(until)}: {LEAST} are needed, without those of "
            f"incidents",
            todo="choose a longer stretch",
        )
    return made


def check_frozen(incidents: Sequence[Incident]) -> None:
    """Raises StateError while an incident freezes the baseline."""
    open_one = freezing(incidents)
    if open_one is not None:
        raise StateError(
            f"the baseline is frozen while incident {open_one.id} is {open_one.state.value}",
            todo="end the incident first: its days must not become what is usual",
        )


def _window(seen: Seen, since: datetime) -> tuple[datetime, datetime] | None:
    """Whole judged days from ``since`` on, the newest; None while they are too few."""
    until = _day(seen.judged)
    since = max(since, until - MOST * DAY)
    return (since, until) if until - since >= LEAST * DAY else None


def _made(
    seen: Seen, reason: Reason, since: datetime, until: datetime, because: str, about: tuple[str, ...],
    by: str = "fireline",
) -> Proposal | None:  # fmt: skip
    out = harmed(seen.incidents, since, until)
    calm = day_of(until) - day_of(since) - len(out)
    if calm < LEAST or stand_ins(since, until, out) is None:
        return None
    return Proposal(
        id=stable_id("bsl", seen.service, reason, iso(since), iso(until), *about),
        service=seen.service,
        reason=reason,
        at=seen.judged,
        since=since,
        until=until,
        because=because,
        moved=moved(seen.baseline, seen.read, since, until),
        quiet=seen.firing,
        left_out=tuple(start_of(day) for day in sorted(out)),
        incidents=about,
        by=by,
    )


def _with_because(made: Proposal, because: str) -> Proposal:
    return replace(made, because=because)


def _share(seen: Seen, version: str, since: datetime, until: datetime) -> float:
    """The share of the events in [since, until) that ``version`` answered."""
    layout = seen.baseline.plan.rates
    grain = layout.grains["version"]
    first, last = (int(at.timestamp()) // grain for at in (since, until))
    found = seen.read(layout, grain, first, last)
    n = layout.series[0].cells.index("n")
    totals = {scope.value: float(c[:, n].sum()) for scope, c in found.items() if scope.kind == "version"}
    whole = sum(totals.values())
    return totals.get(Scope("version", "", version).value, 0.0) / whole if whole else 0.0


def _day(at: datetime) -> datetime:
    return start_of(day_of(at))


def _next_day(at: datetime) -> datetime:
    return _day(at + DAY - timedelta(microseconds=1))
