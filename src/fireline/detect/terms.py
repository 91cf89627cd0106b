"""Monitors that only add counts up, as tables of what they add: hits and cases of every channel at once.

Most kinds read a rate: some cells are hits, some are cases, now and then one is taken off. Which they are is
found by asking the kind about one cell after another, and believed only when it answers mixtures of cells in
the same way; a kind that does anything else with its counts is asked tick by tick as ever.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fireline.detect.kinds import Array, Kind, Rates
from fireline.terms.plan import Plan

TRIALS = 4
LARGEST = 1 << 20


@dataclass(frozen=True)
class Sums:
    """Channel by channel the ``cells`` to add and how often (``times``); ``starts`` [C] is each channel's
    first. A channel that adds nothing up has one term of no times."""

    cells: Array
    times: Array
    starts: Array

    @classmethod
    def of_matrix(cls, matrix: Array) -> Sums:
        """The terms of int64 [W, C]."""
        cells: list[int] = []
        times: list[int] = []
        starts: list[int] = []
        for channel in range(matrix.shape[1]):
            held = np.flatnonzero(matrix[:, channel])
            held = held if held.size else np.zeros(1, np.int64)
            starts.append(len(cells))
            cells += held.tolist()
            times += matrix[held, channel].tolist()
        return cls(*(np.array(one, np.int64) for one in (cells, times, starts)))

    @classmethod
    def beside(cls, parts: Sequence[Sums], offsets: Array) -> Sums:
        """Many, the counts of each beginning at its offset."""
        before = np.cumsum([0, *(len(part.cells) for part in parts[:-1])])
        return cls(
            np.concatenate([part.cells + at for part, at in zip(parts, offsets, strict=True)]),
            np.concatenate([part.times for part in parts]),
            np.concatenate([part.starts + at for part, at in zip(parts, before, strict=True)]),
        )

    def of(self, counts: Array) -> Array:
        """Counts [W] added up: int64 [1, C]."""
        return np.asarray(np.add.reduceat(counts[self.cells] * self.times, self.starts))[None]


@dataclass(frozen=True)
class Terms:
    """What is added up to ``hits`` and to cases ``n``, from counts of ``width`` cells."""

    hits: Sums
    n: Sums
    width: int

    @classmethod
    def beside(cls, parts: Sequence[Terms]) -> Terms:
        """The terms of counts that lie end to end."""
        offsets = np.cumsum([0, *(part.width for part in parts)])
        hits = Sums.beside([part.hits for part in parts], offsets[:-1])
        return cls(hits, Sums.beside([part.n for part in parts], offsets[:-1]), int(offsets[-1]))

    def ticks(self, counts: Array) -> Rates:
        """One tick of all channels, from counts [width]."""
        return Rates(self.hits.of(counts), self.n.of(counts))


def terms_of(kind: Kind, plan: Plan) -> Terms | None:
    """What the kind adds up in ``plan``, or None when it does anything else."""
    width = kind.laid_out(plan).width
    if kind.test != "rate" or width == 0:
        return None
    rng = np.random.default_rng(width)
    trials = rng.integers(0, LARGEST, (TRIALS, width)) * rng.integers(0, 2, (TRIALS, width))
    with np.errstate(all="ignore"):  # a kind that divides is asked here what nobody counted
        asked = kind.ticks(
            plan, np.concatenate([np.eye(width, dtype=np.int64), trials, np.zeros((1, width), np.int64)])
        )
    if not isinstance(asked, Rates):
        return None
    hits, n = np.asarray(asked.hits), np.broadcast_to(np.asarray(asked.n), np.shape(asked.hits))
    if hits.dtype.kind != "i" or n.dtype.kind != "i" or hits.shape[1] == 0:
        return None
    for answers in (hits, n):
        if (answers[width:-1] != trials @ answers[:width]).any() or answers[-1].any():
            return None
    return Terms(Sums.of_matrix(hits[:width]), Sums.of_matrix(n[:width]), width)
