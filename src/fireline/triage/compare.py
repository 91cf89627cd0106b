"""Two samples side by side: gaps with their standard errors, AUC with its variance, PSI with its noise."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from fireline.triage.case import Array, Floats

NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Gap:
    """``new`` minus ``old`` with its standard error; ``n_new`` and ``n_old`` are rows."""

    new: float
    old: float
    se: float
    n_new: int
    n_old: int

    @property
    def diff(self) -> float:
        return self.new - self.old

    @property
    def z(self) -> float:
        """How many standard errors apart; 0 when nothing can be said."""
        if not math.isfinite(self.diff) or not math.isfinite(self.se) or self.se <= 0:
            return 0.0
        return self.diff / self.se

    @property
    def known(self) -> bool:
        return math.isfinite(self.diff) and math.isfinite(self.se) and min(self.n_new, self.n_old) > 1


NO_GAP = Gap(math.nan, math.nan, math.nan, 0, 0)


def tail(z: float) -> float:
    """Probability that a standard normal lies above ``z``."""
    return 0.5 * math.erfc(z / math.sqrt(2))


def bonferroni(tests: int, alpha: float = 0.01) -> float:
    """The two-sided z that ``tests`` independent looks at noise exceed with probability ``alpha``."""
    return NORMAL.inv_cdf(1 - alpha / (2 * max(tests, 1)))


def mean_of(values: Floats, weights: Floats | None = None) -> tuple[float, float, int]:
    """Mean, its variance and the number of rows of the finite ``values`` [n], weighted by ``weights`` [n].

    The variance never falls below that of one unseen event, so that 0 errors of 50 are not certain.
    """
    good = np.isfinite(values)
    if weights is not None:
        good &= weights > 0
    n = int(good.sum())
    if n == 0:
        return math.nan, math.nan, 0
    x = values[good]
    w = np.ones(n) if weights is None else weights[good]
    total = float(w.sum())
    mean = float((x * w).sum() / total)
    size = total * total / float((w * w).sum())
    spread = float((w * (x - mean) ** 2).sum() / total)
    if x.min() >= 0 and x.max() <= 1:
        smooth = (mean * size + 0.5) / (size + 1)
        spread = max(spread, smooth * (1 - smooth) if n > 1 else 0.25)
    return mean, spread / max(size - 1, 1), n


def gap_of_means(
    new: Floats, old: Floats, w_new: Floats | None = None, w_old: Floats | None = None, phi: float = 1.0
) -> Gap:
    """Means of two independent samples; ``phi`` inflates the variance (events that come in clumps)."""
    a, va, na = mean_of(new, w_new)
    b, vb, nb = mean_of(old, w_old)
    if na == 0 or nb == 0:
        return NO_GAP
    return Gap(a, b, math.sqrt(phi * (va + vb)), na, nb)


def gap_of_pairs(new: Floats, old: Floats) -> Gap:
    """Means over the same requests [n]: the shared noise cancels."""
    good = np.isfinite(new) & np.isfinite(old)
    n = int(good.sum())
    if n < 2:
        return NO_GAP
    a, b = new[good], old[good]
    d = a - b
    se = math.sqrt(float(d.var()) / n + 0.25 / n**2 * float(np.abs(d).max() + 1e-12) ** 2)
    return Gap(float(a.mean()), float(b.mean()), se, n, n)


def auc(score: Floats, positive: Array, weights: Floats | None = None) -> float:
    """Area under the ROC curve, ties count half; NaN without both classes. ``positive`` is bool [n]."""
    w = np.ones(len(score)) if weights is None else weights
    pos, neg = float(w[positive].sum()), float(w[~positive].sum())
    if pos <= 0 or neg <= 0:
        return math.nan
    _, place = np.unique(score, return_inverse=True)
    top = int(place.max()) + 1
    up = np.bincount(place[positive], w[positive], top)
    down = np.bincount(place[~positive], w[~positive], top)
    below = np.cumsum(down) - down
    return float((up * (below + down / 2)).sum() / (pos * neg))


def hanley(area: float, positives: int, negatives: int) -> float:
    """Hanley and McNeil's variance of an AUC."""
    if positives < 1 or negatives < 1 or not math.isfinite(area):
        return math.nan
    q1, q2 = area / (2 - area), 2 * area * area / (1 + area)
    top = area * (1 - area) + (positives - 1) * (q1 - area**2) + (negatives - 1) * (q2 - area**2)
    return max(top, 1e-9) / (positives * negatives)


def placements(score: Floats, others: Floats) -> Floats:
    """For each score the share of ``others`` below it, ties half: float64 [n]. Their mean is the AUC."""
    ranked = np.sort(others)
    low = np.searchsorted(ranked, score, side="left")
    high = np.searchsorted(ranked, score, side="right")
    return np.asarray((low + high) / (2.0 * max(len(ranked), 1)))


def gap_of_aucs(
    new: Floats, new_positive: Array, old: Floats, old_positive: Array, *, same: bool = False
) -> Gap:
    """Two AUCs; ``same`` says both scored the same labelled rows in the same order (DeLong's covariance)."""
    if min(new_positive.sum(), (~new_positive).sum(), old_positive.sum(), (~old_positive).sum()) < 2:
        return NO_GAP
    a, b = auc(new, new_positive), auc(old, old_positive)
    if not same:
        spread = hanley(a, int(new_positive.sum()), int((~new_positive).sum()))
        spread += hanley(b, int(old_positive.sum()), int((~old_positive).sum()))
        return Gap(a, b, math.sqrt(spread), len(new), len(old))
    m, n = int(new_positive.sum()), int((~new_positive).sum())
    v10 = placements(new[new_positive], new[~new_positive]) - placements(
        old[new_positive], old[~new_positive]
    )
    v01 = placements(new[~new_positive], new[new_positive]) - placements(
        old[~new_positive], old[new_positive]
    )
    spread = float(v10.var(ddof=1)) / m + float(v01.var(ddof=1)) / n
    return Gap(a, b, math.sqrt(max(spread, 1e-12)), len(new), len(old))


def psi(before: Floats, after: Floats) -> tuple[float, float]:
    """Population stability index of two count vectors [cells], and what noise alone would read.

    Smoothed by pseudo-counts in proportion to the reference's shares, so an empty cell reads neither 0 nor
    infinity.
    """
    n, m = float(before.sum()), float(after.sum())
    if n <= 0 or m <= 0:
        return math.nan, math.nan
    used = (before + after) > 0
    p = before[used] / n
    floor = 0.5 / n
    p = np.maximum(p, floor) / np.maximum(p, floor).sum()
    q = (after[used] + p) / (m + 1)
    noise = (int(used.sum()) - 1) * (1 / n + 1 / m)
    return float(((p - q) * np.log(p / q)).sum()), noise


def robust_spread(values: Floats) -> float:
    """1.4826 times the median absolute deviation of the finite ``values``; NaN for fewer than three."""
    x = values[np.isfinite(values)]
    if len(x) < 3:
        return math.nan
    return float(1.4826 * np.median(np.abs(x - np.median(x))))
