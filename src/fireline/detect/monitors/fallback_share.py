"""Share of requests answered by a lower rung of the fallback ladder."""

from __future__ import annotations

from collections.abc import Sequence

from fireline.detect.kinds import Array, Kind, Monitor, Rates
from fireline.terms.plan import Plan


class FallbackShare(Kind):
    """Requests the current model did not answer itself.

    >>> from fireline.detect.example import counted
    >>> FallbackShare().ticks(*counted("rates", {"rates": {"n": 1000, "fallback": 7}}))
    Rates(hits=array([[7]]), n=array([[1000]]))
    """

    name = "fallback_share"
    family = "resource"
    layout = "rates"
    scopes = ("service", "version")
    floor = 1e-3

    def monitors(self, plan: Plan) -> Sequence[Monitor]:
        """One monitor; it has data only where the log names rungs."""
        return (Monitor(self.name, "rates"),)

    def ticks(self, plan: Plan, counts: Array) -> Rates:
        """Fallback answers of events [T, 1]."""
        cells = plan.rates.series[0].cells
        return Rates(counts[:, [cells.index("fallback")]], counts[:, [cells.index("n")]])
