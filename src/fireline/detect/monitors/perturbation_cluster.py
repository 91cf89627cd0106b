"""One source that feels its way along the decision threshold."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fireline.detect.collisions import collision, heaviest
from fireline.detect.kinds import Array, Behind, Kind, Means, Monitor, Told
from fireline.detect.report import share_in_words
from fireline.terms.plan import Plan


class PerturbationCluster(Kind):
    """Among the requests nearest the threshold, the chance that two have the same source and like inputs.

    Who looks for the smallest change that turns the answer asks the same again and again, in small steps.

    >>> from fireline.detect.example import counted
    >>> from fireline.terms.counts import Series
    >>> from fireline.terms.plan import Layout
    >>> buckets = Series("near", "conditions", 900, ("bucket0", "bucket1"), shares=(0.5, 0.5))
    >>> layout = Layout("likeness", (buckets,), {"service": 900})
    >>> PerturbationCluster().ticks(*counted(layout, {"near": [90, 10]})).value.round(3)
    array([[0.818]])
    """

    name = "perturbation_cluster"
    family = "injection"
    layout = "likeness"
    test = "mean"
    scopes = ("service",)
    tolerance = 0.05
    k = 3
    urgency = "ticket"
    least = 10
    merge_to = 30
    unit = "chance that two near the threshold are alike"

    def monitors(self, plan: Plan) -> Sequence[Monitor]:
        """One monitor."""
        return (Monitor(self.name, "near"),) if "near" in self.laid_out(plan).by_name else ()

    def ticks(self, plan: Plan, counts: Array) -> Means:
        """The collision probability of the buckets [T, 1]."""
        layout = self.laid_out(plan)
        return collision(counts[:, layout.span("near")], np.asarray(layout.by_name["near"].shares))

    def tell(self, plan: Plan, monitor: Monitor, channel: int, behind: Behind) -> Told:
        """The share of the bucket that gained most."""
        span = self.laid_out(plan).span("near")
        seen, usual, n = heaviest(behind.now[span], behind.usual[span])
        says = f"{share_in_words(seen)} of {n:,} requests near the threshold are one source varying one"
        says += f", usually {share_in_words(usual)}"
        details = {"collision": behind.seen, "usual_collision": behind.expected}
        return Told(says, seen, usual, "share", details)
