"""Figures people know, from counts: what the pages show beside the judge's evidence.

Counts are count vectors over the same cells, a missing value being a cell like any other. Where a figure is
read off bins, its error bound comes with it. Without enough data a figure is NaN, never a guess.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

UNFILLED = 0.5


@dataclass(frozen=True, slots=True)
class Bounded:
    """A figure read off bins: the exact one lies within [low, high]."""

    value: float
    low: float
    high: float


def psi(reference: Array, current: Array) -> float:
    """Population stability index of two count vectors [B]: sum (p - q) ln(p / q), nulls and unseen being
    cells.

    Both are smoothed by B / 2 pseudo-counts in proportion to the reference's shares, where a cell the
    reference never filled counts as half an event of it. A flat half a cell would read drift where there is
    none. Equals scipy.stats.entropy(p, q) + entropy(q, p) over the smoothed shares.

    >>> round(psi(np.array([50, 30, 20]), np.array([30, 30, 40])), 3)
    0.234
    """
    p, q = smoothed(reference, current)
    return float(((p - q) * np.log(p / q)).sum())


def smoothed(reference: Array, current: Array) -> tuple[Array, Array]:
    """The shares [B] of both count vectors as ``psi`` compares them: positive, and adding up to 1."""
    filled = np.where(reference > 0, reference, UNFILLED).astype(np.float64)
    pseudo = filled / filled.sum() * len(filled) / 2
    p, q = reference + pseudo, current + pseudo
    return p / p.sum(), q / q.sum()


def psi_noise(reference: Array, current: Array) -> float:
    """What ``psi`` reads on average without any drift: (B - 1)(1/n + 1/m) over the B cells the reference
    fills.

    Without drift PSI / (1/n + 1/m) is chi-square of B - 1 degrees. NaN without rows.
    """
    cells = int((reference > 0).sum())
    n, m = float(current.sum()), float(reference.sum())
    return (cells - 1) * (1 / n + 1 / m) if n > 0 and m > 0 else float("nan")


def js_divergence(reference: Array, current: Array, base: float = np.e) -> float:
    """Jensen-Shannon divergence of two count vectors [B], in nats unless ``base`` says otherwise: 0 to log 2.

    Lin 1991. Empty cells need no smoothing. scipy's ``jensenshannon`` is the square root of this.
    """
    if not reference.sum() or not current.sum():
        return float("nan")
    p, q = reference / reference.sum(), current / current.sum()
    middle = (p + q) / 2
    return max((_relative(p, middle) + _relative(q, middle)) / 2, 0.0) / float(np.log(base))


def js_distance(reference: Array, current: Array, base: float = np.e) -> float:
    """Square root of the Jensen-Shannon divergence: a metric (Endres and Schindelin 2003)."""
    return float(np.sqrt(js_divergence(reference, current, base)))


def _relative(p: Array, q: Array) -> float:
    """Relative entropy of ``p`` to ``q`` in nats; cells without ``p`` add nothing."""
    inside = p > 0
    return float((p[inside] * np.log(p[inside] / q[inside])).sum())


def ks_of_bins(reference: Array, current: Array) -> Bounded:
    """Kolmogorov-Smirnov distance of two histograms [B] over the same bins, in order.

    At the edges it is exact; within a bin the curves can part further by the smaller of their two shares
    there.
    """
    if not reference.sum() or not current.sum():
        return Bounded(float("nan"), float("nan"), float("nan"))
    p, q = reference / reference.sum(), current / current.sum()
    value = float(np.abs(np.cumsum(p) - np.cumsum(q)).max())
    return Bounded(value, value, min(value + float(np.minimum(p, q).max()), 1.0))


def auc_of_bins(negatives: Array, positives: Array) -> Bounded:
    """AUC from counts [B] of each class over ordered score bins; the error is half the share of pairs in one
    bin."""
    n0, n1 = float(negatives.sum()), float(positives.sum())
    if not n0 or not n1:
        return Bounded(float("nan"), float("nan"), float("nan"))
    below = np.cumsum(negatives) - negatives
    tied = float((positives * negatives).sum()) / (n0 * n1)
    value = float((positives * below).sum()) / (n0 * n1) + tied / 2
    return Bounded(value, value - tied / 2, value + tied / 2)
