"""Requests that come from fewer sources than usual."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fireline.detect.collisions import collision, heaviest
from fireline.detect.kinds import Array, Behind, Kind, Means, Monitor, Told
from fireline.detect.report import share_in_words
from fireline.terms.plan import Plan


class SourceConcentration(Kind):
    """The chance that two requests come from the same source: a burst from a few, not a campaign of many.

    Sources fall into 256 hash buckets; a campaign brings more of them and lowers the chance.

    >>> from fireline.detect.example import counted
    >>> from fireline.terms.counts import Series
    >>> from fireline.terms.plan import Layout
    >>> buckets = Series("buckets", "conditions", 900, ("bucket0", "bucket1"), shares=(0.5, 0.5))
    >>> layout = Layout("sources", (buckets,), {"service": 900})
    >>> SourceConcentration().ticks(*counted(layout, {"buckets": [90, 10]})).value.round(3)
    array([[0.818]])
    """

    name = "source_concentration"
    family = "injection"
    layout = "sources"
    test = "mean"
    scopes = ("service",)
    tolerance = 0.02
    k = 3
    urgency = "ticket"
    least = 10
    merge_to = 30
    unit = "chance that two requests share a source"

    def monitors(self, plan: Plan) -> Sequence[Monitor]:
        """One monitor."""
        return (Monitor(self.name, "buckets"),) if "buckets" in self.laid_out(plan).by_name else ()

    def ticks(self, plan: Plan, counts: Array) -> Means:
        """The collision probability of the buckets [T, 1]."""
        layout = self.laid_out(plan)
        return collision(counts[:, layout.span("buckets")], np.asarray(layout.by_name["buckets"].shares))

    def tell(self, plan: Plan, monitor: Monitor, channel: int, behind: Behind) -> Told:
        """The share of the bucket that gained most."""
        span = self.laid_out(plan).span("buckets")
        seen, usual, n = heaviest(behind.now[span], behind.usual[span])
        says = f"{share_in_words(seen)} of {n:,} requests come from one source"
        says += f", usually {share_in_words(usual)}"
        details = {"collision": behind.seen, "usual_collision": behind.expected}
        return Told(says, seen, usual, "share", details)
