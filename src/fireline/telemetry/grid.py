"""The counting itself: rows into tables of scope x tick x cell, a block of ticks at a time.

A batch's rows, in order of time, are added with one bincount on a composite index per block. Blocks are
small, so that index and table stay in the processor's cache, and hold only ticks that have rows, so that a
row of another year costs no more than any other. One thread counts: several, measured on two cores, took a
fifth more work and no less time, since they share that cache and the interpreter between such small steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from fireline.clock import MICROS
from fireline.telemetry.columns import Array
from fireline.telemetry.held import Held, joined
from fireline.telemetry.packing import narrowest
from fireline.terms.counts import CountsRow, Scope, ScopeKind
from fireline.terms.plan import Layout

BLOCK_MARKS = 1 << 17
BLOCK_CELLS = 1 << 16
HELD_BYTES = 64 << 20
SPLIT = 26
TOGETHER = 512  # rows in one product of matrices: larger ones wake threads that cost more than they save
EXACT = 1 << 53  # up to here a float64 holds every integer


@dataclass(frozen=True)
class Marginal:
    """Which scope each row belongs to, for one way of dividing all rows.

    ``code`` int32 [n] is an index into ``scopes``, or one of the two slots after them: live rows in none of
    these scopes, and rows that are nobody's. ``whole``, if any, is the scope of all rows in the ``live``
    slots.
    """

    scopes: tuple[Scope, ...]
    code: Array
    whole: Scope | None = None
    live: tuple[int, ...] = ()

    @property
    def slots(self) -> int:
        return len(self.scopes) + 2

    def kinds(self) -> set[ScopeKind]:
        """The kinds of scope in it."""
        return {scope.kind for scope in self.scopes} | ({self.whole.kind} if self.whole else set())

    def counted(self, kinds: Set[ScopeKind]) -> Marginal:
        """The same for scopes of ``kinds`` alone: where only the whole is counted, nothing else is told
        apart."""
        if self.whole is None or any(scope.kind in kinds for scope in self.scopes):
            return self
        nobody = np.ones(self.slots, np.int32)
        nobody[list(self.live)] = 0
        return Marginal((), nobody[self.code], self.whole, (0,))


@dataclass(frozen=True)
class Lots:
    """Marks that are made a stretch of rows at a time, so that they stay in the processor's cache.

    ``of(low, high)`` gives for those rows dense cells int32 [D, r] and whole amounts float64 [K, r], the
    latter for ``cells`` [K]; ``most`` rows of amounts add up exactly in a float64.
    """

    cells: Array
    most: int
    of: Callable[[int, int], tuple[Array, Array]]


@dataclass
class Marks:
    """What n rows add to the cells of a layout ``width`` wide.

    ``dense``: arrays int32 [n], a cell for every row, ``width`` standing for none. ``sparse``: pairs (rows in
    order, cell or cells). ``sums``: (cell, or int32 [n] a cell for every row, amounts int64 [n]), added
    instead of counted. ``lots``: many of both, made while they are counted.
    """

    width: int
    dense: list[Array] = field(default_factory=list)
    sparse: list[tuple[Array, Array | int]] = field(default_factory=list)
    sums: list[tuple[int | Array, Array]] = field(default_factory=list)
    lots: Lots | None = None

    def where(self, cell: int, holds: Array) -> None:
        """Count ``cell`` for the rows where ``holds`` bool [n]."""
        if 4 * np.count_nonzero(holds) > len(holds):
            self.dense.append(np.where(holds, np.int32(cell), np.int32(self.width)))
        else:
            self.sparse.append((np.flatnonzero(holds), cell))

    def rows_and_cells(self) -> tuple[Array, Array]:
        """The sparse marks as rows, rising, and their cells: int64 [m] each."""
        if not self.sparse:
            return np.empty(0, np.int64), np.empty(0, np.int64)
        rows = np.concatenate([r for r, _ in self.sparse])
        cells = np.concatenate([np.broadcast_to(np.asarray(c, np.int64), len(r)) for r, c in self.sparse])
        order = np.argsort(rows, kind="stable")
        return rows[order], cells[order]


class Moments:
    """When rows happened, ``instants`` int64 [n], microseconds since 1970 that never fall; and which ticks
    they fall into, found once for all layouts."""

    def __init__(self, instants: Array) -> None:
        self.instants = instants
        self._ticks: dict[int, Ticks] = {}

    def ticks(self, grain: int) -> Ticks:
        """The ticks of ``grain`` seconds."""
        if grain not in self._ticks:
            self._ticks[grain] = Ticks.of(self.instants // (grain * MICROS))
        return self._ticks[grain]


def count(
    layout: Layout, marks: Marks, marginals: Sequence[Marginal], moments: Moments, late: bool
) -> list[CountsRow]:
    """Stored rows of ``marks`` for each scope."""
    laid = _Laid.of(marks, len(moments.instants))
    tasks = list[tuple[Ticks, int, Marginal]]()
    for grain in sorted(set(layout.grains.values())):
        kinds = {kind for kind, one in layout.grains.items() if one == grain}
        tasks += [(moments.ticks(grain), grain, m.counted(kinds)) for m in marginals if kinds & m.kinds()]

    return [row for task in tasks for row in _counted(layout, laid, late, *task)]


def _counted(
    layout: Layout, laid: _Laid, late: bool, ticks: Ticks, grain: int, marginal: Marginal
) -> list[CountsRow]:
    """Stored rows of the scopes of one way to divide rows, in ticks of ``grain`` seconds."""
    blocks, size, found = list[tuple[Array, Array]](), 0, list[CountsRow]()
    for at, table in _tables(laid, marginal, ticks):
        table = table if layout.sums else table.view(np.uint64)  # nothing below zero to look for
        blocks.append((at, table.astype(narrowest(table), copy=False)))
        size += blocks[-1][1].nbytes
        if size > HELD_BYTES:
            found += _rows_of(layout, marginal, grain, late, blocks)
            blocks, size = [], 0
    return found + _rows_of(layout, marginal, grain, late, blocks)


@dataclass(frozen=True)
class Ticks:
    """The ticks rows fall into: ``distinct`` [D] rising, ``starts`` [D + 1] the first row of each, ``rank``
    int32 [n]."""

    distinct: Array
    starts: Array
    rank: Array

    @classmethod
    def of(cls, tick: Array) -> Ticks:
        """The ticks of rows whose ``tick`` [n] never falls."""
        changes = np.flatnonzero(tick[1:] != tick[:-1]) + 1
        starts = np.concatenate([[0], changes, [len(tick)]]).astype(np.int64)
        rank = np.repeat(np.arange(len(starts) - 1, dtype=np.int32), np.diff(starts))
        return cls(tick[starts[:-1]], starts, rank)

    def blocks(self, most: int, rows: int) -> Iterator[tuple[int, int]]:
        """Stretches of at most ``most`` distinct ticks and about ``rows`` rows."""
        first, last = 0, len(self.distinct)
        while first < last:
            fitting = int(np.searchsorted(self.starts, self.starts[first] + rows, side="right")) - 1
            stop = min(max(fitting, first + 1), first + most, last)
            yield first, stop
            first = stop


@dataclass(frozen=True)
class _Laid:
    """Marks as they are counted: all ``dense`` ones in one array int32 [D, n], the sparse ones in order of
    their rows, amounts as float64 where such add up exactly."""

    width: int
    dense: Array
    rows: Array
    cells: Array
    sums: list[tuple[int | Array, Array]]
    lots: Lots | None

    @classmethod
    def of(cls, marks: Marks, n: int) -> _Laid:
        dense = np.stack(marks.dense) if marks.dense else np.empty((0, n), np.int32)
        sums = [(cell, _addable(amounts)) for cell, amounts in marks.sums]
        return cls(marks.width, dense, *marks.rows_and_cells(), sums, marks.lots)

    def place(self, spot: Array, low: int, high: int, made: Array | None) -> Array:
        """Where the rows [low, high) count in a table of ``spot`` [r] x cell: int32 [m]."""
        start, dense = spot * np.int32(self.width + 1), self.dense[:, low:high]
        first, last = np.searchsorted(self.rows, (low, high))
        rows = len(dense) + (0 if made is None else len(made))
        found = np.empty(rows * len(spot) + int(last - first), np.int32)
        grid = found[: rows * len(spot)].reshape(rows, len(spot))
        np.add(start, dense, out=grid[: len(dense)])
        if made is not None:
            np.add(start, made, out=grid[len(dense) :])
        found[rows * len(spot) :] = start[self.rows[first:last] - low] + self.cells[first:last]
        return found


def _addable(amounts: Array) -> Array:
    """``amounts`` int64 [n] as float64 where no sum of them can lose a digit, else as they are."""
    if len(amounts) * int(np.abs(amounts).max(initial=0)) < EXACT:
        return amounts.astype(np.float64)
    return amounts


def _tables(laid: _Laid, marginal: Marginal, ticks: Ticks) -> Iterator[tuple[Array, Array]]:
    """Block after block: (its distinct ticks [T], table int64 [slots, T, width + 1])."""
    width, slots = laid.width + 1, marginal.slots
    marks = len(laid.dense) + len(laid.sums) + 1
    most = max(1, BLOCK_MARKS // marks)
    if laid.lots is not None:
        most = min(most, laid.lots.most)
    for first, stop in ticks.blocks(max(1, BLOCK_CELLS // (slots * width)), most):
        span = stop - first
        table = None
        for low in range(int(ticks.starts[first]), int(ticks.starts[stop]), most):
            high = min(low + most, int(ticks.starts[stop]))
            spot = marginal.code[low:high] * np.int32(span) + (ticks.rank[low:high] - np.int32(first))
            made, amounts = laid.lots.of(low, high) if laid.lots is not None else (None, None)
            place = laid.place(spot, low, high, made)
            counts = np.bincount(place, minlength=slots * span * width)
            table = counts if table is None else np.add(table, counts, out=table)
            for cell, figures in laid.sums:
                _add(table, spot, width, cell if isinstance(cell, int) else cell[low:high], figures[low:high])
            if laid.lots is not None and amounts is not None:
                whole = table.reshape(slots, span, width)
                code, rank = marginal.code[low:high], ticks.rank[low:high] - first
                for tick, here in _runs(rank):
                    whole[:, tick, laid.lots.cells] += _added(amounts[:, here], code[here], slots)
        assert table is not None
        yield ticks.distinct[first:stop], table.reshape(slots, span, width)


def _add(table: Array, spot: Array, width: int, cell: int | Array, amounts: Array) -> None:
    """Adds amounts [r] of rows at ``spot`` [r] to a cell, or to a cell of each row."""
    if isinstance(cell, int):
        table[cell::width] += _summed(spot, amounts, len(table) // width)
    else:
        table += _summed(spot * np.int32(width) + cell, amounts, len(table))


def _summed(index: Array, amounts: Array, size: int) -> Array:
    """Integers added up by index, exactly: bincount adds floats, so what might not fit goes in two parts."""
    if amounts.dtype == np.float64:
        return np.asarray(np.bincount(index, amounts, minlength=size).astype(np.int64))
    high, low = amounts >> SPLIT, amounts & ((1 << SPLIT) - 1)
    sums = np.bincount(index, high, minlength=size).astype(np.int64) << SPLIT
    found: Array = sums + np.bincount(index, low, minlength=size).astype(np.int64)
    return found


def _runs(rank: Array) -> Iterator[tuple[int, slice]]:
    """The stretches of rows with one rank, those too long for one small product cut in pieces."""
    cuts = [0, *(np.flatnonzero(rank[1:] != rank[:-1]) + 1).tolist(), len(rank)]
    for start, stop in pairwise(cuts):
        for low in range(start, stop, TOGETHER):
            yield int(rank[low]), slice(low, min(low + TOGETHER, stop))


def _added(amounts: Array, code: Array, slots: int) -> Array:
    """Amounts [K, r] of rows of ``code`` [r] added up: int64 [slots, K]. A product of matrices: exact, since
    the amounts are whole and their sums fit a float64."""
    here = (code == np.arange(slots, dtype=np.int32)[:, None]).astype(np.float64)
    return np.asarray((here @ amounts.T).astype(np.int64))


def _rows_of(
    layout: Layout, marginal: Marginal, grain: int, late: bool, blocks: Sequence[tuple[Array, Array]]
) -> list[CountsRow]:
    """Stored rows of the scopes of this grain: ``blocks`` are ticks [T] and their counts [slots, T, width +
    1]."""
    if not blocks:
        return []
    held, wanted = Held(layout, grain, late), [k for k, one in layout.grains.items() if one == grain]
    ticks = joined([at for at, _ in blocks])
    counts = joined([table for _, table in blocks], axis=1)[:, :, :-1]
    if marginal.whole is not None and marginal.whole.kind in wanted:
        first, *more = marginal.live
        whole = counts[first].astype(np.int64)
        for slot in more:
            whole += counts[slot]
        held.add(marginal.whole, ticks, whole.astype(narrowest(whole), copy=False))
    for slot, scope in enumerate(marginal.scopes):
        if scope.kind in wanted:
            held.add(scope, ticks, counts[slot])
    return held.release()
