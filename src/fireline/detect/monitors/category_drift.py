"""Drift of categorical features: every top value against all others, in odds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fireline.detect.kinds import Array, Kind, Monitor, Rates
from fireline.terms.plan import Plan


class CategoryDrift(Kind):
    """Shares of values that moved, one against the rest. A vanished value counts like one that doubled.

    >>> from fireline.detect.example import counted
    >>> CategoryDrift().ticks(*counted("shapes", {"feature:country": {"=DE": 90, "=FR": 10}})).hits
    array([[90, 10,  0,  0]])
    """

    name = "category_drift"
    family = "drift"
    layout = "shapes"
    sides = "both"
    tolerance = 0.1
    floor = 1e-3
    k = 3
    pool = "drift"
    urgency = "ticket"
    least = 5

    def monitors(self, plan: Plan) -> Sequence[Monitor]:
        """One monitor a categorical feature, a channel for each cell but null."""
        return [
            Monitor(self.name, f"feature:{name}", name, plan.shapes.by_name[f"feature:{name}"].cells[:-1])
            for name, kind in plan.features.items()
            if kind != "numeric"
        ]

    def ticks(self, plan: Plan, counts: Array) -> Rates:
        """Each value's events of values present [T, all cells of all features]."""
        hits, totals = [], []
        for monitor in self.monitors(plan):
            block = counts[:, plan.shapes.span(monitor.series)][:, :-1]
            hits.append(block)
            totals.append(np.broadcast_to(block.sum(axis=1, keepdims=True), block.shape))
        return Rates(np.concatenate(hits, axis=1), np.concatenate(totals, axis=1))

    def tolerances(self, plan: Plan, base: Array) -> Array:
        """A tenth of the indicator's standard deviation, expressed as an odds ratio."""
        p = np.clip(base, self.floor, 1 - self.floor)
        moved = np.clip(p + self.tolerance * np.sqrt(p * (1 - p)), None, 0.999)
        return np.asarray((moved / (1 - moved)) / (p / (1 - p)))
