"""Calibration: whether scores mean what they say, on cohorts at equal label age."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fireline.detect.kinds import Array, Kind, Means, Monitor, Ticks
from fireline.detect.quality import means_of_fixed
from fireline.detect.sums import Sums
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

    def ticks(self, plan: Plan, counts: Array) -> Ticks:
        """Bias and slope [T, 2]."""
        return self.of_sums(plan, counts)

    def sums(self, plan: Plan) -> tuple[Sums, ...]:
        """Both figures, their squares, and the labelled events."""
        layout = plan.quality
        start, cells = layout.offsets["moments"], layout.by_name["moments"].cells
        there = layout.offsets["labels"] + layout.by_name["labels"].cells.index("labelled")
        return (
            *(
                Sums.of_cells([start + cells.index(f"{n}{of}") for n in ("bias", "slope")])
                for of in ("", "2")
            ),
            Sums.of_cells([there, there]),
        )

    def figures(self, *added: Array) -> Means:
        """Their means, and what these vary by."""
        total, squares, n = added[0], added[1], added[2].astype(np.float64)
        mean, variance = means_of_fixed(total, squares, n)
        return Means(mean, variance, n)

    def reach(self, plan: Plan, base: Array) -> Array:
        """Scores that know nothing: of answers by a coin half are off by one, and scores that only look like
        the usual ones miss the slope by their own covariance with their logit."""
        score = plan.shapes.by_name["score"]
        edges, shares = np.asarray(score.edges), np.asarray(score.shares[: len(score.edges) - 1])
        if not shares.sum() > 0:
            return np.ones(len(base))
        p = np.clip((edges[1:] + edges[:-1]) / 2, 1e-3, 1 - 1e-3)
        lean, weight = np.log(p / (1 - p)), shares / shares.sum()
        slope = float(((p - weight @ p) * lean) @ weight)
        return np.array([0.5, slope])

    def tolerances(self, plan: Plan, base: Array) -> Array:
        """A tenth of the reference's positive share, at least one point in a thousand."""
        positives = np.asarray(plan.quality.by_name["labels"].shares or (0.0,) * 5)
        rate = positives[2] / positives[1] if len(positives) > 2 and positives[1] > 0 else 0.1
        return np.full(2, max(self.tolerance * rate, 1e-3))
