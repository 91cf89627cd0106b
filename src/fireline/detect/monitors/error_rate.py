"""Share of requests that failed."""

from __future__ import annotations

from collections.abc import Sequence

from fireline.detect.kinds import Array, Kind, Monitor, Rates
from fireline.terms.plan import Plan


class ErrorRate(Kind):
    """Errors per request against the seasonal base.

    >>> from fireline.detect.example import counted
    >>> ErrorRate().ticks(*counted("rates", {"rates": {"n": 1000, "error": 30}}))
    Rates(hits=array([[30]]), n=array([[1000]]))
    """

    name = "error_rate"
    family = "error_rate"
    layout = "rates"

    def monitors(self, plan: Plan) -> Sequence[Monitor]:
        """One monitor: the share of events whose status says error."""
        return (Monitor(self.name, "rates"),)

    def ticks(self, plan: Plan, counts: Array) -> Rates:
        """Errors of events [T, 1]."""
        cells = plan.rates.series[0].cells
        return Rates(counts[:, [cells.index("error")]], counts[:, [cells.index("n")]])
