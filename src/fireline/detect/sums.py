"""Weighted sums of counts: for every channel the cells that are added up, and how often each.

Many services' channels lie end to end and are added up in one go; each comes out the same, to the last bit,
as it does by itself, because every channel's cells are added in the same order.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Sums:
    """Channel by channel the ``cells`` to add and how often (``times``, whole numbers or weights);
    ``starts`` [C] is each channel's first. A channel that adds nothing up has one term of no times."""

    cells: Array
    times: Array
    starts: Array

    @classmethod
    def of_matrix(cls, matrix: Array) -> Sums:
        """The terms of int64 [W, C]."""
        channel, cell = np.nonzero(matrix.T)
        empty = np.flatnonzero(~matrix.any(axis=0))
        channel, cell = np.concatenate([channel, empty]), np.concatenate([cell, np.zeros_like(empty)])
        order = np.argsort(channel, kind="stable")
        channel, cell = channel[order], cell[order]
        starts = np.searchsorted(channel, np.arange(matrix.shape[1]))
        return cls(cell, matrix[cell, channel], starts)

    @classmethod
    def of_parts(cls, parts: Iterable[tuple[Sequence[int] | range | Array, Array]]) -> Sums:
        """One channel for each of ``parts``: its cells, and the weight of each."""
        told = [(np.asarray(cells, np.int64), np.asarray(weights)) for cells, weights in parts]
        if not told:
            none = np.zeros(0, np.int64)
            return cls(none, none, none)
        lengths = [len(cells) for cells, _ in told]
        return cls(
            np.concatenate([cells for cells, _ in told]),
            np.concatenate([weights for _, weights in told]),
            np.cumsum([0, *lengths[:-1]]),
        )

    @classmethod
    def of_cells(cls, cells: Iterable[int]) -> Sums:
        """One channel for each of ``cells``: its count."""
        return cls.of_parts(([cell], np.ones(1, np.int64)) for cell in cells)

    @classmethod
    def beside(cls, parts: Sequence[Sums], offsets: Sequence[int] | Array) -> Sums:
        """Many, the counts of each beginning at its offset."""
        before = np.cumsum([0, *(len(part.cells) for part in parts[:-1])])
        return cls(
            np.concatenate([part.cells + at for part, at in zip(parts, offsets, strict=True)]),
            np.concatenate([part.times for part in parts]),
            np.concatenate([part.starts + at for part, at in zip(parts, before, strict=True)]),
        )

    def of(self, counts: Array) -> Array:
        """Counts [T, W] added up: [T, C], whole numbers where the times are."""
        if not len(self.starts):
            return np.zeros((len(counts), 0), self.times.dtype)
        picked = counts.take(self.cells, axis=1) * self.times
        return np.asarray(np.add.reduceat(picked, self.starts, axis=1))
