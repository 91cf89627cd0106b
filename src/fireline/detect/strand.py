"""A strand: one kind's courts of many services, read as one bank from counts that lie end to end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fireline.detect.bank import Bank, Reading
from fireline.detect.courts import Court
from fireline.detect.judge import Judge
from fireline.detect.kinds import Array, Kind, Means, Rates, Ticks
from fireline.detect.season import cell_of
from fireline.detect.sums import Sums
from fireline.detect.terms import terms_of

Found = Mapping[str, Mapping[tuple[str, str], Array]]
"""By service: counts int64 [W] of one judged tick by (layout's identity, scope's key); none where none."""
NOTHING: Mapping[tuple[str, str], Array] = {}
Tables = tuple[Sums, ...]


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
    def tables(self) -> Tables | None:
        """What its kind adds up, found once for each judge; None when it does anything else."""
        kind, known = self.court.bank.kind, self.judge.tables
        if kind.name not in known:
            known[kind.name] = _tables(kind, self.judge)
        return known[kind.name]

    @property
    def width(self) -> int:
        return self.court.bank.kind.laid_out(self.judge.plan).width

    def places(self) -> list[tuple[str, str]]:
        """Where its service's counts of its scopes are found."""
        identity = self.court.bank.kind.laid_out(self.judge.plan).identity
        return [(identity, scope.key) for scope in self.court.bank.scopes]


def _tables(kind: Kind, judge: Judge) -> Tables | None:
    told = kind.sums(judge.plan)
    if told is None:
        found = terms_of(kind, judge.plan)
        told = found.sums if found is not None else None
    return told


class Shelf:
    """The counts that a lane's courts look at in ticks of one length, each scope's once, end to end."""

    def __init__(self, seats: Sequence[Seat]) -> None:
        self._wanted: dict[str, dict[tuple[str, str], Array]] = {}
        widths: dict[tuple[str, tuple[str, str]], int] = {}
        empty: dict[int, Array] = {}
        for seat in seats:
            none = empty.setdefault(seat.width, np.zeros(seat.width, np.int64))
            for place in seat.places():
                self._wanted.setdefault(seat.service, {}).setdefault(place, none)
                widths[seat.service, place] = seat.width
        at = 0
        self._offsets: dict[tuple[str, tuple[str, str]], int] = {}
        for service, wanted in self._wanted.items():
            for place in wanted:
                self._offsets[service, place] = at
                at += widths[service, place]

    def offsets(self, seat: Seat) -> list[int]:
        """Where the counts of the court's scopes begin."""
        return [self._offsets[seat.service, place] for place in seat.places()]

    def filled(self, found: Found) -> Array:
        """All of one judged tick: int64 [1, size]."""
        return np.concatenate(list(self._rows(found)))[None]

    def _rows(self, found: Found) -> Iterator[Array]:
        for service, wanted in self._wanted.items():
            of = found.get(service, NOTHING)
            for place, none in wanted.items():
                yield of.get(place, none)


class Strand:
    """The courts of one kind, grain and merge in a lane; ``shelf`` is where their counts lie."""

    def __init__(self, kind: Kind, grain: int, merge: int, seats: Sequence[Seat], shelf: Shelf) -> None:
        self.kind, self.grain, self.merge = kind, grain, merge
        groups = _in_groups(kind, seats)
        self.seats = [seat for group in groups for seat in group]
        self.bank = Bank.beside([seat.court.bank for seat in self.seats])
        self.channels = np.concatenate([seat.channels for seat in self.seats])
        self.caps = np.concatenate([np.repeat(s.court.caps, s.court.bank.sizes) for s in self.seats])
        self._zones = tuple(dict.fromkeys(seat.judge.plan.timezone for seat in self.seats))
        self._cells: tuple[int, ...] = ()
        self._base = self._variance = np.zeros((1, 0))
        self.tables = self._joined(shelf)
        self._rows = [] if self.tables else [_Rows.of(group, shelf) for group in groups]

    def _joined(self, shelf: Shelf) -> Tables | None:
        """What to add up for every channel, where each service's monitors do no more than add counts up."""
        known = [seat.tables for seat in self.seats]
        if any(one is None for one in known):
            return None
        parts: list[list[Sums]] = [[] for _ in known[0] or ()]
        offsets: list[int] = []
        for seat, tables in zip(self.seats, known, strict=True):
            at = shelf.offsets(seat)
            offsets += at
            for into, one in zip(parts, tables or (), strict=True):
                into += [one] * len(at)
        return tuple(Sums.beside(of, offsets) for of in parts)

    def read(self, counts: Array, tick: int) -> Reading:
        """One judged tick of all of them, from the shelf's counts [1, size]."""
        self._season(tick)
        return self.bank.read_ticks([self._ticks(counts)], self._base, self._variance, self.caps)

    def _ticks(self, counts: Array) -> Ticks:
        if self.tables is None:
            return _side_by_side([rows.asked(self.kind, counts[0]) for rows in self._rows])
        added = [one.of(counts) for one in self.tables]
        return Rates(*added) if self.kind.test == "rate" else self.kind.figures(*added)

    def _season(self, tick: int) -> None:
        """Takes up what is usual in the tick's season cells, which change once an hour."""
        seconds = self.grain * self.merge
        cells = tuple(cell_of(tick, seconds, zone) for zone in self._zones)
        if cells == self._cells:
            return
        now = dict(zip(self._zones, cells, strict=True))
        places = [(seat.court.bank, now[seat.judge.plan.timezone]) for seat in self.seats]
        self._base = np.concatenate([bank.base[cell] for bank, cell in places])[None]
        self._variance = np.concatenate([bank.base_variance[cell] for bank, cell in places])[None]
        self._cells = cells


@dataclass(frozen=True)
class _Rows:
    """Courts that are asked in one go, a row for each scope: where each row begins on the shelf."""

    seat: Seat
    begins: tuple[int, ...]

    @classmethod
    def of(cls, group: Sequence[Seat], shelf: Shelf) -> _Rows:
        return cls(group[0], tuple(at for seat in group for at in shelf.offsets(seat)))

    def asked(self, kind: Kind, counts: Array) -> Ticks:
        width = self.seat.width
        return kind.ticks(self.seat.judge.plan, np.stack([counts[at : at + width] for at in self.begins]))


def _in_groups(kind: Kind, seats: Sequence[Seat]) -> list[list[Seat]]:
    """Seats that may be asked in one go: of one service, or of several that are alike to the kind."""
    groups: dict[object, list[Seat]] = {}
    for seat in seats:
        alike = kind.depends_on(seat.judge.plan)
        groups.setdefault(id(seat.judge) if alike is None else (alike,), []).append(seat)
    return list(groups.values())


def _side_by_side(parts: Sequence[Ticks]) -> Ticks:
    """Statistics [scopes, C] of group after group as one tick of all their channels, [1, sum of scopes x
    C]."""

    def flat(name: str) -> Array:
        return np.concatenate([np.asarray(getattr(part, name)).ravel() for part in parts])[None]

    if isinstance(parts[0], Rates):
        return Rates(flat("hits"), flat("n"))
    assert isinstance(parts[0], Means)
    return Means(flat("value"), flat("variance"), flat("n"))
