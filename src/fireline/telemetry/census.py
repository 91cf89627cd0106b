"""How many values of a stretch lie in each cell of a series: no ticks, so no cell of each row either.

What PSI against a frozen reference needs. Counting how many values have reached each edge takes a comparison
and a count of bits, a fraction of what finding each value's own bin takes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fireline.telemetry.columns import Array, numbers, unfilled
from fireline.terms.counts import Series

STRIDE = 1 << 15
COMPARED = 255
PIECE = 1 << 16  # rows put in order of segment at a time, so that a column of them stays in the cache


def numeric_counts(series: Series, values: Array) -> Array:
    """Counts int64 [width] of ``values`` float64 [n] (NaN is null) in the bins, below, above and null."""
    edges = series.edges
    reached = np.zeros(len(edges), np.int64)
    beyond = null = 0
    holds = np.empty(STRIDE, bool)
    for low in range(0, len(values), STRIDE):
        part = values[low : low + STRIDE]
        flags = holds[: len(part)]
        for i, edge in enumerate(edges):
            reached[i] += np.count_nonzero(np.greater_equal(part, edge, out=flags))
        beyond += int(np.count_nonzero(np.greater(part, edges[-1], out=flags)))
        null += int(np.count_nonzero(np.not_equal(part, part, out=flags)))
    inside = np.append(reached[:-1], beyond)
    return np.concatenate([inside[:-1] - inside[1:], [len(values) - null - reached[0], beyond, null]])


def passed_edges(edges: Array, values: Array) -> Array:
    """How many of ``edges`` each value [n] has reached, the last one only when it lies beyond it; NaN none.

    Comparing with every edge takes a tenth of a binary search's time while edges are few.
    """
    if len(edges) > COMPARED:
        passed = np.searchsorted(edges, values, side="right")
        passed[values == edges[-1]] = len(edges) - 1
        passed[np.isnan(values)] = 0
        return passed
    passed = np.zeros(len(values), np.uint8)
    holds = np.empty(STRIDE, bool)
    for low in range(0, len(values), STRIDE):
        part, counted = values[low : low + STRIDE], passed[low : low + STRIDE]
        flags = holds[: len(part)]
        for edge in edges[:-1]:
            np.greater_equal(part, edge, out=flags)
            counted += flags.view(np.uint8)
        counted += np.greater(part, edges[-1], out=flags).view(np.uint8)
    return passed


@dataclass
class Census:
    """Counts of numeric ``series`` over all that was added, in whole and by value of one ``segment`` column.

    ``counts`` int64 [series, width] each as wide as its own series.
    """

    series: Mapping[str, Series]
    segment: str | None = None
    values: Sequence[str] = ()
    whole: dict[str, Array] = field(default_factory=dict)
    parts: dict[tuple[str, str], Array] = field(default_factory=dict)

    def add(self, tables: Iterable[pa.Table]) -> Census:
        """Count the rows of ``tables``, one after another; columns are named as the series' keys."""
        pieces = (t.slice(low, PIECE) for t in tables for low in range(0, len(t), PIECE))
        for table in pieces:
            code, there = self.code(table), set(table.column_names)
            for name, series in self.series.items():
                if code is None:
                    values = numbers(table, name) if name in there else np.full(len(table), np.nan)
                    add_into(self.whole, name, numeric_counts(series, values))
                    continue
                values, held = unfilled(table, name) if name in there else (np.full(len(table), np.nan), None)
                counts = counts_by_code(series, values, held, code, len(self.values) + 1)
                for value, mine in zip(self.values, counts, strict=False):
                    add_into(self.parts, (value, name), mine)
        return self

    def code(self, table: pa.Table) -> Array | None:
        """The place of each row's value among ``values``, their number for others: uint16 [n]."""
        if self.segment is None:
            return None
        column = table.column(self.segment).cast(pa.string())
        found = pc.index_in(column, pa.array(self.values, pa.string()))
        return np.asarray(pc.fill_null(found, len(self.values)).to_numpy().astype(np.uint16))


def counts_by_code(series: Series, values: Array, there: Array | None, code: Array, codes: int) -> Array:
    """Counts int64 [codes, width] of ``values`` float64 [n] by their ``code`` [n], each as ``numeric_counts``
    counts; a value is missing where it is NaN and where ``there`` bool [n] does not hold."""
    edges = np.asarray(series.edges)
    size = len(edges) + 1
    passed = passed_edges(edges, values)
    if there is not None:
        passed *= there
    kind = np.dtype(np.uint8 if codes * size <= 256 else np.uint32)
    place = code.astype(kind)
    place *= size
    place += passed.astype(kind, copy=False)
    found = np.bincount(place, minlength=codes * size).reshape(codes, size)
    low = np.flatnonzero(passed == 0)  # few: those below all edges and those that are missing
    missing = np.isnan(values[low])
    if there is not None:
        missing |= ~there[low]
    nulls = np.bincount(code[low[missing]], minlength=codes)
    return np.column_stack([found[:, 1:-1], found[:, 0] - nulls, found[:, -1], nulls])


def add_into(held: dict[Any, Array], key: object, counts: Array) -> None:
    """Add ``counts`` to those that are held under ``key``, if any."""
    held[key] = held[key] + counts if key in held else counts
