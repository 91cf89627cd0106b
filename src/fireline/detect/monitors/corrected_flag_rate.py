"""Flag rates corrected for the errors of the scorer behind them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fireline.detect.kinds import Array, Behind, Kind, Means, Monitor, Told
from fireline.detect.report import share_in_words
from fireline.terms.flags import family_of_flag
from fireline.terms.plan import Plan


class CorrectedFlagRate(Kind):
    """The true share behind a scorer's: (flagged - FPR) / (recall - FPR), after Rogan and Gladen (1978).

    At recall .65 and a false-positive rate of .13, a true 1 % reads 13.5 %; the finding states all four. It
    stands in for `flag_rate` where the runbook's `scorers` says how well the scorer judges.

    >>> from fireline.detect.example import counted
    >>> from fireline.terms.counts import Series
    >>> from fireline.terms.plan import Layout
    >>> toxic = Series("toxic", "conditions", 900, ("n", "flagged"), (0.65, 0.13))
    >>> layout = Layout("scorers", (toxic,), {"service": 900})
    >>> CorrectedFlagRate().ticks(*counted(layout, {"toxic": [10_000, 1_352]})).value.round(4)
    array([[0.01]])
    """

    name = "corrected_flag_rate"
    family = "other"
    layout = "scorers"
    test = "mean"
    tolerance = 0.005
    k = 3
    least = 20
    merge_to = 100
    unit = "share after correction"

    def monitors(self, plan: Plan) -> Sequence[Monitor]:
        """One monitor a flag, of the family its name says."""
        return [
            Monitor(self.name, f"flag:{series.name}", series.name, family=family_of_flag(series.name))
            for series in self.laid_out(plan).series
        ]

    def ticks(self, plan: Plan, counts: Array) -> Means:
        """Corrected shares [T, flags]; not clipped, so that their mean stays right."""
        n, flagged = counts[:, ::2].astype(np.float64), counts[:, 1::2].astype(np.float64)
        recall, wrong = _errors(self, plan)
        with np.errstate(invalid="ignore", divide="ignore"):
            share = flagged / n
            variance = (share * (1 - share) * n + 1.0) / n**2 / (recall - wrong) ** 2
            return Means((share - wrong) / (recall - wrong), variance, n)

    def tell(self, plan: Plan, monitor: Monitor, channel: int, behind: Behind) -> Told:
        """The corrected share, the raw one, recall and false-positive rate."""
        series = self.laid_out(plan).by_name[str(monitor.feature)]
        recall, wrong = series.edges
        n, flagged = behind.now[self.laid_out(plan).span(series.name)]
        seen, usual = max(behind.seen, 0.0), max(behind.expected, 0.0)
        says = f"{monitor.feature} {share_in_words(seen)} of {int(n):,} after correction, usually "
        says += (
            f"{share_in_words(usual)} (flagged {share_in_words(flagged / max(n, 1))}; the scorer's recall is "
        )
        says += f"{recall:g}, its false-positive rate {wrong:g})"
        details = {
            "flagged": round(float(flagged / max(n, 1)), 6),
            "recall": recall,
            "false_positive_rate": wrong,
        }
        return Told(says, seen, usual, "share", details)


def _errors(kind: Kind, plan: Plan) -> tuple[Array, Array]:
    """Recall and false-positive rate of each flag [flags]."""
    edges = np.array([series.edges for series in kind.laid_out(plan).series])
    return edges[:, 0], edges[:, 1]
