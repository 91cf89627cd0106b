"""Numeric features in which one exact value comes again and again."""

from __future__ import annotations

import numpy as np

from fireline.detect.collisions import collision, heaviest
from fireline.detect.kinds import Array, Behind, Means, Monitor, Told
from fireline.detect.report import share_in_words
from fireline.detect.values import NumericValues
from fireline.terms.plan import Plan

FIRST = 6


class StuckFeature(NumericValues):
    """A cache no longer filled, a default in place of values: the chance that two rows hold the same value.

    Values fall into 32 hash buckets; that they moved or come in another unit changes nothing here.

    >>> from fireline.detect.example import counted
    >>> from fireline.terms.counts import Series
    >>> from fireline.terms.plan import Layout
    >>> cells = ("n", "nonzero", "log", "log2", "x", "x2", "same0", "same1")
    >>> age = Series("feature:age", "moments", 900, cells, (40.0, 3.6, 0.1), shares=(1, 1, 0, 0, 0, 0, 1, 1))
    >>> layout = Layout("values", (age,), {"service": 900}, sums=True)
    >>> StuckFeature().ticks(*counted(layout, {"feature:age": {"same0": 90, "same1": 10}})).value.round(3)
    array([[0.818]])
    """

    name = "stuck_feature"
    family = "drift"
    tolerance = 0.03
    urgency = "ticket"
    least = 10
    unit = "chance that two rows hold the same value"

    def ticks(self, plan: Plan, counts: Array) -> Means:
        """The collision probability of the buckets [T, features]."""
        layout = self.laid_out(plan)
        parts = []
        for series in layout.series:
            block = counts[:, layout.span(series.name)][:, FIRST:]
            parts.append(collision(block, np.asarray(series.shares[FIRST:])))
        return Means(
            np.concatenate([p.value for p in parts], axis=1),
            np.concatenate([p.variance for p in parts], axis=1),
            np.concatenate([p.n for p in parts], axis=1),
        )

    def tell(self, plan: Plan, monitor: Monitor, channel: int, behind: Behind) -> Told:
        """How many rows repeat one value."""
        layout = self.laid_out(plan)
        span = layout.span(layout.series[channel].name)
        seen, usual, n = heaviest(behind.now[span][FIRST:], behind.usual[span][FIRST:])
        says = (
            f"{monitor.channels[channel]} repeats one value: {share_in_words(seen)} of {n:,} rows hold it or "
            f"one that looks like it, usually {share_in_words(usual)}"
        )
        return Told(says, seen, usual, "share")
