"""Preferences: how often an answer was preferred to its rival."""

from __future__ import annotations

from collections.abc import Sequence

from fireline.detect.kinds import Array, Behind, Kind, Means, Monitor, Told
from fireline.detect.quality import columns, share_of
from fireline.detect.report import share_in_words
from fireline.terms.plan import Plan


class WinRate(Kind):
    """Share of judged answers that were preferred (label 1 of 0/1), down by more than a point.

    Its error is that of Wilson's interval, which stays honest for few answers and shares near 0 and 1.

    >>> from fireline.detect.example import counted
    >>> example = counted("quality", {"labels": {"n": 100, "labelled": 40, "positive": 22}}, task="llm")
    >>> WinRate().ticks(*example).value
    array([[0.55]])
    """

    name = "win_rate"
    family = "accuracy"
    layout = "quality"
    test = "mean"
    scopes = ("service", "version", "segment")
    sides = "down"
    tolerance = 0.01
    k = 2
    least = 20
    merge_to = 50
    unit = "share"

    def monitors(self, plan: Plan) -> Sequence[Monitor]:
        """One monitor for language models whose answers are preferred or not."""
        shares = plan.quality.by_name["labels"].shares
        known = len(shares) > 2 and 0 < shares[2] < shares[1]
        return (Monitor(self.name, "labels"),) if plan.task == "llm" and known else ()

    def ticks(self, plan: Plan, counts: Array) -> Means:
        """Win rate [T, 1]."""
        labelled, wins = columns(plan.quality, counts, "labels", ("labelled", "positive")).T
        value, variance = share_of(wins, labelled)
        return Means(value[:, None], variance[:, None], labelled[:, None])

    def tell(self, plan: Plan, monitor: Monitor, channel: int, behind: Behind) -> Told:
        """The win rate in words."""
        now, before = (share_in_words(share) for share in behind.figures)
        return Told(f"{now} of the judged answers were preferred, usually {before}")
