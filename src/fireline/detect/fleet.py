"""A fleet: the judges of many services, advanced together, each exactly as it would be by itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fireline.clock import MICROS
from fireline.detect.fixed import HOUR, FixedThresholds, Read
from fireline.detect.judge import Judge, in_order
from fireline.detect.lane import Lane, Sweep
from fireline.detect.strand import Found
from fireline.terms.alert import Finding

Key = tuple[bool, int, int]
ROOM = 100
"""So many services share lanes: of a thousand, whoever joins or changes lays one lane in ten anew, and a
lane's arrays fit a processor's cache."""
BEHIND, LONG = 2, 120
"""So many ticks for each service, and never more than so many, are a lane's work; who is further behind reads
whole blocks by himself."""


@dataclass(frozen=True)
class Asked:
    """A judge that is to advance: ticks that end by ``until``, cohorts by ``quality_until`` (microseconds).

    ``read`` is the service's own reader, for what is not judged side by side.
    """

    service: str
    judge: Judge
    read: Read
    until: int
    quality_until: int

    def last(self, key: Key) -> int:
        """The first tick of the round that is not complete."""
        aged, seconds, _ = key
        return (self.quality_until if aged else self.until) // (seconds * MICROS)


class Fleet:
    """Remembers the lanes in which judges lie side by side, from tick to tick."""

    def __init__(self) -> None:
        self._lanes: dict[tuple[Key, tuple[str, ...]], Lane] = {}
        self._hours: dict[str, tuple[FixedThresholds, tuple[object, ...]]] = {}
        self._rooms: dict[str, int] = {}

    def advance(self, asked: Sequence[Asked], sweep: Sweep) -> dict[str, list[Finding]]:
        """Judges every complete tick of every service once, in order; what each found, as ``Judge.advance``
        gives it.

        ``sweep`` reads the counts of all of them. When anything raises, some judges may have advanced and
        others not: they are to be restored from what was saved before.
        """
        found: dict[str, list[Finding]] = {one.service: [] for one in asked}
        swept, reads = _once(sweep), {one.service: one.read for one in asked}
        for key in sorted({key for one in asked for key in one.judge.rounds}):
            for (tick, last), members in self._in_step(key, asked):
                if last - tick > min(BEHIND * len(members), LONG):
                    for one in members:
                        found[one.service] += one.judge.sit(one.judge.rounds[key], one.read, last)
                    continue
                lane = self._lane(key, members)
                for _ in range(tick, last):
                    for service, court, group, crossing in lane.step(swept):
                        judge = lane.judges[service]
                        found[service].append(judge.found(court, group, crossing, reads[service]))
        for one in asked:
            found[one.service] += self._fixed(one)
            found[one.service].sort(key=in_order)
        return found

    def begun(self, until: int) -> set[tuple[int, int, int]]:
        """(Grain, first, stop) of the ticks that began before ``until`` (microseconds) and are not judged:
        what a reader may read ahead."""
        found = set()
        for lane in self._lanes.values():
            for grain, first, stop in lane.next_reads():
                if first * grain * MICROS < until:
                    found.add((grain, first, stop))
        return found

    def lay(self, asked: Sequence[Asked]) -> None:
        """Lays the lanes in which these will be judged, so that the first tick need not."""
        for key in sorted({key for one in asked for key in one.judge.rounds}):
            for _, members in self._in_step(key, asked, waiting=True):
                self._lane(key, members)

    def _in_step(
        self, key: Key, asked: Sequence[Asked], waiting: bool = False
    ) -> Iterator[tuple[tuple[int, int], list[Asked]]]:
        """Those with something to judge (or, ``waiting``, all) by the ticks they are to judge, room by
        room."""
        groups: dict[tuple[int, int, int], list[Asked]] = {}
        for one in asked:
            if key in one.judge.rounds:
                tick, last = one.judge.rounds[key].track.next_tick, one.last(key)
                if tick < last or waiting:
                    room = self._rooms.setdefault(one.service, len(self._rooms) // ROOM)
                    groups.setdefault((tick, max(tick, last), room), []).append(one)
        for (tick, last, _), members in sorted(groups.items(), key=lambda item: item[0]):
            yield (tick, last), members

    def _lane(self, key: Key, members: Sequence[Asked]) -> Lane:
        judges = {one.service: one.judge for one in members}
        name = key, tuple(judges)
        lane = self._lanes.get(name)
        if lane is None or not lane.holds(judges):
            stale = [
                k for k, lane in self._lanes.items() if k[0] == key and judges.keys() & lane.judges.keys()
            ]
            for other in stale:
                del self._lanes[other]
            lane = self._lanes[name] = Lane(judges, key)
        return lane

    def _fixed(self, one: Asked) -> list[Finding]:
        """Fixed thresholds, whose windows end with an hour: before the next there is nothing to say."""
        fixed = one.judge.fixed
        hours = one.until // (HOUR * MICROS), one.quality_until // (HOUR * MICROS)
        judged, when = self._hours.get(one.service, (None, ()))
        if judged is fixed and when == (*hours, tuple(fixed.starts)):
            return []
        said = fixed.advance(one.read, one.until, one.quality_until)
        self._hours[one.service] = fixed, (*hours, tuple(fixed.starts))
        return said


def _once(sweep: Sweep) -> Sweep:
    """Reads each grain's tick once, however many rounds ask for it; the last few are kept."""
    kept: dict[tuple[int, int, int], Found] = {}

    def swept(grain: int, first: int, stop: int) -> Found:
        place = grain, first, stop
        if place not in kept:
            while len(kept) >= 4:
                kept.pop(next(iter(kept)))
            kept[place] = sweep(*place)
        return kept[place]

    return swept
