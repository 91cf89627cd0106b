"""A categorical feature whose known values were replaced wholesale."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fireline.detect.kinds import Array, Kind, Monitor, Rates, for_each
from fireline.terms.plan import Plan

REPLACED = 0.5


class DictionaryChange(Kind):
    """More than half of a feature's values were never seen before: a new code list, not a new value or two.

    >>> from fireline.detect.example import counted
    >>> cells = {"n": 100, "null:country": 10, "unseen:country": 80}
    >>> DictionaryChange().ticks(*counted("rates", {"rates": cells}))
    Rates(hits=array([[80]]), n=array([[90]]))
    """

    name = "dictionary_change"
    family = "schema"
    layout = "rates"
    urgency = "page"

    def monitors(self, plan: Plan) -> Sequence[Monitor]:
        """One monitor, a channel for each categorical feature."""
        names = [name for name, kind in plan.features.items() if kind != "numeric"]
        return for_each(self.name, "rates", names)

    def ticks(self, plan: Plan, counts: Array) -> Rates:
        """Values the reference does not know of values present [T, categorical features]."""
        cells = plan.rates.series[0].cells
        names = [name for name, kind in plan.features.items() if kind != "numeric"]
        unseen = counts[:, [cells.index(f"unseen:{name}") for name in names]]
        nulls = counts[:, [cells.index(f"null:{name}") for name in names]]
        return Rates(unseen, counts[:, [cells.index("n")]] - nulls)

    def tolerances(self, plan: Plan, base: Array) -> Array:
        """What takes the usual odds to evens; 1.25 where that is usual."""
        p = np.clip(base, self.floor, 1 - self.floor)
        return np.asarray(np.maximum(REPLACED / (1 - REPLACED) / (p / (1 - p)), self.tolerance))
