"""When it began: an interval, never a point, from the monitors' traces and, where they are coarse, from the
events."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from fireline.clock import MICROS, from_micros, micros
from fireline.terms.alert import Finding
from fireline.triage.book import Book
from fireline.triage.case import Case, Floats, Trace
from fireline.triage.figure import LABELLED
from fireline.triage.figures import family_of
from fireline.triage.profile import Profile, profile, rate_profile
from fireline.triage.words import length

MINUTE = 60 * MICROS
MOST_TRACES = 16
MOST_TICKS = 6000
MOST_SLOPES = 4
SLOPE = 24
FEW_HITS = 5.0
BLIND = timedelta(hours=6)
A_LITTLE = timedelta(minutes=5)


@dataclass(frozen=True)
class Onset:
    """The onset lies in [``earliest``, ``latest``]; ``shape`` says whether it came at once or crept in.

    ``finding`` is the index of the finding that dated it (None: no trace did), ``rise`` how long it took to
    reach full size.
    """

    earliest: datetime
    latest: datetime
    shape: str
    rise: timedelta
    finding: int | None
    strength: float
    because: str

    @property
    def width(self) -> timedelta:
        return self.latest - self.earliest

    @property
    def span(self) -> tuple[datetime, datetime]:
        return self.earliest, self.latest

    def overlaps(self, other: Onset) -> bool:
        return self.earliest <= other.latest and other.earliest <= self.latest


def find_onset(case: Case, book: Book) -> Onset:
    """The incident's onset by the monitors: each finding dated by its own trace, and of those that agree with
    the trigger the most precise."""
    dated = {i: dating for i in _worth_dating(case) if (dating := date(case, i)) is not None}
    dated = {i: _not_before_version(case, book, case.findings[i], found) for i, found in dated.items()}
    if not dated:
        return _undated(case)
    anchor = dated.get(0) or max(dated.values(), key=lambda found: found.strength)
    return _most_precise(case, dated, anchor)


def _worth_dating(case: Case) -> list[int]:
    """Findings with a trace, pages first, in their order."""
    known = [i for i in range(len(case.findings)) if i in case.traces and case.traces[i].ticks > 1]
    return sorted(known, key=lambda i: (i != 0, case.findings[i].urgency != "page", i))[:MOST_TRACES]


def date(case: Case, index: int) -> Onset | None:
    """The interval that finding ``index``'s own trace allows; None when the trace shows no change at all."""
    finding, trace = case.findings[index], _recent(case.traces[index], case.findings[index])
    fired = _fired(finding, trace)
    found = _by_counts(finding, trace, fired)
    if found is None:
        found = profile(trace.z, _weights(finding, trace), max(trace.infl, 1.0), fired, fired)
    if not np.isfinite(found.strength) or found.strength <= 1.0:
        return None
    return _as_onset(found, trace, finding, index)


def _fired(finding: Finding, trace: Trace) -> int:
    """The tick the alert fired at."""
    fired = int((micros(finding.at) - micros(trace.start)) // (trace.grain * MICROS))
    return min(max(fired, 1), trace.ticks - 1)


def _by_counts(finding: Finding, trace: Trace, fired: int) -> Profile | None:
    """The profile of a rate whose ticks hold few hits; None where a normal approximation will do."""
    if finding.unit != "share" or finding.direction != "up" or family_of(finding) in LABELLED:
        return None
    good = np.isfinite(trace.seen) & np.isfinite(trace.usual) & (trace.n > 0)
    if not good.any() or float(np.median((trace.n * trace.usual)[good])) > FEW_HITS:
        return None
    n = np.where(good, trace.n, 0.0)
    hits = np.where(good, trace.seen, 0.0) * n
    gain = rate_profile(hits, n, np.where(good, trace.usual, 0.5), max(trace.infl, 1.0), fired)
    return Profile(gain, 1, float(gain.max()))


def _recent(trace: Trace, finding: Finding) -> Trace:
    """The trace without its distant past, so that a month of minutes costs no more than a few days."""
    if trace.ticks <= MOST_TICKS:
        return trace
    fired = int((micros(finding.at) - micros(trace.start)) // (trace.grain * MICROS))
    end = min(trace.ticks, max(fired + MOST_TICKS // 4, MOST_TICKS))
    cut = slice(end - MOST_TICKS, end)
    return Trace(
        trace.at(cut.start),
        trace.grain,
        trace.seen[cut],
        trace.usual[cut],
        trace.n[cut],
        trace.z[cut],
        trace.infl,
    )


def _weights(finding: Finding, trace: Trace) -> Floats:
    """How strongly each tick shows an effect: with its traffic, levelling off where other noise dominates."""
    n = np.where(np.isfinite(trace.n), trace.n, 0.0)
    busy = n[n > 0]
    if finding.family in ("traffic", "freshness", "duplicates") or busy.size == 0:
        return np.ones(trace.ticks)
    middle = float(np.median(busy))
    return np.sqrt(2 * n / (n + middle))


def _as_onset(found: Profile, trace: Trace, finding: Finding, index: int) -> Onset:
    first, last = found.span()
    earliest = max(trace.at(first - 1), trace.at(0) - timedelta(seconds=trace.grain))
    latest = min(trace.at(last + 1), finding.at)
    step = found.is_step
    rise = timedelta(seconds=0 if step else found.rise * trace.grain)
    return Onset(
        min(earliest, latest), latest, "step" if step else "ramp", rise, index, found.strength,
        f"dated by {finding.monitor.replace('_', ' ')}: "
        + ("it stepped" if step else f"it rose over about {length(rise)}"),
    )  # fmt: skip


def _most_precise(case: Case, dated: dict[int, Onset], anchor: Onset) -> Onset:
    """The narrowest dating that agrees with the anchor, among pages and what concerns the same versions.

    A ticket about something else, such as the season, must not date the harm.
    """
    pages = {i for i in dated if case.findings[i].urgency == "page"}
    versions = {case.findings[i].version for i in pages} - {None}
    same = {i for i in dated if case.findings[i].version in versions}
    family = {i for i in dated if case.findings[i].family == case.trigger.family}
    allowed = (pages | same) if pages else family
    found = [dated[i] for i in sorted(allowed | {0}) if i in dated and dated[i].overlaps(anchor)]
    strong = [o for o in found if o.shape == anchor.shape and o.strength >= min(6.0, anchor.strength)]
    return min(strong or found or [anchor], key=lambda o: (o.width, o.finding or 0))


def first_event(case: Case, book: Book, version: str | None) -> datetime | None:
    """When ``version`` first answered live, if that lies within the frames and it is not a version of the
    reference."""
    if version is None or bool((case.before.words("version") == version).any()):
        return None
    mine = book.live & (case.after.words("version") == version)
    if not mine.any():
        return None
    time = case.after.time
    first = int(time[mine].min())
    if first - int(time[book.live].min()) < 2 * MINUTE:
        return None
    return from_micros(first)


def started(case: Case, book: Book, version: str) -> datetime | None:
    """The earliest a new version can have begun: its announced change shortly before its first event, or as
    much before that event as its events are apart."""
    first = first_event(case, book, version)
    if first is None:
        return None
    told = [
        c.at for c in case.changes if c.version == version and not c.inferred and _just_before(c.at, first)
    ]
    if told:
        return min(max(told), first)
    mine = np.sort(case.after.time[book.live & (case.after.words("version") == version)])[:30]
    apart = float(np.diff(mine).mean()) if len(mine) > 2 else 5.0 * MINUTE
    return first - timedelta(microseconds=int(np.clip(3 * apart, MINUTE, 60 * MINUTE)))


def _just_before(at: datetime, first: datetime) -> bool:
    return first - timedelta(hours=2) <= at <= first + timedelta(minutes=5)


def _not_before_version(case: Case, book: Book, finding: Finding, found: Onset) -> Onset:
    """What a new version did cannot have begun before it answered."""
    begun = started(case, book, finding.version) if finding.version else None
    if begun is None or found.earliest >= begun:
        return found
    return replace(found, earliest=begun, latest=max(found.latest, begun + timedelta(minutes=1)))


def _undated(case: Case) -> Onset:
    trigger = case.trigger
    earliest = trigger.since or trigger.at - BLIND
    return Onset(
        min(earliest, trigger.at),
        trigger.at,
        "unknown",
        timedelta(0),
        None,
        0.0,
        f"no trace dates it: somewhere in the {length(trigger.at - min(earliest, trigger.at))} before the "
        f"alert",
    )


def gradual(case: Case, found: Onset) -> Onset:
    """The onset of something that crept in: from the earliest start that a slope allows on, for every
    finding.

    A slope's start is in doubt much further back than a step's.
    """
    spans = [found]
    for index in _worth_dating(case)[:MOST_SLOPES]:
        finding, trace = case.findings[index], _recent(case.traces[index], case.findings[index])
        fired = _fired(finding, trace)
        slope = profile(
            trace.z, _weights(finding, trace), max(trace.infl, 1.0), fired, fired, least_rise=SLOPE
        )
        if np.isfinite(slope.strength) and slope.strength > 3:
            spans.append(_as_onset(slope, trace, finding, index))
    best = max(spans[1:], key=lambda o: o.strength, default=found)
    # A slope starts from nothing: what is seen first is some way up.
    earliest = min(o.earliest - min(0.35 * o.rise, 1.2 * o.width) for o in spans)
    latest = max(found.latest, best.latest)
    because = "it crept in, so its start is in doubt"
    return replace(found, earliest=earliest, latest=latest, shape="ramp", rise=best.rise, because=because)


def has_moved(
    told: tuple[datetime, datetime] | None, found: tuple[datetime, datetime], least: timedelta = A_LITTLE
) -> bool:
    """Whether an onset, earliest and latest, is worth telling again: an end of it moved by more than
    ``least`` and more than a quarter of the wider interval. With every new alert the traces are read again,
    and the ends shift by a tick or two, which tells nobody anything."""
    if told is None:
        return True
    slack = max(least, max(told[1] - told[0], found[1] - found[0]) / 4)
    return any(abs(after - before) > slack for before, after in zip(told, found, strict=True))


def tidy(found: Onset, now: datetime) -> Onset:
    """Whole minutes outward, at least a minute wide, not in the future."""
    earliest = micros(found.earliest) // MINUTE * MINUTE
    latest = -(-micros(found.latest) // MINUTE) * MINUTE
    latest = max(min(latest, micros(now)), earliest + MINUTE)
    return replace(found, earliest=from_micros(earliest), latest=from_micros(latest))
