"""Histograms as two means: location and scale of normal scores over reference-quantile bins."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

from fireline.detect.kinds import Array, Means
from fireline.terms.plan import Plan


def normal_scores(shares: Array) -> Array:
    """Mean standard-normal value of each quantile bin [B] whose reference ``shares`` [B] are given.

    The mean over (F(lo), F(hi)) is (phi(z_lo) - phi(z_hi)) / share; empty bins take the value at their edge.
    """
    normal = NormalDist()
    total = shares.sum()
    p = shares / total if total > 0 else np.full(len(shares), 1 / max(len(shares), 1))
    upper = np.clip(np.cumsum(p), 0, 1)
    lower = upper - p
    found = np.empty(len(p))
    for i, (lo, hi) in enumerate(zip(lower, upper, strict=True)):
        if hi - lo < 1e-9:
            found[i] = normal.inv_cdf(min(max(lo, 1e-6), 1 - 1e-6))
        else:
            density_lo = normal.pdf(normal.inv_cdf(lo)) if lo > 1e-12 else 0.0
            density_hi = normal.pdf(normal.inv_cdf(hi)) if hi < 1 - 1e-12 else 0.0
            found[i] = (density_lo - density_hi) / (hi - lo)
    return found


def location_and_scale(counts: Array, shares: Array) -> Means:
    """Location and scale means [T, 2] of histogram ``counts`` [T, B + 3] whose reference ``shares`` are [B +
    3].

    Cells are bins, below, above, null; what lies outside counts a little further than the outermost bin.
    Values are standardised by the reference, so the unit is its standard deviation.
    """
    bins = normal_scores(shares[:-3])
    scores = np.concatenate([bins, [min(bins[0] - 0.5, -2.0)], [max(bins[-1] + 0.5, 2.0)]])
    weights = shares[:-1] / max(shares[:-1].sum(), 1e-12)
    filled = counts[:, :-1].astype(np.float64)
    n = filled.sum(axis=1)
    columns, variances = [], []
    for figure in (scores, scores**2 - 1):
        centre = (weights * figure).sum()
        spread = np.sqrt(max((weights * (figure - centre) ** 2).sum(), 1e-6))
        with np.errstate(invalid="ignore", divide="ignore"):
            columns.append((filled * ((figure - centre) / spread)).sum(axis=1) / n)
            variances.append(1.0 / n)
    return Means(np.stack(columns, axis=1), np.stack(variances, axis=1), np.stack([n, n], axis=1))


def shape_ticks(plan: Plan, counts: Array, names: Sequence[str]) -> Means:
    """Location and scale of the named shape series side by side."""
    parts = []
    for name in names:
        shares = np.asarray(plan.shapes.by_name[name].shares)
        parts.append(location_and_scale(counts[:, plan.shapes.span(name)], shares))
    return Means(
        np.concatenate([p.value for p in parts], axis=1),
        np.concatenate([p.variance for p in parts], axis=1),
        np.concatenate([p.n for p in parts], axis=1),
    )
