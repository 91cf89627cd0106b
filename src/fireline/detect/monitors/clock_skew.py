"""Share of rows whose clock runs ahead."""

from __future__ import annotations

from collections.abc import Sequence

from fireline.detect.kinds import Array, Kind, Monitor, Rates
from fireline.terms.plan import Plan


class ClockSkew(Kind):
    """Rows dated further ahead than the runbook's `clock_skew` allows: a host without NTP, a wrong zone.

    >>> from fireline.detect.example import counted
    >>> from fireline.terms.counts import Series
    >>> from fireline.terms.plan import Layout
    >>> cells = ("n", "late", "clock_ahead", "not_a_number:age", "other")
    >>> layout = Layout("arrivals", (Series("arrivals", "conditions", 60, cells),), {"service": 60})
    >>> ClockSkew().ticks(*counted(layout, {"arrivals": {"n": 95, "clock_ahead": 5}}))
    Rates(hits=array([[5]]), n=array([[100]]))
    """

    name = "clock_skew"
    family = "freshness"
    layout = "arrivals"
    scopes = ("service",)
    tolerance = 2.0
    floor = 1e-3
    urgency = "ticket"

    def monitors(self, plan: Plan) -> Sequence[Monitor]:
        """One monitor."""
        return (Monitor(self.name, "arrivals"),) if self.laid_out(plan).series else ()

    def ticks(self, plan: Plan, counts: Array) -> Rates:
        """Rows ahead of all that came [T, 1]."""
        ahead = counts[:, 2:3]
        return Rates(ahead, counts[:, :1] + ahead)
