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
from fireline.detect.sums import Sums
from fireline.terms.plan import Plan

TRIALS = 4
LARGEST = 1 << 20


@dataclass(frozen=True)
class Terms:
    """What is added up to ``hits`` and to cases ``n``, from counts of ``width`` cells."""

    hits: Sums
    n: Sums
    width: int

    def figures(self, added: Sequence[Array]) -> Rates:
        """One tick of all channels, from what ``hits`` and ``n`` add up."""
        return Rates(*added)

    @property
    def sums(self) -> tuple[Sums, ...]:
        """What is added up, in the order ``figures`` takes it."""
        return self.hits, self.n

    def ticks(self, counts: Array) -> Rates:
        """One tick of all channels, from counts [width]."""
        return self.figures([one.of(counts[None]) for one in self.sums])


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
