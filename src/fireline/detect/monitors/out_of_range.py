"""Share of values outside the reference's range, widened by a quarter of it on each side."""

from __future__ import annotations

from collections.abc import Sequence

from fireline.detect.kinds import Array, Kind, Monitor, Rates
from fireline.terms.plan import Plan


class OutOfRange(Kind):
    """Values no reference event came near: a unit change or a default such as -999 shows here first.

    >>> from fireline.detect.example import counted
    >>> OutOfRange().ticks(*counted("rates", {"rates": {"n": 1000, "null:age": 40, "out:age": 3}}))
    Rates(hits=array([[3]]), n=array([[960]]))
    """

    name = "out_of_range"
    family = "range"
    layout = "rates"
    urgency = "ticket"

    def monitors(self, plan: Plan) -> Sequence[Monitor]:
        """One monitor a numeric feature."""
        return [
            Monitor(self.name, f"feature:{f}", f) for f, kind in plan.features.items() if kind == "numeric"
        ]

    def ticks(self, plan: Plan, counts: Array) -> Rates:
        """Values out of range of values present [T, numeric features]."""
        cells = plan.rates.series[0].cells
        names = [m.feature for m in self.monitors(plan)]
        out = counts[:, [cells.index(f"out:{name}") for name in names]]
        nulls = counts[:, [cells.index(f"null:{name}") for name in names]]
        return Rates(out, counts[:, [cells.index("n")]] - nulls)
