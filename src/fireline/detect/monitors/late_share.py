"""Share of rows that come too late to be judged."""

from __future__ import annotations

from collections.abc import Sequence

from fireline.detect.kinds import Array, Kind, Monitor, Rates
from fireline.terms.plan import Plan


class LateShare(Kind):
    """Rows later than the runbook allows, counted when they arrive: a sender that falls behind.

    What comes late is in no judged count; many late rows mean that every other monitor sees a part only.

    >>> from fireline.detect.example import counted
    >>> from fireline.terms.counts import Series
    >>> from fireline.terms.plan import Layout
    >>> cells = ("n", "late", "clock_ahead", "not_a_number:age", "other")
    >>> layout = Layout("arrivals", (Series("arrivals", "conditions", 60, cells),), {"service": 60})
    >>> LateShare().ticks(*counted(layout, {"arrivals": {"n": 80, "late": 20}}))
    Rates(hits=array([[20]]), n=array([[100]]))
    """

    name = "late_share"
    family = "freshness"
    layout = "arrivals"
    scopes = ("service",)
    tolerance = 2.0
    floor = 5e-3
    urgency = "ticket"

    def monitors(self, plan: Plan) -> Sequence[Monitor]:
        """One monitor."""
        return (Monitor(self.name, "arrivals"),) if self.laid_out(plan).series else ()

    def ticks(self, plan: Plan, counts: Array) -> Rates:
        """Late rows of all that came [T, 1]."""
        late = counts[:, 1:2]
        return Rates(late, counts[:, :1] + late)
