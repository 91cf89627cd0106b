"""Drift of numeric features: location and scale of normal scores over reference-quantile bins."""

from __future__ import annotations

from collections.abc import Sequence

from fireline.detect.kinds import Monitor
from fireline.detect.shapes import ShapeDrift
from fireline.terms.plan import Plan


class NumericDrift(ShapeDrift):
    """Inputs that moved or spread by more than a tenth of a standard deviation: a ticket, a page on harm.

    >>> from fireline.detect.example import counted
    >>> NumericDrift().ticks(*counted("shapes", {"feature:age": [10, 10, 40, 40]})).value.round(2)
    array([[0.52, 0.  ]])
    """

    name = "numeric_drift"
    family = "drift"
    merge_to = 15

    def monitors(self, plan: Plan) -> Sequence[Monitor]:
        """One monitor of two channels a numeric feature."""
        return [
            Monitor(self.name, f"feature:{name}", name, ("location", "scale"))
            for name, kind in plan.features.items()
            if kind == "numeric"
        ]
