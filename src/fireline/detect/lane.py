"""A lane: one round of many services' judges side by side, judged as one array.

What is judged, and how, is the bank's, the track's and the judge's: a lane only lays the channels end to end.
Its arrays are the tracks' own (each judge's track becomes a view of its part), so a judge may at any moment
be asked, saved, or judged by itself, and none of that is noticed here until its channels change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from fireline.detect.bank import Reading
from fireline.detect.courts import Court, Round
from fireline.detect.judge import SAVED, Judge
from fireline.detect.kinds import Array
from fireline.detect.strand import NOTHING, Found, Seat, Shelf, Strand
from fireline.detect.track import Crossing, Track
from fireline.terms.counts import Scope

Sweep = Callable[[int, int, int], Found]
"""The counts of all services in ticks [first, stop) of a grain of seconds, each scope's added up."""


class Lane:
    """Rounds that share a key (labels waited for or not, seconds, branches) and the next tick."""

    def __init__(self, members: Mapping[str, Judge], key: tuple[bool, int, int]) -> None:
        self.key, self.judges = key, dict(members)
        self.rounds: dict[str, Round] = {name: judge.rounds[key] for name, judge in members.items()}
        self.shape = [len(one.courts) for one in self.rounds.values()]
        self._lay()
        seats = list(self._seats())
        self.alone = [seat for seat in seats if not _is_plain(seat.court)]
        lengths: dict[tuple[int, int], dict[str, list[Seat]]] = {}
        for seat in seats:
            bank = seat.court.bank
            if _is_plain(seat.court):
                kinds = lengths.setdefault((seat.court.grain, bank.merge), {})
                kinds.setdefault(bank.kind.name, []).append(seat)
        self.shelves: list[tuple[Shelf, list[Strand]]] = []
        for length, kinds in lengths.items():
            shelf = Shelf([seat for of in kinds.values() for seat in of])
            strands = [Strand(of[0].court.bank.kind, *length, of, shelf) for of in kinds.values()]
            self.shelves.append((shelf, strands))

    def _lay(self) -> None:
        """Lays the tracks end to end and makes each a view of its part."""
        tracks = [one.track for one in self.rounds.values()]
        self.starts = np.cumsum([0, *(len(track.r) for track in tracks)])
        self.groups = np.cumsum([0, *(len(track.sizes) for track in tracks)])
        joined = {
            name: np.concatenate([getattr(track, name) for track in tracks], axis=1 if name == "sums" else 0)
            for name in (*SAVED, "sizes", "page", "ticket")
        }
        self.track = Track(next_tick=tracks[0].next_tick, **joined)
        for i, track in enumerate(tracks):
            span = slice(int(self.starts[i]), int(self.starts[i + 1]))
            for name in ("r", "w", "since"):
                setattr(track, name, joined[name][span])
            track.sums = joined["sums"][:, span]
            track.latched = joined["latched"][int(self.groups[i]) : int(self.groups[i + 1])]

    def _seats(self) -> Iterator[Seat]:
        for (name, one), start in zip(self.rounds.items(), self.starts[:-1], strict=True):
            at = int(start)
            for court in one.courts:
                yield Seat(name, self.judges[name], court, at)
                at += int(court.bank.sizes.sum())

    def holds(self, members: Mapping[str, Judge]) -> bool:
        """Whether these judges are still the lane's, their tracks views of it and nobody joined them."""
        return all(
            self.judges.get(name) is judge
            and judge.rounds[self.key] is self.rounds[name]
            and self.rounds[name].track.r.base is self.track.r
            for name, judge in members.items()
        ) and self.shape == [len(one.courts) for one in self.rounds.values()]

    def step(self, sweep: Sweep) -> list[tuple[str, Court, int, Crossing]]:
        """Judges the next tick: (service, court, its monitor's number, crossing), service by service."""
        tick = next(iter(self.rounds.values())).track.next_tick
        self.track.next_tick = tick
        block = Block(int(self.starts[-1]), self.key[2])
        for shelf, strands in self.shelves:
            grain, merge = strands[0].grain, strands[0].merge
            counts = shelf.filled(sweep(grain, tick * merge, (tick + 1) * merge))
            for strand in strands:
                block.put(strand.channels, strand.read(counts, tick))
        for seat in self.alone:
            block.put(seat.channels, _alone(seat, sweep, tick))
        crossings = list(self.track.add([block.reading]))
        for one in self.rounds.values():
            one.track.next_tick = self.track.next_tick
        return [self._whose(crossing) for crossing in crossings]

    def next_reads(self) -> set[tuple[int, int, int]]:
        """What the next step will sweep: (grain, first, stop)."""
        tick = next(iter(self.rounds.values())).track.next_tick
        lengths = ((strands[0].grain, strands[0].merge) for _, strands in self.shelves)
        return {(grain, tick * merge, (tick + 1) * merge) for grain, merge in lengths}

    def _whose(self, crossing: Crossing) -> tuple[str, Court, int, Crossing]:
        number = int(np.searchsorted(self.groups, crossing.group, side="right")) - 1
        name = list(self.rounds)[number]
        court, group = self.rounds[name].owner(crossing.group - int(self.groups[number]))
        return name, court, group, crossing


class Block:
    """One tick of all channels, filled strand by strand."""

    def __init__(self, channels: int, branches: int) -> None:
        flat = [np.zeros((1, channels)) for _ in range(4)]
        valid = np.zeros((1, channels), bool)
        self.reading = Reading(np.zeros((1, channels, branches)), valid, *flat)

    def put(self, at: Array, read: Reading) -> None:
        """``z`` is left out: nobody who judges asks for it."""
        for name in ("log_factors", "valid", "seen", "usual", "weight"):
            getattr(self.reading, name)[:, at] = getattr(read, name)


def _is_plain(court: Court) -> bool:
    return court.rival is None


def _alone(seat: Seat, sweep: Sweep, tick: int) -> Reading:
    """A court that looks at other scopes than its own (a version against the others)."""
    court, merge = seat.court, seat.court.bank.merge
    layout = court.bank.kind.laid_out(seat.judge.plan)
    of = sweep(court.grain, tick * merge, (tick + 1) * merge).get(seat.service, NOTHING)
    counts: dict[Scope, Array] = {}
    for (identity, key), found in of.items():
        if identity == layout.identity:
            whole = np.zeros((merge, layout.width), np.int64)
            whole[0] = found  # they are added up again: where in the tick they lie does not show
            counts[Scope.of_key(key)] = whole
    return seat.judge.read_tick(court, counts, tick)
