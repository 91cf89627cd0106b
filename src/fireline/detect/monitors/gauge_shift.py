"""Gauges that left their usual place: an online learner's weights, its updates, its loss, a queue."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fireline.detect.kinds import Array, Kind, Means, Monitor
from fireline.terms.plan import Plan

FIXED_POINT = 1_000_000


class GaugeShift(Kind):
    """A gauge against its own season: more than one and a half reference standard deviations away.

    What a limit cannot say: the norm of an online learner's weights that grows, a volume of updates that
    dries up, a loss that rises, predictions that drift since the last checkpoint.

    >>> from fireline.detect.example import counted
    >>> from fireline.terms.counts import QUARTER, Series
    >>> from fireline.terms.plan import Layout
    >>> norm = Series("gauge:weights_norm", "signal", QUARTER, ("n", "sum", "sum2"), (3.0, 0.1))
    >>> sums = {"n": 15, "sum": 75_000_000, "sum2": 390_000_000}  # in millionths
    >>> example = counted(Layout("gauges", (norm,), {"service": QUARTER}), {norm.name: sums})
    >>> GaugeShift().ticks(*example).value
    array([[5.]])
    """

    name = "gauge_shift"
    family = "resource"
    layout = "gauges"
    test = "mean"
    scopes = ("service",)
    sides = "both"
    tolerance = 1.5
    k = 3
    urgency = "ticket"
    unit = "reference sd"

    def monitors(self, plan: Plan) -> Sequence[Monitor]:
        """One monitor a gauge that the reference held."""
        return [
            Monitor(self.name, series.name, series.name.partition(":")[2])
            for series in plan.layout(self.layout).series
        ]

    def ticks(self, plan: Plan, counts: Array) -> Means:
        """Mean standardised value [T, gauges]."""
        n = counts[:, 0::3].astype(np.float64)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = counts[:, 1::3] / FIXED_POINT / n
            spread = np.maximum(counts[:, 2::3] / FIXED_POINT / n - mean**2, 1e-2)
            return Means(mean, spread / n, n)
