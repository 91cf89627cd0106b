"""Share of requests that came without a feature."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fireline.detect.kinds import Array, Kind, Monitor, Rates
from fireline.terms.plan import Plan


class NullRate(Kind):
    """Missing values per feature. A few more are a ticket; a jump that reaches many requests pages.

    >>> from fireline.detect.example import counted
    >>> NullRate().ticks(*counted("rates", {"rates": {"n": 1000, "null:age": 40}}))
    Rates(hits=array([[40,  0]]), n=array([[1000, 1000]]))
    """

    name = "null_rate"
    family = "null_rate"
    layout = "rates"
    urgency = "ticket"

    def monitors(self, plan: Plan) -> Sequence[Monitor]:
        """One monitor a feature."""
        return [Monitor(self.name, f"feature:{name}", name) for name in plan.features]

    def ticks(self, plan: Plan, counts: Array) -> Rates:
        """Nulls of events [T, features]."""
        cells = plan.rates.series[0].cells
        nulls = counts[:, [cells.index(f"null:{name}") for name in plan.features]]
        return Rates(nulls, np.broadcast_to(counts[:, [cells.index("n")]], nulls.shape))
