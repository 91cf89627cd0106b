"""Kinds that read how rows arrive."""

from __future__ import annotations

import numpy as np

from tests.support import town as towns
from tests.support.places import Edit, Place
from tests.support.town import Tables, Town


def _share(cell: str, share: float) -> Edit:
    def edit(town: Town, tables: Tables, day: float) -> None:
        layout = town.plan.layout("arrivals")
        counts = next(c for s, c in tables["arrivals", 60].items() if s.kind == "service")
        part = counts[int(day * 86_400) // 60 :]
        moved = np.random.default_rng(0).binomial(part[:, 0], share)
        part[:, 0] -= moved
        part[:, layout.series[0].cells.index(cell)] += moved

    return edit


KINDS = {
    "quarantine_rate": Place(towns.calm, _share("not_a_number:x", 0.2)),
    "late_share": Place(towns.calm, _share("late", 0.1)),
    "clock_skew": Place(towns.calm, _share("clock_ahead", 0.1)),
}
