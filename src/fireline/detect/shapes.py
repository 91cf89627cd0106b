"""Histograms as two means: location and scale of normal scores over reference-quantile bins."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from statistics import NormalDist

import numpy as np

from fireline.detect.kinds import Array, Kind, Means, Ticks
from fireline.detect.sums import Sums
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


@lru_cache(maxsize=2048)
def standardised(shares: tuple[float, ...]) -> tuple[Array, Array]:
    """What an event in each cell [B + 2] says of location and of scale, in standard deviations.

    ``shares`` [B + 3] are the reference's of bins, below, above, null; what lies outside counts a little
    further than the outermost bin. In the reference each figure has mean 0 and standard deviation 1.
    """
    reference = np.asarray(shares)
    bins = normal_scores(reference[:-3])
    scores = np.concatenate([bins, [min(bins[0] - 0.5, -2.0)], [max(bins[-1] + 0.5, 2.0)]])
    weights = reference[:-1] / max(reference[:-1].sum(), 1e-12)
    found = []
    for figure in (scores, scores**2 - 1):
        centre = (weights * figure).sum()
        spread = np.sqrt(max((weights * (figure - centre) ** 2).sum(), 1e-6))
        found.append((figure - centre) / spread)
    return found[0], found[1]


def shape_sums(plan: Plan, names: Sequence[str]) -> tuple[Sums, Sums]:
    """What location and scale of the named shape series add up, two channels a series; and their events."""
    figures, events = [], []
    for name in names:
        span = plan.shapes.span(name)
        cells = range(span.start, span.stop - 1)
        for figure in standardised(tuple(plan.shapes.by_name[name].shares)):
            figures.append((cells, figure))
            events.append((cells, np.ones(len(cells), np.int64)))
    return Sums.of_parts(figures), Sums.of_parts(events)


def shape_figures(added: Array, events: Array) -> Means:
    """Location and scale means [T, C] from what ``shape_sums`` added up."""
    n = events.astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        return Means(added / n, 1.0 / n, n)


class ShapeDrift(Kind):
    """What moved or spread by more than a tenth of a standard deviation, two channels a shape series."""

    layout = "shapes"
    test = "mean"
    sides = "both"
    tolerance = 0.1
    k = 3
    pool = "drift"
    urgency = "ticket"
    least = 5
    unit = "reference sd"

    def ticks(self, plan: Plan, counts: Array) -> Ticks:
        """Normal-score means of each monitor's series [T, 2 x monitors]."""
        return self.of_sums(plan, counts)

    def sums(self, plan: Plan) -> tuple[Sums, ...]:
        """Each series' normal scores, and its events."""
        return shape_sums(plan, [m.series for m in self.monitors(plan)])

    def figures(self, *added: Array) -> Means:
        """Their means."""
        return shape_figures(*added)
