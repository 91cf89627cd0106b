"""Counts on their way to storage: ticks with nothing in them left out, long gaps cut, stretches packed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from fireline.telemetry.columns import Array
from fireline.telemetry.packing import pack
from fireline.terms.counts import CountsRow, Scope
from fireline.terms.plan import Layout

GAP_CELLS = 1 << 13
LONGEST_CELLS = 1 << 22


def joined(parts: Sequence[Array], axis: int = 0) -> Array:
    """``parts`` along ``axis``; a single one as it is."""
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=axis)


class Held:
    """Counts of some scopes on their way to storage."""

    def __init__(self, layout: Layout, grain: int, late: bool) -> None:
        self.layout, self.grain, self.late = layout, grain, late
        self.parts: dict[Scope, list[tuple[Array, Array]]] = {}
        self.size = 0

    def add(self, scope: Scope, ticks: Array, counts: Array) -> None:
        """Counts [T, width] at ``ticks`` [T]; ticks without any are left out."""
        # numpy looks for the largest integer many at a time, and for any that is not zero one by one
        some = counts.max(axis=1, initial=0) != 0
        if counts.dtype.kind == "i":
            some |= counts.min(axis=1, initial=0) != 0
        busy = np.flatnonzero(some)
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
        ticks, counts = joined([t for t, _ in parts]), joined([c for _, c in parts])
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
