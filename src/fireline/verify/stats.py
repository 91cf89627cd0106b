"""Two columns on the same or on different requests: figures with their standard errors."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

LEAST_OF_A_CLASS = 20
"""Events of each class below which an AUC is not compared."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A figure on the harmed and on the contained side, and the standard errors of each and of their
    difference."""

    harmed: float
    contained: float
    harmed_se: float
    contained_se: float
    gap_se: float
    n_harmed: int
    n_contained: int


def size(weights: Floats) -> float:
    """Kish's effective number of events of ``weights`` [n]."""
    squares = float((weights * weights).sum())
    return float(weights.sum()) ** 2 / squares if squares > 0 else 0.0


def mean(values: Floats, weights: Floats) -> tuple[float, float]:
    """Weighted mean of ``values`` [n] and its standard error; that of a share never reads 0."""
    n = size(weights)
    if n == 0:
        return math.nan, math.nan
    average = float((values * weights).sum() / weights.sum())
    spread = float((weights * (values - average) ** 2).sum() / weights.sum())
    if values.min() >= 0 and values.max() <= 1:
        smooth = (average * n + 0.5) / (n + 1)
        spread = max(spread, smooth * (1 - smooth))
    return average, math.sqrt(spread / n)


def means(
    harmed: Floats, contained: Floats, w_harmed: Floats, w_contained: Floats, *, paired: bool
) -> Pair | None:
    """The pair of means; with ``paired`` both are of the same requests in the same order, and shared noise
    cancels.

    None when one side has no finite value.
    """
    if paired:
        both = np.isfinite(harmed) & np.isfinite(contained)
        harmed, contained, w_harmed, w_contained = (
            harmed[both],
            contained[both],
            w_harmed[both],
            w_harmed[both],
        )
    else:
        a, b = np.isfinite(harmed), np.isfinite(contained)
        harmed, contained, w_harmed, w_contained = harmed[a], contained[b], w_harmed[a], w_contained[b]
    if not len(harmed) or not len(contained):
        return None
    (h, h_se), (c, c_se) = mean(harmed, w_harmed), mean(contained, w_contained)
    if paired:
        _, gap_se = mean(harmed - contained, w_harmed)
        gap_se = max(gap_se, 0.5 / len(harmed))
    else:
        gap_se = math.hypot(h_se, c_se)
    return Pair(h, c, h_se, c_se, gap_se, len(harmed), len(contained))


def auc(score: Floats, positive: Bools, weights: Floats | None = None) -> float:
    """Area under the ROC curve, ties counting half; NaN without both classes.

    >>> auc(np.array([0.1, 0.4, 0.35, 0.8]), np.array([False, False, True, True]))
    0.75
    """
    w = np.ones(len(score)) if weights is None else weights
    up, down = float(w[positive].sum()), float(w[~positive].sum())
    if up <= 0 or down <= 0:
        return math.nan
    _, place = np.unique(score, return_inverse=True)
    top = int(place.max()) + 1
    above = np.bincount(place[positive], w[positive], top)
    below = np.bincount(place[~positive], w[~positive], top)
    lower = np.cumsum(below) - below
    return float((above * (lower + below / 2)).sum() / (up * down))


def hanley(area: float, positives: float, negatives: float) -> float:
    """Hanley and McNeil's standard error of an AUC; counts may be effective ones."""
    q1, q2 = area / (2 - area), 2 * area * area / (1 + area)
    top = area * (1 - area) + (positives - 1) * (q1 - area**2) + (negatives - 1) * (q2 - area**2)
    return math.sqrt(max(top, 1e-9) / (positives * negatives))


def _placements(score: Floats, positive: Bools) -> tuple[Floats, Floats]:
    """DeLong's structural components: [positives] and [negatives]."""
    up, down = score[positive], score[~positive]
    ranked_down, ranked_up = np.sort(down), np.sort(up)
    v10 = (np.searchsorted(ranked_down, up, "left") + np.searchsorted(ranked_down, up, "right")) / (
        2 * len(down)
    )
    v01 = 1 - (np.searchsorted(ranked_up, down, "left") + np.searchsorted(ranked_up, down, "right")) / (
        2 * len(up)
    )
    return v10, v01


def _spread(v10: Floats, v01: Floats) -> float:
    return float(v10.var(ddof=1)) / len(v10) + float(v01.var(ddof=1)) / len(v01)


def aucs(
    harmed: Floats, contained: Floats, y_harmed: Bools, y_contained: Bools, *, paired: bool
) -> Pair | None:
    """The pair of AUCs with DeLong's variances (and covariance where ``paired``); None with too few of a
    class."""
    counts = (y_harmed.sum(), (~y_harmed).sum(), y_contained.sum(), (~y_contained).sum())
    if min(counts) < LEAST_OF_A_CLASS:
        return None
    h10, h01 = _placements(harmed, y_harmed)
    c10, c01 = _placements(contained, y_contained)
    h_var, c_var = _spread(h10, h01), _spread(c10, c01)
    gap_var = _spread(h10 - c10, h01 - c01) if paired else h_var + c_var
    return Pair(float(h10.mean()), float(c10.mean()), math.sqrt(h_var), math.sqrt(c_var),
                math.sqrt(max(gap_var, 1e-12)), len(harmed), len(contained))  # fmt: skip


def psi(reference: Floats, seen: Floats) -> tuple[float, float]:
    """Population stability index of counts [cells] against reference counts [cells], and its standard error.

    What noise alone reads is taken off, so no drift reads about 0 at every sample size. Smoothed by
    pseudo-counts in proportion to the reference's shares. NaN without events.
    """
    n, m = float(reference.sum()), float(seen.sum())
    if n <= 0 or m <= 0:
        return math.nan, math.nan
    used = (reference + seen) > 0
    p = np.maximum(reference[used], 0.5)
    p = p / p.sum()
    q = (seen[used] + p) / (m + 1)
    raw = float(((q - p) * np.log(q / p)).sum())
    rate = 1 / n + 1 / m
    noise = (int(used.sum()) - 1) * rate
    return raw - noise, math.sqrt(2 * noise * rate + 4 * max(raw - noise, 0.0) * rate)
