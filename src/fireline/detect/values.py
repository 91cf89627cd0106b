"""Readings of the moments of numeric features that several kinds share."""

from __future__ import annotations

from collections.abc import Sequence

from fireline.detect.kinds import Kind, Monitor, for_each
from fireline.terms.plan import Plan


class NumericValues(Kind):
    """A mean over the values of each numeric feature, all features being one monitor."""

    layout = "values"
    test = "mean"
    k = 3
    pool = "drift"
    merge_to = 30

    def monitors(self, plan: Plan) -> Sequence[Monitor]:
        """One monitor, a channel for each numeric feature."""
        names = [s.name.removeprefix("feature:") for s in self.laid_out(plan).series]
        return for_each(self.name, self.layout, names)
