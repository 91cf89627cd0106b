"""Ranking quality: AUC of cohorts by event time at equal label age."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fireline.detect.kinds import Array, Kind, Means, Monitor
from fireline.terms.plan import Plan


def binned_auc(negatives: Array, positives: Array) -> tuple[Array, Array]:
    """AUC with ties [T] and its Hanley-McNeil variance [T] from score-bin counts [T, B] of each class.

    Exact for the binned scores; the error against unbinned ones is at most half the share of
    (positive, negative) pairs that fall into one bin together. Hanley and McNeil 1982.
    """
    neg, pos = negatives.astype(np.float64), positives.astype(np.float64)
    n0, n1 = neg.sum(axis=1), pos.sum(axis=1)
    below = np.cumsum(neg, axis=1) - neg
    with np.errstate(invalid="ignore", divide="ignore"):
        auc = (pos * (below + neg / 2)).sum(axis=1) / (n0 * n1)
        q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
        variance = (auc * (1 - auc) + (n1 - 1) * (q1 - auc**2) + (n0 - 1) * (q2 - auc**2)) / (n0 * n1)
    return auc, np.maximum(variance, 1e-9)


class Auc(Kind):
    """AUC that fell by more than half a point against the reference's cohorts.

    >>> from fireline.detect.example import counted
    >>> example = counted("quality", {"negatives": [0, 40, 30, 20, 10], "positives": [0, 5, 10, 15, 20]})
    >>> Auc().ticks(*example).value.round(3)
    array([[0.75]])
    """

    name = "auc"
    family = "auc"
    layout = "quality"
    test = "mean"
    sides = "down"
    tolerance = 0.005
    k = 2
    least = 20
    merge_to = 20
    unit = "AUC"

    def monitors(self, plan: Plan) -> Sequence[Monitor]:
        """One monitor, where a binary score meets labels."""
        if plan.task == "regression" or plan.task == "multiclass" or "score" not in plan.shapes.by_name:
            return ()
        return (Monitor(self.name, "score_label"),)

    def ticks(self, plan: Plan, counts: Array) -> Means:
        """AUC [T, 1]; n is the smaller class."""
        negatives = counts[:, plan.quality.span("negatives")]
        positives = counts[:, plan.quality.span("positives")]
        auc, variance = binned_auc(negatives, positives)
        fewer = np.minimum(negatives.sum(axis=1), positives.sum(axis=1)).astype(np.float64)
        return Means(auc[:, None], variance[:, None], fewer[:, None])

    def reach(self, plan: Plan, base: Array) -> Array:
        """Scores that know nothing: they stand in a part of the pairs that is twice their part of the
        events."""
        return 2 * np.maximum(base - 0.5, 0.0)
