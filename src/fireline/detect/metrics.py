"""Figures people know, from counts or from arrays: what the pages show beside the judge's evidence.

Counts are count vectors over the same cells, a missing value being a cell like any other. Where a figure is
read off bins, its error bound comes with it. Without enough data a figure is NaN, never a guess.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np

from fireline.detect.tails import chi_square_tail

Array = np.ndarray[Any, Any]

UNFILLED = 0.5
ROWS_A_CELL = 30


@dataclass(frozen=True, slots=True)
class Bounded:
    """A figure read off bins: the exact one lies within [low, high]."""

    value: float
    low: float
    high: float


class Chi2(NamedTuple):
    """Pearson's chi-square of a table: statistic, degrees of freedom, and the chance of one as large."""

    statistic: float
    degrees: int
    p: float


# -- two histograms ------------------------------------------------------------------------------------------


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


def enough_for_psi(reference: Array, current: Array) -> bool:
    """At least 30 current rows for each cell the reference fills: fewer, and PSI shows noise."""
    return bool(current.sum() >= ROWS_A_CELL * max(int((reference > 0).sum()), 1))


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


def chi_square(table: Array) -> Chi2:
    """Pearson's chi-square of a contingency table [R, C] of counts, without continuity correction.

    Rows and columns without any count are left out: they say nothing.
    """
    table = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0].astype(np.float64)
    if table.size == 0:
        return Chi2(float("nan"), 0, float("nan"))
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0, keepdims=True) / table.sum()
    statistic = float(((table - expected) ** 2 / expected).sum())
    degrees = (table.shape[0] - 1) * (table.shape[1] - 1)
    return Chi2(statistic, degrees, chi_square_tail(statistic, degrees))


# -- two samples ---------------------------------------------------------------------------------------------


def ks(x: Array, y: Array) -> float:
    """Two-sample Kolmogorov-Smirnov distance of values [n] and [m], exact with ties."""
    if not x.size or not y.size:
        return float("nan")
    a, b, both = np.sort(x), np.sort(y), np.concatenate([x, y])
    gap = np.searchsorted(a, both, "right") / len(a) - np.searchsorted(b, both, "right") / len(b)
    return float(np.abs(gap).max())


def wasserstein(x: Array, y: Array, x_weights: Array | None = None, y_weights: Array | None = None) -> float:
    """First Wasserstein distance: the area between the two distribution functions, in the unit of the values.

    With weights the values may be bin middles and the weights their counts; the error is then at most the
    width of a bin.
    """
    a, b = (np.ones(len(v)) if w is None else w for v, w in ((x, x_weights), (y, y_weights)))
    if not a.sum() or not b.sum():
        return float("nan")
    values = np.concatenate([x, y])
    order = np.argsort(values, kind="stable")
    mass = np.concatenate([a / a.sum(), -b / b.sum()])[order]
    return float((np.abs(np.cumsum(mass)[:-1]) * np.diff(values[order])).sum())


# -- scores and labels ---------------------------------------------------------------------------------------


def auc(score: Array, positive: Array) -> float:
    """Area under the ROC curve: P(a positive scores above a negative), ties counting half (Mann-Whitney).

    ``score`` float [n], ``positive`` bool [n]. NaN while one class is missing.
    """
    good, bad = np.sort(score[positive]), np.sort(score[~positive])
    if not good.size or not bad.size:
        return float("nan")
    below = np.searchsorted(bad, good, "left").astype(np.float64)
    upto = np.searchsorted(bad, good, "right").astype(np.float64)
    return float((below + upto).sum() / 2 / (good.size * bad.size))


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


def average_precision(score: Array, positive: Array) -> float:
    """Area under the precision-recall curve in steps, sum (R_k - R_k-1) P_k over distinct scores, never
    trapezoids."""
    if not positive.any():
        return float("nan")
    order = np.argsort(-score, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(score[order])), len(score) - 1)
    hits = np.cumsum(positive[order])[ends]
    precision, recall = hits / (ends + 1), hits / hits[-1]
    return float((np.diff(recall, prepend=0.0) * precision).sum())


def log_loss(p: Array, positive: Array) -> float:
    """Mean of -ln of the probability given to what happened, probabilities kept a machine epsilon from 0 and
    1."""
    eps = float(np.finfo(np.float64).eps)
    kept = np.clip(p, eps, 1 - eps)
    return float(-np.log(np.where(positive, kept, 1 - kept)).mean()) if p.size else float("nan")


def brier(p: Array, positive: Array) -> float:
    """Mean squared distance of the probability from the outcome."""
    return float(((p - positive) ** 2).mean()) if p.size else float("nan")


def ece(p: Array, positive: Array, bins: int = 10) -> float:
    """Expected calibration error: |mean outcome - mean probability| over bins of equal width, weighted by
    events.

    Bins are (a, b], the first closed, as in Guo et al. 2017 and scikit-learn's calibration curve.
    """
    if not p.size:
        return float("nan")
    place = np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], p)
    gap = np.bincount(place, positive.astype(np.float64) - p, minlength=bins)
    return float(np.abs(gap).sum() / len(p))


def wilson(hits: int, n: int, confidence: float = 0.95) -> Bounded:
    """A share with Wilson's score interval (1927): honest for few events and for shares near 0 and 1.

    >>> wilson(0, 20).high < 0.17
    True
    """
    if n <= 0:
        return Bounded(float("nan"), 0.0, 1.0)
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    p, scale = hits / n, 1 + z * z / n
    middle = (p + z * z / (2 * n)) / scale
    half = z / scale * float(np.sqrt(p * (1 - p) / n + z * z / (4 * n * n)))
    return Bounded(p, 0.0 if hits == 0 else middle - half, 1.0 if hits == n else middle + half)


# -- quantiles -----------------------------------------------------------------------------------------------


def quantile_of_bins(edges: Array, counts: Array, q: float) -> Bounded:
    """Quantile ``q`` as numpy's 'linear' method gives it, from counts [B] of positive values over edges [B +
    1].

    ``counts`` may go on with what lies below and above the edges. Within a bin the geometric middle is taken,
    so that over bins 2 % wide the error is about 1 %; [low, high] is certain.
    """
    bins = len(edges) - 1
    below, above = (float(counts[bins + i]) if len(counts) > bins + i else 0.0 for i in (0, 1))
    cells = np.concatenate([[below], counts[:bins], [above]])
    total = cells.sum()
    if not total:
        return Bounded(float("nan"), float("nan"), float("nan"))
    lows, highs = np.concatenate([[0.0], edges]), np.concatenate([edges, [np.inf]])
    middles = np.concatenate([edges[:1], np.sqrt(edges[1:] * edges[:-1]), edges[-1:]])
    place = q * (total - 1)
    first, last = np.searchsorted(np.cumsum(cells), (np.floor(place), np.ceil(place)), side="right")
    part = place - np.floor(place)

    def between(values: Array) -> float:
        a, b = float(values[first]), float(values[last])
        return a if part == 0 or a == b else a + part * (b - a)

    return Bounded(between(middles), between(lows), between(highs))


# -- groups that must be treated alike -----------------------------------------------------------------------


def demographic_parity_difference(chosen: Array, group: Array) -> float:
    """Largest difference between groups in the share chosen. ``chosen`` bool [n], ``group`` [n]."""
    return _spread(chosen, group, np.ones(len(chosen), bool))


def equal_opportunity_difference(chosen: Array, positive: Array, group: Array) -> float:
    """Largest difference between groups in the true positive rate; groups without positives are left out."""
    return _spread(chosen, group, positive)


def equalized_odds_difference(chosen: Array, positive: Array, group: Array) -> float:
    """The larger of the differences in true positive rate and in false positive rate (Hardt et al. 2016)."""
    return float(np.fmax(_spread(chosen, group, positive), _spread(chosen, group, ~positive)))


def _spread(chosen: Array, group: Array, among: Array) -> float:
    """Largest less smallest share of ``chosen`` between groups, of the rows ``among``; NaN without two
    groups."""
    _, place = np.unique(group, return_inverse=True)
    n = np.bincount(place[among])
    rates = np.bincount(place[among], chosen[among].astype(np.float64))[n > 0] / n[n > 0]
    return float(rates.max() - rates.min()) if len(rates) > 1 else float("nan")
