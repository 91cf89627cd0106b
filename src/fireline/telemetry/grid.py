"""The counting itself: rows into tables of scope x tick x cell, a block of ticks at a time.

A batch's rows, in order of time, are added with one bincount on a composite index per block. Blocks are
small, so that index and table stay in the processor's cache, and hold only ticks that have rows, so that a
row of another year costs no more than any other.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from fireline.clock import MICROS
from fireline.telemetry.columns import Array
from fireline.telemetry.packing import narrowest, pack
from fireline.terms.counts import CountsRow, Scope, ScopeKind
from fireline.terms.plan import Layout

BLOCK_MARKS = 1 << 18
BLOCK_CELLS = 1 << 18
HELD_BYTES = 64 << 20
GAP_CELLS = 1 << 13
LONGEST_CELLS = 1 << 22
SPLIT = 26
THREADS = min(os.cpu_count() or 1, 4)
FEW_ROWS = 20_000
EXACT = 1 << 53  # up to here a float64 holds every integer


@dataclass(frozen=True)
class Marginal:
    """Which scope each row belongs to, for one way of dividing all rows.

    ``code`` int64 [n] is an index into ``scopes``, or one of the two slots after them: live rows in none of
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


@dataclass
class Marks:
    """What n rows add to the cells of a layout ``width`` wide.

    ``dense``: arrays int32 [n], a cell for every row, ``width`` standing for none. ``sparse``: pairs (rows in
    order, cell or cells). ``sums``: (cell, amounts int64 [n]), added instead of counted.
    """

    width: int
    dense: list[Array] = field(default_factory=list)
    sparse: list[tuple[Array, Array | int]] = field(default_factory=list)
    sums: list[tuple[int, Array]] = field(default_factory=list)

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


def count(
    layout: Layout, marks: Marks, marginals: Sequence[Marginal], instants: Array, late: bool
) -> list[CountsRow]:
    """Stored rows of ``marks`` for each scope; ``instants`` int64 [n], microseconds since 1970, never
    fall."""
    dense = np.stack(marks.dense) if marks.dense else np.empty((0, len(instants)), np.int32)
    rows, cells = marks.rows_and_cells()
    grains = sorted(set(layout.grains.values()))
    ticks = {grain: _Ticks.of(instants // (grain * MICROS)) for grain in grains}

    def counted(task: tuple[int, Marginal]) -> list[CountsRow]:
        grain, marginal = task
        held, found = Held(layout, grain, late), list[CountsRow]()
        for at, table in _tables(marks, dense, rows, cells, marginal, ticks[grain]):
            _keep(held, marginal, layout.grains, grain, at, table)
            if held.size > HELD_BYTES:
                found += held.release()
        return found + held.release()

    tasks = [(g, m) for g in grains for m in marginals if any(layout.grains.get(k) == g for k in m.kinds())]
    return [row for part in _side_by_side(counted, tasks, len(instants)) for row in part]


def _side_by_side(
    work: Callable[[tuple[int, Marginal]], list[CountsRow]], tasks: Sequence[tuple[int, Marginal]], rows: int
) -> list[list[CountsRow]]:
    """The work of all tasks, in their order; on a few threads where it is worth it (numpy and zstd let go of
    the interpreter)."""
    if rows < FEW_ROWS or len(tasks) < 2:
        return [work(task) for task in tasks]
    with ThreadPoolExecutor(min(THREADS, len(tasks))) as pool:
        return list(pool.map(work, tasks))


@dataclass(frozen=True)
class _Ticks:
    """The ticks rows fall into: ``distinct`` [D] rising, ``starts`` [D + 1] the first row of each, ``rank``
    [n]."""

    distinct: Array
    starts: Array
    rank: Array

    @classmethod
    def of(cls, tick: Array) -> _Ticks:
        changes = np.flatnonzero(tick[1:] != tick[:-1]) + 1
        starts = np.concatenate([[0], changes, [len(tick)]]).astype(np.int64)
        return cls(tick[starts[:-1]], starts, np.repeat(np.arange(len(starts) - 1), np.diff(starts)))

    def blocks(self, most: int, rows: int) -> Iterator[tuple[int, int]]:
        """Stretches of at most ``most`` distinct ticks and about ``rows`` rows."""
        first, last = 0, len(self.distinct)
        while first < last:
            fitting = int(np.searchsorted(self.starts, self.starts[first] + rows, side="right")) - 1
            stop = min(max(fitting, first + 1), first + most, last)
            yield first, stop
            first = stop


def _tables(
    marks: Marks, dense: Array, rows: Array, cells: Array, marginal: Marginal, ticks: _Ticks
) -> Iterator[tuple[Array, Array]]:
    """Block after block: (its distinct ticks [T], table int64 [slots, T, width])."""
    width, slots = marks.width + 1, marginal.slots
    most = BLOCK_MARKS // (len(dense) + 1)
    for first, stop in ticks.blocks(max(1, BLOCK_CELLS // (slots * width)), most):
        span = stop - first
        table = np.zeros(slots * span * width, np.int64)
        for low in range(int(ticks.starts[first]), int(ticks.starts[stop]), most):
            high = min(low + most, int(ticks.starts[stop]))
            spot = marginal.code[low:high] * span + (ticks.rank[low:high] - first)
            place = spot * width
            if len(dense):
                table += np.bincount((place + dense[:, low:high]).ravel(), minlength=table.size)
            here = slice(*np.searchsorted(rows, (low, high)))
            if here.stop > here.start:
                table += np.bincount(place[rows[here] - low] + cells[here], minlength=table.size)
            for cell, amounts in marks.sums:
                table[cell::width] += _summed(spot, amounts[low:high], slots * span)
        yield ticks.distinct[first:stop], table.reshape(slots, span, width)[:, :, :-1]


def _summed(index: Array, amounts: Array, size: int) -> Array:
    """Integers added up by index, exactly: bincount adds floats, so what might not fit goes in two parts."""
    if len(amounts) * int(np.abs(amounts).max(initial=0)) < EXACT:
        return np.asarray(np.bincount(index, amounts, minlength=size).astype(np.int64))
    high, low = amounts >> SPLIT, amounts & ((1 << SPLIT) - 1)
    sums = np.bincount(index, high, minlength=size).astype(np.int64) << SPLIT
    found: Array = sums + np.bincount(index, low, minlength=size).astype(np.int64)
    return found


def _keep(
    held: Held, marginal: Marginal, grains: Mapping[ScopeKind, int], grain: int, ticks: Array, table: Array
) -> None:
    """Takes the scopes of this grain out of a block's table."""
    if marginal.whole is not None and grains.get(marginal.whole.kind) == grain:
        whole = sum(table[slot] for slot in marginal.live)
        held.add(marginal.whole, ticks, np.asarray(whole).astype(narrowest(np.asarray(whole))))
    kind = narrowest(table)
    for slot, scope in enumerate(marginal.scopes):
        if grains.get(scope.kind) == grain:
            held.add(scope, ticks, table[slot].astype(kind))


class Held:
    """Counts of some scopes on their way to storage."""

    def __init__(self, layout: Layout, grain: int, late: bool) -> None:
        self.layout, self.grain, self.late = layout, grain, late
        self.parts: dict[Scope, list[tuple[Array, Array]]] = {}
        self.size = 0

    def add(self, scope: Scope, ticks: Array, counts: Array) -> None:
        """Counts [T, width] at ``ticks`` [T]; ticks without any are left out."""
        busy = np.flatnonzero(counts.any(axis=1))
        if busy.size:
            kept = counts if len(busy) == len(counts) else counts[busy]
            self.parts.setdefault(scope, []).append((ticks[busy], kept))
            self.size += kept.nbytes

    def release(self) -> list[CountsRow]:
        """Everything held as stored rows, one for each stretch without a long gap."""
        rows = [row for scope in sorted(self.parts) for row in self._rows(scope, self.parts[scope])]
        self.parts, self.size = {}, 0
        return rows

    def _rows(self, scope: Scope, parts: Sequence[tuple[Array, Array]]) -> Iterator[CountsRow]:
        ticks = np.concatenate([t for t, _ in parts])
        counts = np.concatenate([c for _, c in parts])
        gap, longest = (max(1, cells // self.layout.width) for cells in (GAP_CELLS, LONGEST_CELLS))
        cuts = (np.diff(ticks) > gap) | (np.diff(ticks // longest) > 0)
        for chosen in np.split(np.arange(len(ticks)), np.flatnonzero(cuts) + 1):
            first, last = int(ticks[chosen[0]]), int(ticks[chosen[-1]])
            body = counts[chosen[0] : chosen[-1] + 1]
            if len(body) <= last - first:
                body = np.zeros((last - first + 1, counts.shape[1]), counts.dtype)
                body[ticks[chosen] - first] = counts[chosen[0] : chosen[-1] + 1]
            yield CountsRow(
                self.layout.identity, self.grain, scope.key, first, len(body), self.late, pack(body)
            )
