"""Rankings: whether the best items stand on top, by NDCG, reciprocal rank and hits."""

from __future__ import annotations

from collections.abc import Sequence

from fireline.detect.kinds import Array, Behind, Kind, Means, Monitor, Told
from fireline.detect.quality import FIXED_POINT, column, columns, mean_of, share_of
from fireline.terms.plan import Plan


class _Ranking(Kind):
    """What the three share."""

    family = "accuracy"
    layout = "rankings"
    test = "mean"
    scopes = ("service", "version")
    sides = "down"
    tolerance = 0.01
    k = 2
    least = 20
    merge_to = 50

    def monitors(self, plan: Plan) -> Sequence[Monitor]:
        """One monitor, where the items of queries have labels."""
        return (Monitor(self.name, "rankings"),) if plan.layout(self.layout).series else ()

    def _mean(self, plan: Plan, counts: Array, name: str) -> Means:
        layout = plan.layout(self.layout)
        n = column(layout, counts, "rankings", "n")
        sums = columns(layout, counts, "rankings", (name, f"{name}2")) / FIXED_POINT
        value, variance = mean_of(sums[:, 0], sums[:, 1], n)
        return Means(value[:, None], variance[:, None], n[:, None])


class Ndcg(_Ranking):
    """Normalised discounted cumulative gain at 10 of the queries, down by more than a point.

    Graded labels count as they are. A query without a relevant item counts as 0.

    >>> from fireline.detect.example import counted
    >>> from fireline.detect.example_layouts import RANKINGS
    >>> sums = {"n": 50, "ndcg": 30_000_000, "ndcg2": 20_000_000}
    >>> Ndcg().ticks(*counted(RANKINGS, {"rankings": sums})).value
    array([[0.6]])
    """

    name = "ndcg"
    unit = "NDCG"

    def ticks(self, plan: Plan, counts: Array) -> Means:
        """NDCG at 10 [T, 1]; n is the queries."""
        return self._mean(plan, counts, "ndcg")

    def tell(self, plan: Plan, monitor: Monitor, channel: int, behind: Behind) -> Told:
        """NDCG in words."""
        seen, usual = behind.figures
        return Told(f"NDCG at 10 is {seen:.3f}, usually {usual:.3f}: good items stand lower in the list")


class Mrr(_Ranking):
    """Mean reciprocal rank of the first relevant item, down by more than a point.

    >>> from fireline.detect.example import counted
    >>> from fireline.detect.example_layouts import RANKINGS
    >>> sums = {"n": 50, "reciprocal": 25_000_000, "reciprocal2": 20_000_000}
    >>> Mrr().ticks(*counted(RANKINGS, {"rankings": sums})).value
    array([[0.5]])
    """

    name = "mrr"
    unit = "MRR"
    optional = True

    def ticks(self, plan: Plan, counts: Array) -> Means:
        """Mean reciprocal rank [T, 1]; n is the queries."""
        return self._mean(plan, counts, "reciprocal")


class HitRate(_Ranking):
    """Share of queries with a relevant item among the first ten, down by more than a point.

    >>> from fireline.detect.example import counted
    >>> from fireline.detect.example_layouts import RANKINGS
    >>> HitRate().ticks(*counted(RANKINGS, {"rankings": {"n": 50, "hit": 40}})).value
    array([[0.8]])
    """

    name = "hit_rate"
    unit = "share"
    optional = True

    def ticks(self, plan: Plan, counts: Array) -> Means:
        """Hit rate at 10 [T, 1]; n is the queries."""
        n, hits = columns(plan.layout(self.layout), counts, "rankings", ("n", "hit")).T
        value, variance = share_of(hits, n)
        return Means(value[:, None], variance[:, None], n[:, None])
