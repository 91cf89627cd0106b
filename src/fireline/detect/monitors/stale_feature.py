"""Features that are older than usual when they are used."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fireline.detect.kinds import Array, Behind, Kind, Monitor, Rates, Told, for_each
from fireline.detect.report import share_in_words
from fireline.terms.plan import Plan

USUAL = 0.05


class StaleFeature(Kind):
    """Features older than 1.25 times their reference's 95th percentile, against the 5 % beyond it.

    >>> from fireline.detect.example import counted
    >>> from fireline.terms.counts import Series
    >>> from fireline.terms.plan import Layout
    >>> age = Series("age", "conditions", 900, ("n", "stale"), (3600.0, 4501.0))
    >>> StaleFeature().ticks(*counted(Layout("ages", (age,), {"service": 900}), {"age": [100, 30]}))
    Rates(hits=array([[30]]), n=array([[100]]))
    """

    name = "stale_feature"
    family = "freshness"
    layout = "ages"
    scopes = ("service", "version")
    k = 3
    urgency = "ticket"

    def monitors(self, plan: Plan) -> Sequence[Monitor]:
        """One monitor, a channel for each feature whose time is logged."""
        names = [series.name for series in self.laid_out(plan).series]
        return for_each(self.name, "ages", names)

    def ticks(self, plan: Plan, counts: Array) -> Rates:
        """Stale values of values with an age [T, features]."""
        return Rates(counts[:, 1::2], counts[:, ::2])

    def fixed_base(self, plan: Plan) -> Array:
        """At least .05: what lies beyond a 95th percentile."""
        return np.full(len(self.laid_out(plan).series), USUAL)

    def tell(self, plan: Plan, monitor: Monitor, channel: int, behind: Behind) -> Told:
        """How many are older than what."""
        limit = self.laid_out(plan).series[channel].edges[1]
        says = f"{monitor.channels[channel]} is stale: {share_in_words(behind.seen)} of "
        says += f"{int(behind.now[2 * channel]):,} values are older than {limit:,.0f} s"
        return Told(says, behind.seen, behind.expected, "share", {"limit_seconds": limit})
