"""The chance that two events fall into the same bucket: how concentrated they are, whatever their number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from fireline.detect.kinds import Array, Behind, Kind, Means, Monitor, Told
from fireline.detect.report import share_in_words
from fireline.terms.plan import Plan


def collision(counts: Array, shares: Array) -> Means:
    """The collision probability [T, 1] of bucket ``counts`` [T, B] whose reference ``shares`` are [B].

    sum c(c - 1) / n(n - 1) is unbiased for sum p^2 at any n (Simpson 1949). Its variance is that of the
    reference: 4 (s3 - s2^2) / n + 2 (s2 - s2^2) / n^2, with s2 and s3 the sums of squares and of cubes.

    >>> collision(np.array([[8, 1, 1]]), np.array([0.4, 0.3, 0.3])).value.round(3)
    array([[0.622]])
    """
    c = counts.astype(np.float64)
    n = c.sum(axis=1)
    p = shares / max(float(shares.sum()), 1e-12)
    s2, s3 = float((p**2).sum()), float((p**3).sum())
    with np.errstate(invalid="ignore", divide="ignore"):
        value = (c * (c - 1)).sum(axis=1) / (n * (n - 1))
        variance = 4 * max(s3 - s2**2, 0.0) / n + 2 * max(s2 - s2**2, 1e-6) / n**2
    return Means(value[:, None], variance[:, None], np.where(n > 1, n, 0.0)[:, None])


def heaviest(now: Array, usual: Array) -> tuple[float, float, int]:
    """Share of the bucket that gained most (now, in the reference) of counts [B], and the events now."""
    n, m = max(int(now.sum()), 1), max(int(usual.sum()), 1)
    at = int(np.argmax(now / n - usual / m))
    return float(now[at] / n), float(usual[at] / m), int(now.sum())


class Concentration(Kind):
    """Requests that fall into the same bucket more often than in the reference, in a layout that has buckets
    for them. ``buckets`` is their series, and ``alike`` what those of one bucket are, for the finding."""

    family = "injection"
    test = "mean"
    scopes = ("service",)
    tolerance = 0.02
    k = 3
    urgency = "ticket"
    least = 10
    merge_to = 30
    buckets: ClassVar[str]
    alike: ClassVar[str]

    def monitors(self, plan: Plan) -> Sequence[Monitor]:
        """One monitor."""
        return (Monitor(self.name, self.buckets),) if self.buckets in self.laid_out(plan).by_name else ()

    def ticks(self, plan: Plan, counts: Array) -> Means:
        """The collision probability of the buckets [T, 1]."""
        layout = self.laid_out(plan)
        shares = layout.by_name[self.buckets].shares
        return collision(counts[:, layout.span(self.buckets)], np.asarray(shares))

    def tell(self, plan: Plan, monitor: Monitor, channel: int, behind: Behind) -> Told:
        """The share of the bucket that gained most."""
        span = self.laid_out(plan).span(self.buckets)
        seen, usual, n = heaviest(behind.now[span], behind.usual[span])
        says = f"{share_in_words(seen)} of {n:,} requests {self.alike}, usually {share_in_words(usual)}"
        details = {"collision": behind.seen, "usual_collision": behind.expected}
        return Told(says, seen, usual, "share", details)
