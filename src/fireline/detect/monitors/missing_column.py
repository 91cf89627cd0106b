"""A feature's column that is gone: nearly every row comes without it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fireline.detect.kinds import Array, Kind, Monitor, Rates, for_each
from fireline.terms.plan import Plan

GONE = 0.8


class MissingColumn(Kind):
    """A column that four of five rows lack, although most used to have it: dropped or renamed upstream.

    Whether the key is gone or null says nothing here: a row without it is counted like one with null, so that
    a file and a live feed of the same rows read alike. A smaller share of nulls is ``null_rate``'s.

    >>> from fireline.detect.example import counted
    >>> MissingColumn().ticks(*counted("rates", {"rates": {"n": 100, "null:age": 97}}))
    Rates(hits=array([[97,  0]]), n=array([[100, 100]]))
    """

    name = "missing_column"
    family = "schema"
    layout = "rates"
    urgency = "page"

    def monitors(self, plan: Plan) -> Sequence[Monitor]:
        """One monitor, a channel for each feature."""
        return for_each(self.name, "rates", tuple(plan.features))

    def ticks(self, plan: Plan, counts: Array) -> Rates:
        """Rows without it of rows [T, features]."""
        cells = plan.rates.series[0].cells
        nulls = counts[:, [cells.index(f"null:{name}") for name in plan.features]]
        return Rates(nulls, np.broadcast_to(counts[:, [cells.index("n")]], nulls.shape))

    def tolerances(self, plan: Plan, base: Array) -> Array:
        """What takes the usual odds to those of four in five; 1.25 where that is usual."""
        p = np.clip(base, self.floor, 1 - self.floor)
        return np.asarray(np.maximum(GONE / (1 - GONE) / (p / (1 - p)), self.tolerance))
