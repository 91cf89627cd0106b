"""Ranking quality where positives are rare: average precision, the area under precision and recall."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fireline.detect.kinds import Array, Kind, Means, Monitor
from fireline.detect.scored import binned_average_precision
from fireline.terms.plan import Plan

RARE = 0.1


class AveragePrecision(Kind):
    """Average precision (PR-AUC) that fell by more than a point, by itself where positives are below a tenth.

    It rises and falls with the share of positives as well: read it beside AUC.

    >>> from fireline.detect.example import counted
    >>> example = counted("quality", {"negatives": [0, 40, 30, 20, 10], "positives": [0, 5, 10, 15, 20]})
    >>> AveragePrecision().ticks(*example).value.round(3)
    array([[0.547]])
    """

    name = "average_precision"
    family = "auc"
    layout = "quality"
    test = "mean"
    scopes = ("service", "version")
    sides = "down"
    tolerance = 0.01
    k = 2
    least = 20
    merge_to = 20
    unit = "AP"
    optional = True

    def by_itself(self, plan: Plan) -> bool:
        """Where the reference's positives are below a tenth."""
        shares = plan.quality.by_name["labels"].shares
        return len(shares) > 2 and 0 < shares[2] < RARE * shares[1]

    def monitors(self, plan: Plan) -> Sequence[Monitor]:
        """One monitor, where a binary score meets labels."""
        if plan.task in ("regression", "multiclass") or "score" not in plan.shapes.by_name:
            return ()
        return (Monitor(self.name, "score_label"),)

    def ticks(self, plan: Plan, counts: Array) -> Means:
        """Average precision [T, 1]; n is the positives."""
        negatives = counts[:, plan.quality.span("negatives")]
        positives = counts[:, plan.quality.span("positives")]
        value, variance = binned_average_precision(negatives, positives)
        n = positives.sum(axis=1).astype(np.float64)
        return Means(value[:, None], variance[:, None], n[:, None])
