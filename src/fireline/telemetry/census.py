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

from fireline.telemetry.columns import Array, has, numbers
from fireline.terms.counts import Series

STRIDE = 1 << 15
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
            cuts, order = self._cuts(table)
            for name, series in self.series.items():
                values = numbers(table, name) if has(table, name) else np.full(len(table), np.nan)
                if self.segment is None:
                    _into(self.whole, name, numeric_counts(series, values))
                    continue
                ranked = values[order]
                for i, value in enumerate(self.values):
                    mine = ranked[cuts[i] : cuts[i + 1]]
                    _into(self.parts, (value, name), numeric_counts(series, mine))
        return self

    def _cuts(self, table: pa.Table) -> tuple[Array, Array]:
        """Where each value's rows begin once rows are put in order of value."""
        if self.segment is None:
            return np.empty(0, np.int64), np.empty(0, np.int64)
        column = table.column(self.segment).cast(pa.string())
        found = pc.index_in(column, pa.array(self.values, pa.string()))
        code = pc.fill_null(found, len(self.values)).to_numpy().astype(np.uint8)
        return np.searchsorted(np.sort(code), np.arange(len(self.values) + 1)), np.argsort(
            code, kind="stable"
        )


def _into(held: dict[Any, Array], key: object, counts: Array) -> None:
    held[key] = held[key] + counts if key in held else counts
