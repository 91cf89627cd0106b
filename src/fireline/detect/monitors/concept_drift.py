"""Concept drift told from data drift: what a score means, whatever scores come."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fireline.detect.kinds import Array, Behind, Kind, Means, Monitor, Told
from fireline.detect.scored import folded
from fireline.terms.plan import Plan

NOT_DATA = (
    "what a score means has changed (concept drift): another mix of scores (data drift) does not show here"
)


class ConceptDrift(Kind):
    """Truth given the score against the reference: more or fewer positives, or a flatter or steeper relation.

    Each event is compared with the share of positives that the reference had in its score's bin, so that
    another mix of scores alone moves nothing. `level` is the mean of label less that share; `slope` weighs it
    by how high the share is, so that a relation that flattened reads below 0. What changes within one score
    bin unseen by the score (a new kind of request that scores like an old one) counts as concept, and so do
    labels that broke. A cause to look into: a ticket; `calibration` and `auc` page on the harm.

    >>> from dataclasses import replace
    >>> from fireline.detect.example import counted
    >>> from fireline.detect.example_layouts import CONFIDENCE
    >>> plan, counts = counted("quality", {"negatives": [0, 9, 6, 2, 1], "positives": [0, 1, 4, 8, 9]})
    >>> ConceptDrift().ticks(replace(plan, extras=(CONFIDENCE,)), counts).value.round(3)
    array([[0.05 , 0.015]])
    """

    name = "concept_drift"
    family = "calibration"
    layout = "quality"
    test = "mean"
    scopes = ("service",)
    sides = "both"
    tolerance = 0.1
    k = 2
    pool = "drift"
    urgency = "ticket"
    least = 20
    merge_to = 100
    unit = "share difference"
    optional = True

    def monitors(self, plan: Plan) -> Sequence[Monitor]:
        """One monitor of two channels, where the reference shows what scores mean."""
        if not plan.layout("confidence").series:
            return ()
        return (Monitor(self.name, "score_label", channels=("level", "slope")),)

    def ticks(self, plan: Plan, counts: Array) -> Means:
        """Level and slope of label less the reference's share [T, 2]."""
        usual = np.asarray(plan.layout("confidence").by_name["scores"].shares)
        negatives, positives = (_by_cell(plan, counts, name) for name in ("negatives", "positives"))
        n = negatives + positives
        total = n.sum(axis=1)
        gap, spread = positives - n * usual, n * usual * (1 - usual)
        lean = (usual - usual.mean()) / max(float(usual.std()), 1e-9)
        with np.errstate(invalid="ignore", divide="ignore"):
            value = np.stack([gap.sum(axis=1), (gap * lean).sum(axis=1)], axis=1) / total[:, None]
            chance = np.stack([spread.sum(axis=1), (spread * lean**2).sum(axis=1)], axis=1)
            variance = np.maximum(chance, 1e-6) / total[:, None] ** 2
        return Means(value, variance, np.stack([total, total], axis=1))

    def tolerances(self, plan: Plan, base: Array) -> Array:
        """A tenth of the reference's positive share, at least one point in a thousand."""
        shares = plan.quality.by_name["labels"].shares
        rate = shares[2] / shares[1] if len(shares) > 2 and shares[1] > 0 else 0.1
        return np.full(2, max(self.tolerance * min(rate, 1 - rate), 1e-3))

    def tell(self, plan: Plan, monitor: Monitor, channel: int, behind: Behind) -> Told:
        """Which of the two it is, in words."""
        seen, usual = behind.figures
        if monitor.channels[channel] == "slope":
            how = "more loosely" if seen < usual else "more closely"
            return Told(f"the truth follows the score {how} than in the reference: {NOT_DATA}")
        often = "more often" if seen > 0 else "less often"
        now, before = f"{abs(100 * seen):.1f} points {often}", f"{100 * usual:+.1f}"
        said = f"the same scores come true {now} than in the reference, usually {before}"
        return Told(f"{said}: {NOT_DATA}")


def _by_cell(plan: Plan, counts: Array, name: str) -> Array:
    """Labelled counts of one class by the calibration map's cells, whose edges are some of its own: float64
    [T, cells]."""
    fine = plan.quality.by_name[name].edges
    coarse = plan.layout("confidence").by_name["scores"].edges
    starts = np.r_[0, 1 + np.searchsorted(fine, coarse)]
    return folded(counts[:, plan.quality.span(name)], starts).astype(np.float64)
