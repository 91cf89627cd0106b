"""A lane: one round of many services' judges side by side, judged as one array.

What is judged, and how, is the bank's, the track's and the judge's: a lane only lays the channels end to end.
Its arrays are the tracks' own (each judge's track becomes a view of its part), so a judge may at any moment
be asked, saved, or judged by itself, and none of that is noticed here until its channels change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fireline.detect.bank import Bank, Reading
from fireline.detect.judge import SAVED, Court, Judge, Round
from fireline.detect.kinds import Array, Kind, Means, Rates, Ticks
from fireline.detect.season import cells_of
from fireline.detect.terms import Terms, terms_of
from fireline.detect.track import Crossing, Track
from fireline.terms.counts import Scope

Found = Mapping[str, Mapping[tuple[str, str], Array]]
"""By service: counts int64 [W] of one judged tick by (layout's identity, scope's key); none where none."""
Sweep = Callable[[int, int, int], Found]
"""The counts of all services in ticks [first, stop) of a grain of seconds, each scope's added up."""
NOTHING: Mapping[tuple[str, str], Array] = {}


@dataclass(frozen=True)
class Seat:
    """A court of one of the lane's services; its channels begin at ``start`` in the lane."""

    service: str
    judge: Judge
    court: Court
    start: int

    @property
    def channels(self) -> Array:
        return np.arange(self.start, self.start + int(self.court.bank.sizes.sum()))

    @property
    def terms(self) -> Terms | None:
        """What its kind adds up, found once for each judge."""
        kind, known = self.court.bank.kind, self.judge.terms
        if kind.name not in known:
            known[kind.name] = terms_of(kind, self.judge.plan)
        return known[kind.name]

    def places(self) -> list[tuple[str, tuple[str, str]]]:
        """Where the counts of its scopes are found."""
        identity = self.court.bank.kind.laid_out(self.judge.plan).identity
        return [(self.service, (identity, scope.key)) for scope in self.court.bank.scopes]


class Strand:
    """The courts of one kind, grain and merge in a lane, read as one bank."""

    def __init__(self, kind: Kind, grain: int, merge: int, seats: Sequence[Seat]) -> None:
        self.kind, self.grain, self.merge, self.seats = kind, grain, merge, seats
        self.bank = Bank.beside([seat.court.bank for seat in seats])
        self.channels = np.concatenate([seat.channels for seat in seats])
        self.caps = np.concatenate([np.repeat(s.court.caps, s.court.bank.sizes) for s in seats])
        self.places = [place for seat in seats for place in seat.places()]
        self.widths = [seat.court.bank.kind.laid_out(seat.judge.plan).width for seat in seats]
        self._cells: tuple[int, ...] = ()
        self._base = self._variance = np.zeros((1, 0))
        self.terms = self._joined([seat.terms for seat in seats])
        self._none = [np.zeros(width, np.int64) for width in self.widths]

    def _joined(self, terms: Sequence[Terms | None]) -> Terms | None:
        """What to add up for every channel, where each service's monitors do no more than add counts up."""
        known = [one for one in terms if one is not None]
        if len(known) < len(terms):
            return None
        scopes = [len(seat.court.bank.scopes) for seat in self.seats]
        return Terms.beside([one for one, n in zip(known, scopes, strict=True) for _ in range(n)])

    def read(self, found: Found, tick: int) -> Reading:
        """One judged tick of all of them."""
        self._season(tick)
        ticks = self._added(found) if self.terms is not None else self._asked(found)
        return self.bank.read_ticks([ticks], self._base, self._variance, self.caps)

    def _season(self, tick: int) -> None:
        """Takes up what is usual in the tick's season cells, which change once an hour."""
        now: dict[str, int] = {}
        for seat in self.seats:
            zone = seat.judge.plan.timezone
            if zone not in now:
                now[zone] = int(cells_of(np.array([tick]), self.grain * self.merge, zone)[0])
        cells = tuple(now.values())
        if cells == self._cells:
            return
        places = [(seat.court.bank, now[seat.judge.plan.timezone]) for seat in self.seats]
        self._base = np.concatenate([bank.base[cell] for bank, cell in places])[None]
        self._variance = np.concatenate([bank.base_variance[cell] for bank, cell in places])[None]
        self._cells = cells

    def _rows(self, found: Found) -> Iterator[Array]:
        at = iter(self.places)
        for seat, none in zip(self.seats, self._none, strict=True):
            of = found.get(seat.service, NOTHING)
            for _ in seat.court.bank.scopes:
                yield of.get(next(at)[1], none)

    def _added(self, found: Found) -> Ticks:
        assert self.terms is not None
        return self.terms.ticks(np.concatenate(list(self._rows(found))))

    def _asked(self, found: Found) -> Ticks:
        rows, parts = self._rows(found), []
        for seat in self.seats:
            counts = np.stack([next(rows) for _ in seat.court.bank.scopes])
            parts.append(self.kind.ticks(seat.judge.plan, counts))
        return _side_by_side(parts)


def _side_by_side(parts: Sequence[Ticks]) -> Ticks:
    """Statistics [scopes, C] of service after service as one tick of all their channels, [1, sum of scopes x
    C]."""

    def flat(name: str) -> Array:
        return np.concatenate([np.asarray(getattr(part, name)).ravel() for part in parts])[None]

    if isinstance(parts[0], Rates):
        return Rates(flat("hits"), flat("n"))
    return Means(flat("value"), flat("variance"), flat("n"))


class Lane:
    """Rounds that share a key (labels waited for or not, seconds, branches) and the next tick."""

    def __init__(self, members: Mapping[str, Judge], key: tuple[bool, int, int]) -> None:
        self.key, self.judges = key, dict(members)
        self.rounds: dict[str, Round] = {name: judge.rounds[key] for name, judge in members.items()}
        self.shape = [len(one.courts) for one in self.rounds.values()]
        self._lay()
        seats = list(self._seats())
        self.alone = [seat for seat in seats if not _is_plain(seat.court)]
        together: dict[tuple[str, int, int], list[Seat]] = {}
        for seat in seats:
            bank = seat.court.bank
            if _is_plain(seat.court):
                together.setdefault((bank.kind.name, seat.court.grain, bank.merge), []).append(seat)
        self.strands = [Strand(s[0].court.bank.kind, k[1], k[2], s) for k, s in together.items()]

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
        for strand in self.strands:
            first = tick * strand.merge
            found = sweep(strand.grain, first, first + strand.merge)
            block.put(strand.channels, strand.read(found, tick))
        for seat in self.alone:
            block.put(seat.channels, _alone(seat, sweep, tick))
        crossings = list(self.track.add([block.reading]))
        for one in self.rounds.values():
            one.track.next_tick = self.track.next_tick
        return [self._whose(crossing) for crossing in crossings]

    def next_reads(self) -> set[tuple[int, int, int]]:
        """What the next step will sweep: (grain, first, stop)."""
        tick = next(iter(self.rounds.values())).track.next_tick
        return {(s.grain, tick * s.merge, (tick + 1) * s.merge) for s in self.strands}

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
