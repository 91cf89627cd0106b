"""Requests whose inputs are near-copies of each other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fireline.detect.collisions import collision, heaviest
from fireline.detect.kinds import Array, Behind, Kind, Means, Monitor, Told
from fireline.detect.report import share_in_words
from fireline.terms.plan import Plan


class NearDuplicates(Kind):
    """The chance that two requests have the same inputs, each cut into the bins of its histogram.

    A replayed or templated attack sends copies; more people of the usual kind do not.

    >>> from fireline.detect.example import counted
    >>> from fireline.terms.counts import Series
    >>> from fireline.terms.plan import Layout
    >>> buckets = Series("alike", "conditions", 900, ("bucket0", "bucket1"), shares=(0.5, 0.5))
    >>> layout = Layout("likeness", (buckets,), {"service": 900})
    >>> NearDuplicates().ticks(*counted(layout, {"alike": [90, 10]})).value.round(3)
    array([[0.818]])
    """

    name = "near_duplicates"
    family = "injection"
    layout = "likeness"
    test = "mean"
    scopes = ("service",)
    tolerance = 0.02
    k = 3
    urgency = "ticket"
    least = 10
    merge_to = 30
    unit = "chance that two requests are near-copies"

    def monitors(self, plan: Plan) -> Sequence[Monitor]:
        """One monitor."""
        return (Monitor(self.name, "alike"),) if "alike" in self.laid_out(plan).by_name else ()

    def ticks(self, plan: Plan, counts: Array) -> Means:
        """The collision probability of the buckets [T, 1]."""
        layout = self.laid_out(plan)
        return collision(counts[:, layout.span("alike")], np.asarray(layout.by_name["alike"].shares))

    def tell(self, plan: Plan, monitor: Monitor, channel: int, behind: Behind) -> Told:
        """The share of the bucket that gained most."""
        span = self.laid_out(plan).span("alike")
        seen, usual, n = heaviest(behind.now[span], behind.usual[span])
        says = f"{share_in_words(seen)} of {n:,} requests are near-copies of one"
        says += f", usually {share_in_words(usual)}"
        details = {"collision": behind.seen, "usual_collision": behind.expected}
        return Told(says, seen, usual, "share", details)
