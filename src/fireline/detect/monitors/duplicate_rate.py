"""Share of events sent more than once."""

from __future__ import annotations

from collections.abc import Sequence

from fireline.detect.kinds import Array, Kind, Monitor, Rates
from fireline.terms.plan import Plan


class DuplicateRate(Kind):
    """Dropped duplicates of all arrivals: a retry storm or a replayed batch.

    >>> from fireline.detect.example import counted
    >>> DuplicateRate().ticks(*counted("rates", {"rates": {"n": 900, "duplicate": 100}}))
    Rates(hits=array([[100]]), n=array([[1000]]))
    """

    name = "duplicate_rate"
    family = "duplicates"
    layout = "rates"
    scopes = ("service",)
    urgency = "ticket"
    floor = 1e-3

    def monitors(self, plan: Plan) -> Sequence[Monitor]:
        """One monitor."""
        return (Monitor(self.name, "rates"),)

    def ticks(self, plan: Plan, counts: Array) -> Rates:
        """Duplicates of arrivals [T, 1]."""
        cells = plan.rates.series[0].cells
        twice = counts[:, [cells.index("duplicate")]]
        return Rates(twice, counts[:, [cells.index("n")]] + twice)
