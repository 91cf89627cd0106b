"""Right answers: share of correct predictions, or the mean absolute error of numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fireline.detect.kinds import Array, Behind, Kind, Means, Monitor, Ticks, Told
from fireline.detect.quality import fixed_means, in_label_units, labelled
from fireline.detect.sums import Sums
from fireline.terms.plan import Plan


class Accuracy(Kind):
    """Share of wrong predictions up by more than a point, against the reference's cohorts.

    >>> from fireline.detect.example import counted
    >>> example = counted("quality", {"labels": {"n": 100, "labelled": 90, "judged": 90, "correct": 63}})
    >>> Accuracy().ticks(*example).value.round(2)
    array([[0.3]])
    """

    name = "accuracy"
    family = "accuracy"
    layout = "quality"
    test = "mean"
    scopes = ("service", "version")
    sides = "up"
    tolerance = 0.01
    k = 2
    least = 20
    merge_to = 50
    unit = "share wrong"

    def monitors(self, plan: Plan) -> Sequence[Monitor]:
        """One monitor where predictions are classes that labels can confirm."""
        if plan.task == "regression" or "judged" not in plan.quality.by_name["labels"].cells:
            return ()
        judged = plan.quality.by_name["labels"].shares
        return (Monitor(self.name, "labels"),) if len(judged) > 3 and judged[3] > 0 else ()

    def ticks(self, plan: Plan, counts: Array) -> Ticks:
        """Share wrong [T, 1]."""
        return self.of_sums(plan, counts)

    def sums(self, plan: Plan) -> tuple[Sums, ...]:
        """Events that could be judged, and those answered correctly."""
        start, cells = plan.quality.offsets["labels"], plan.quality.by_name["labels"].cells
        return tuple(Sums.of_cells([start + cells.index(name)]) for name in ("judged", "correct"))

    def figures(self, *added: Array) -> Means:
        """The share of those that were not."""
        judged, correct = (one.astype(np.float64) for one in added)
        with np.errstate(invalid="ignore", divide="ignore"):
            wrong = 1 - correct / judged
            return Means(wrong, np.maximum(wrong * (1 - wrong), 0.01) / judged, judged)

    def reach(self, plan: Plan, base: Array) -> Array:
        """Half of the answers turned from right to wrong, which is worse than a coin's."""
        return np.full(len(base), 0.5)


class RegressionError(Kind):
    """Mean absolute error of predictions, in units of the reference predictions' spread.

    >>> from fireline.detect.example import counted
    >>> sums = {"absolute": 3_000_000, "error2": 1_500_000}  # in millionths
    >>> example = counted("quality", {"labels": {"labelled": 10}, "moments": sums})
    >>> RegressionError().ticks(*example).value
    array([[0.3]])
    """

    name = "absolute_error"
    family = "accuracy"
    layout = "quality"
    test = "mean"
    sides = "up"
    tolerance = 0.02
    k = 2
    least = 20
    merge_to = 50
    unit = "spread"

    def monitors(self, plan: Plan) -> Sequence[Monitor]:
        """One monitor for regression."""
        return (Monitor(self.name, "moments"),) if plan.task == "regression" else ()

    def ticks(self, plan: Plan, counts: Array) -> Means:
        """Mean absolute error [T, 1]."""
        n = labelled(plan, counts)
        mean, variance = fixed_means(plan, counts, "absolute", "error2", n)
        return Means(mean[:, None], variance[:, None], n[:, None])

    def tell(self, plan: Plan, monitor: Monitor, channel: int, behind: Behind) -> Told:
        """The error in words."""
        return Told(f"predictions are off on average by {in_label_units(plan, *behind.figures)}")
