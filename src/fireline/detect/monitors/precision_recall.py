"""Answers at the threshold: how many positive ones are right, how many positives are found, and both in
one."""

from __future__ import annotations

from collections.abc import Sequence

from fireline.detect.confused import f1
from fireline.detect.kinds import Array, Behind, Kind, Means, Monitor, Told
from fireline.detect.quality import columns, share_of
from fireline.detect.report import share_in_words
from fireline.terms.plan import Plan

CELLS = ("tp", "fp", "fn", "tn")


class _AtThreshold(Kind):
    """What the three share."""

    family = "accuracy"
    layout = "confusion"
    test = "mean"
    scopes = ("service", "version")
    sides = "down"
    tolerance = 0.02
    k = 2
    least = 20
    merge_to = 20
    unit = "share"
    optional = True

    def monitors(self, plan: Plan) -> Sequence[Monitor]:
        """One monitor, where positive answers meet labels."""
        return (Monitor(self.name, "confusion"),) if plan.layout(self.layout).series else ()


class Precision(_AtThreshold):
    """Share of positive answers that were right, down by more than two points.

    >>> from fireline.detect.example import counted
    >>> from fireline.detect.example_layouts import CONFUSION
    >>> example = counted(CONFUSION, {"confusion": {"tp": 30, "fp": 10, "fn": 20, "tn": 40}})
    >>> Precision().ticks(*example).value
    array([[0.75]])
    """

    name = "precision"

    def ticks(self, plan: Plan, counts: Array) -> Means:
        """Precision [T, 1]; n is the positive answers."""
        tp, fp, _, _ = columns(plan.layout(self.layout), counts, "confusion", CELLS).T
        value, variance = share_of(tp, tp + fp)
        return Means(value[:, None], variance[:, None], (tp + fp)[:, None])

    def tell(self, plan: Plan, monitor: Monitor, channel: int, behind: Behind) -> Told:
        """Precision in words."""
        now, before = (share_in_words(share) for share in behind.figures)
        return Told(f"precision {now}: so many of the positive answers were right, usually {before}")


class Recall(_AtThreshold):
    """Share of positives that were found, down by more than two points.

    >>> from fireline.detect.example import counted
    >>> from fireline.detect.example_layouts import CONFUSION
    >>> example = counted(CONFUSION, {"confusion": {"tp": 30, "fp": 10, "fn": 20, "tn": 40}})
    >>> Recall().ticks(*example).value
    array([[0.6]])
    """

    name = "recall"

    def ticks(self, plan: Plan, counts: Array) -> Means:
        """Recall [T, 1]; n is the positives."""
        tp, _, fn, _ = columns(plan.layout(self.layout), counts, "confusion", CELLS).T
        value, variance = share_of(tp, tp + fn)
        return Means(value[:, None], variance[:, None], (tp + fn)[:, None])

    def tell(self, plan: Plan, monitor: Monitor, channel: int, behind: Behind) -> Told:
        """Recall in words."""
        now, before = (share_in_words(share) for share in behind.figures)
        return Told(f"recall {now}: so many of the positives were found, usually {before}")


class F1(_AtThreshold):
    """F1 of the positive class, the harmonic mean of precision and recall, down by more than two points.

    >>> from fireline.detect.example import counted
    >>> from fireline.detect.example_layouts import CONFUSION
    >>> example = counted(CONFUSION, {"confusion": {"tp": 30, "fp": 10, "fn": 20, "tn": 40}})
    >>> F1().ticks(*example).value.round(3)
    array([[0.667]])
    """

    name = "f1"
    unit = "F1"

    def ticks(self, plan: Plan, counts: Array) -> Means:
        """F1 [T, 1]; n is the positives."""
        tp, fp, fn, _ = columns(plan.layout(self.layout), counts, "confusion", CELLS).T
        value, variance = f1(tp, tp + fp, tp + fn)
        return Means(value[:, None], variance[:, None], (tp + fn)[:, None])
