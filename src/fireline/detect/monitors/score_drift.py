"""Drift of the score: the model's own output, a proxy for harm before labels come."""

from __future__ import annotations

from collections.abc import Sequence

from fireline.detect.kinds import Array, Kind, Means, Monitor, Ticks
from fireline.detect.shapes import shape_figures, shape_sums
from fireline.detect.sums import Sums
from fireline.terms.plan import Plan


class ScoreDrift(Kind):
    """Scores that moved or spread; a new version's own score drift never pages by itself.

    >>> from fireline.detect.example import counted
    >>> ScoreDrift().ticks(*counted("shapes", {"score": [50, 0, 0, 50]})).value.round(2)
    array([[0., 1.]])
    """

    name = "score_drift"
    family = "score_drift"
    layout = "shapes"
    test = "mean"
    sides = "both"
    tolerance = 0.1
    k = 3
    pool = "drift"
    urgency = "ticket"
    least = 5
    merge_to = 30
    unit = "reference sd"

    def monitors(self, plan: Plan) -> Sequence[Monitor]:
        """One monitor of two channels, where scores are logged."""
        if "score" not in plan.shapes.by_name:
            return ()
        return (Monitor(self.name, "score", channels=("location", "scale")),)

    def ticks(self, plan: Plan, counts: Array) -> Ticks:
        """Normal-score means of the score [T, 2]."""
        return self.of_sums(plan, counts)

    def sums(self, plan: Plan) -> tuple[Sums, ...]:
        """The normal scores of the score, and its events."""
        return shape_sums(plan, ["score"])

    def figures(self, *added: Array) -> Means:
        """Their means."""
        return shape_figures(*added)
