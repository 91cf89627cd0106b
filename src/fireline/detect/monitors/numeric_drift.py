"""Drift of numeric features: location and scale of normal scores over reference-quantile bins."""

from __future__ import annotations

from collections.abc import Sequence

from fireline.detect.kinds import Array, Kind, Means, Monitor, Ticks
from fireline.detect.shapes import shape_figures, shape_sums
from fireline.detect.sums import Sums
from fireline.terms.plan import Plan


class NumericDrift(Kind):
    """Inputs that moved or spread by more than a tenth of a standard deviation: a ticket, a page on harm.

    >>> from fireline.detect.example import counted
    >>> NumericDrift().ticks(*counted("shapes", {"feature:age": [10, 10, 40, 40]})).value.round(2)
    array([[0.52, 0.  ]])
    """

    name = "numeric_drift"
    family = "drift"
    layout = "shapes"
    test = "mean"
    sides = "both"
    tolerance = 0.1
    k = 3
    pool = "drift"
    urgency = "ticket"
    least = 5
    merge_to = 15
    unit = "reference sd"

    def monitors(self, plan: Plan) -> Sequence[Monitor]:
        """One monitor of two channels a numeric feature."""
        return [
            Monitor(self.name, f"feature:{name}", name, ("location", "scale"))
            for name, kind in plan.features.items()
            if kind == "numeric"
        ]

    def ticks(self, plan: Plan, counts: Array) -> Ticks:
        """Normal-score means of each numeric feature [T, 2 x features]."""
        return self.of_sums(plan, counts)

    def sums(self, plan: Plan) -> tuple[Sums, ...]:
        """Each feature's normal scores, and its events."""
        return shape_sums(plan, [m.series for m in self.monitors(plan)])

    def figures(self, *added: Array) -> Means:
        """Their means."""
        return shape_figures(*added)
