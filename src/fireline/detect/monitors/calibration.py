"""Calibration: whether scores mean what they say, on cohorts at equal label age."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fireline.detect.kinds import Array, Kind, Means, Monitor
from fireline.detect.quality import fixed_means, labelled
from fireline.terms.plan import Plan


class Calibration(Kind):
    """Bias mean(y - p) and slope mean((y - p)(logit p - mean)), both beyond a tenth of the base rate.

    >>> from fireline.detect.example import counted
    >>> sums = {"bias": 8_000_000, "bias2": 4_000_000}  # in millionths
    >>> example = counted("quality", {"labels": {"labelled": 100}, "moments": sums})
    >>> Calibration().ticks(*example).value
    array([[0.08, 0.  ]])
    """

    name = "calibration"
    family = "calibration"
    layout = "quality"
    test = "mean"
    sides = "both"
    tolerance = 0.1
    k = 2
    least = 20
    merge_to = 100
    unit = "share"

    def monitors(self, plan: Plan) -> Sequence[Monitor]:
        """One monitor of two channels, where a binary score in [0, 1] meets labels."""
        score = plan.shapes.by_name.get("score")
        if plan.task in ("regression", "multiclass") or score is None:
            return ()
        if score.edges[0] < 0 or score.edges[-1] > 1:
            return ()
        return (Monitor(self.name, "score_label", channels=("bias", "slope")),)

    def ticks(self, plan: Plan, counts: Array) -> Means:
        """Bias and slope [T, 2]."""
        n = labelled(plan, counts)
        pairs = [fixed_means(plan, counts, name, f"{name}2", n) for name in ("bias", "slope")]
        return Means(
            np.stack([p[0] for p in pairs], axis=1),
            np.stack([p[1] for p in pairs], axis=1),
            np.stack([n, n], axis=1),
        )

    def reach(self, plan: Plan, base: Array) -> Array:
        """Every score 1 where no label is, or the reverse; a slope of one, as of sure and random scores."""
        return np.ones(len(base))

    def tolerances(self, plan: Plan, base: Array) -> Array:
        """A tenth of the reference's positive share, at least one point in a thousand."""
        positives = np.asarray(plan.quality.by_name["labels"].shares or (0.0,) * 5)
        rate = positives[2] / positives[1] if len(positives) > 2 and positives[1] > 0 else 0.1
        return np.full(2, max(self.tolerance * rate, 1e-3))
