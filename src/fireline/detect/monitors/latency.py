"""Latency against the reference's 95th percentile, as an e-test on counts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fireline.detect.kinds import Array, Kind, Monitor, Rates
from fireline.terms.plan import Plan


class Latency(Kind):
    """Two shares: slower than 1.25 x the reference p95 against .05, and slower than the p95 against season.

    The first notices that the percentile itself moved by more than a quarter, whatever the season; the
    second that half as many again are slow for this hour.

    >>> from fireline.detect.example import counted
    >>> Latency().ticks(*counted("rates", {"rates": {"n": 1000, "timed": 990, "slow": 80, "very_slow": 60}}))
    Rates(hits=array([[60, 80]]), n=array([[990, 990]]))
    """

    name = "latency"
    family = "latency"
    layout = "rates"
    tolerance = 1.5

    def monitors(self, plan: Plan) -> Sequence[Monitor]:
        """One monitor of two channels, where latency is logged."""
        if plan.latency_p95 is None:
            return ()
        return (Monitor(self.name, "latency", channels=("over 1.25 x p95", "over p95")),)

    def ticks(self, plan: Plan, counts: Array) -> Rates:
        """Slow events of timed events [T, 2]."""
        cells = plan.rates.series[0].cells
        hits = counts[:, [cells.index("very_slow"), cells.index("slow")]]
        return Rates(hits, np.broadcast_to(counts[:, [cells.index("timed")]], hits.shape))

    def fixed_base(self, plan: Plan) -> Array:
        """The first channel's base is .05 by definition of a p95."""
        return np.array([0.05, np.nan])

    def tolerances(self, plan: Plan, base: Array) -> Array:
        """None for the first (it is in milliseconds already), 1.5 in odds for the second."""
        return np.array([1.0, self.tolerance])
