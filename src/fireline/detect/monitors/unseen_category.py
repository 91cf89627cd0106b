"""Share of values that the reference never held."""

from __future__ import annotations

from collections.abc import Sequence

from fireline.detect.kinds import Array, Kind, Monitor, Rates
from fireline.terms.plan import Plan


class UnseenCategory(Kind):
    """New values of a categorical feature: a renamed code or an upstream dictionary change.

    >>> from fireline.detect.example import counted
    >>> UnseenCategory().ticks(*counted("rates", {"rates": {"n": 1000, "unseen:country": 12}}))
    Rates(hits=array([[12]]), n=array([[1000]]))
    """

    name = "unseen_category"
    family = "schema"
    layout = "rates"
    urgency = "ticket"
    floor = 1e-3

    def monitors(self, plan: Plan) -> Sequence[Monitor]:
        """One monitor a categorical feature."""
        return [
            Monitor(self.name, f"feature:{f}", f) for f, kind in plan.features.items() if kind != "numeric"
        ]

    def ticks(self, plan: Plan, counts: Array) -> Rates:
        """Unseen values of values present [T, categorical features]."""
        cells = plan.rates.series[0].cells
        names = [m.feature for m in self.monitors(plan)]
        unseen = counts[:, [cells.index(f"unseen:{name}") for name in names]]
        nulls = counts[:, [cells.index(f"null:{name}") for name in names]]
        return Rates(unseen, counts[:, [cells.index("n")]] - nulls)
