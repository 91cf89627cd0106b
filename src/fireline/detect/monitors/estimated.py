"""Quality before labels come: what the scores alone let expect. A proxy, never the thing itself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fireline.detect.kinds import Array, Behind, Kind, Means, Monitor, Told
from fireline.detect.report import share_in_words
from fireline.detect.scored import expected_accuracy, expected_auc
from fireline.terms.plan import Plan

ASSUMED = "estimated from scores alone, as if each score still meant what it did in the reference"


class _Estimated(Kind):
    """What the two share."""

    family = "auc"
    layout = "confidence"
    test = "mean"
    scopes = ("service",)
    sides = "down"
    k = 2
    pool = "drift"
    urgency = "ticket"
    least = 20
    merge_to = 50

    def monitors(self, plan: Plan) -> Sequence[Monitor]:
        """One monitor, where the reference shows what scores mean."""
        return (Monitor(self.name, "scores"),) if plan.layout(self.layout).series else ()

    def _read(self, plan: Plan, counts: Array) -> tuple[Array, Array]:
        """Counts by score bin [T, B] and the share of positives the reference had in each [B]."""
        layout = plan.layout(self.layout)
        return counts[:, layout.span("scores")], np.asarray(layout.by_name["scores"].shares)


class EstimatedAuc(_Estimated):
    """The AUC to expect of today's scores, down by more than half a point: a sign long before labels come.

    Confidence-based estimation: each score bin's share of positives is learnt on the reference, and each
    event counts as that share of a positive. It assumes that (1) a score still means what it did, (2) the
    reference's labels stand for all events, (3) scores within a bin are alike. It sees inputs that became
    harder to tell apart; a changed relation between inputs and truth (concept drift) it cannot see, and
    broken labels do not touch it. Always a ticket.

    >>> from fireline.detect.example import counted
    >>> from fireline.detect.example_layouts import CONFIDENCE
    >>> EstimatedAuc().ticks(*counted(CONFIDENCE, {"scores": [0, 40, 30, 20, 10]})).value.round(3)
    array([[0.802]])
    """

    name = "estimated_auc"
    tolerance = 0.005
    unit = "AUC"

    def ticks(self, plan: Plan, counts: Array) -> Means:
        """Expected AUC [T, 1]; n is the smaller class to expect."""
        scores, shares = self._read(plan, counts)
        value, variance = expected_auc(scores, shares)
        fewer = np.minimum((scores * shares).sum(axis=1), (scores * (1 - shares)).sum(axis=1))
        return Means(value[:, None], variance[:, None], fewer[:, None])

    def tell(self, plan: Plan, monitor: Monitor, channel: int, behind: Behind) -> Told:
        """The estimate and what it rests on, in words."""
        seen, usual = behind.figures
        return Told(f"estimated AUC {seen:.3f}, usually {usual:.3f} ({ASSUMED})")


class EstimatedAccuracy(_Estimated):
    """The share of right answers to expect of today's scores at the threshold, down by more than a point.

    As `estimated_auc`, with the same assumptions, and the answers being those of the score at
    `labels.threshold`.

    >>> from fireline.detect.example import counted
    >>> from fireline.detect.example_layouts import CONFIDENCE
    >>> EstimatedAccuracy().ticks(*counted(CONFIDENCE, {"scores": [0, 40, 30, 20, 10]})).value.round(3)
    array([[0.75]])
    """

    name = "estimated_accuracy"
    tolerance = 0.01
    unit = "share"
    optional = True

    def ticks(self, plan: Plan, counts: Array) -> Means:
        """Expected accuracy [T, 1]."""
        scores, shares = self._read(plan, counts)
        edges = np.asarray(plan.layout(self.layout).by_name["scores"].edges)
        middles = np.r_[edges[0], (edges[1:] + edges[:-1]) / 2, edges[-1]]
        value, variance = expected_accuracy(scores, shares, middles >= plan.line)
        return Means(value[:, None], variance[:, None], scores.sum(axis=1).astype(np.float64)[:, None])

    def tell(self, plan: Plan, monitor: Monitor, channel: int, behind: Behind) -> Told:
        """The estimate and what it rests on, in words."""
        now, before = (share_in_words(share) for share in behind.figures)
        return Told(f"estimated accuracy {now}, usually {before} ({ASSUMED})")
