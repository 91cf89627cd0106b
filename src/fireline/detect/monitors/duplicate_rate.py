"""Share of events sent more than once."""

from __future__ import annotations

from collections.abc import Sequence

from fireline.detect.kinds import Array, Kind, Monitor, Rates
from fireline.terms.plan import Plan


class DuplicateRate(Kind):
    """Dropped duplicates of all arrivals: a retry storm or a replayed batch."""

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
