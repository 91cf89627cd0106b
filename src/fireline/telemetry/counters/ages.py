"""How old features are when they are used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from fireline.runbook.schema import Runbook
from fireline.telemetry.columns import has, numbers
from fireline.telemetry.counters import Counter, Rows
from fireline.telemetry.grid import Marks
from fireline.terms.counts import QUARTER, ScopeKind, Series
from fireline.terms.plan import Layout, Plan

OLDER = 1.25
LEAST_AGES = 100


class Ages(Counter):
    """Per feature of `columns.feature_times`: n with an age, and those older than 1.25 times the reference's
    95th percentile and a second (``edges``: that percentile, that limit)."""

    name = "ages"
    grains: ClassVar[Mapping[ScopeKind, int]] = {"service": QUARTER, "version": QUARTER}

    def declare(self, runbook: Runbook, plan: Plan, reference: Rows) -> tuple[Series, ...]:
        """One series for each feature with at least 100 ages."""
        found = []
        for feature in runbook.columns.feature_times:
            if has(reference.table, f"{feature}.age"):
                ages = numbers(reference.table, f"{feature}.age")
                ages = ages[np.isfinite(ages)]
                if len(ages) >= LEAST_AGES:
                    found.append(_series(feature, ages, plan.reference))
        return tuple(found)

    def marks(self, plan: Plan, layout: Layout, rows: Rows) -> Marks:
        """Ages there, and those too old."""
        marks = Marks(layout.width)
        for series in layout.series:
            if has(rows.table, f"{series.name}.age"):
                ages = numbers(rows.table, f"{series.name}.age")
                start = layout.offsets[series.name]
                marks.where(start, np.isfinite(ages))
                marks.where(start + 1, ages > series.edges[1])
        return marks


def _series(feature: str, ages: np.ndarray, tag: str) -> Series:
    p95 = round(float(np.quantile(ages, 0.95)), 6)
    limit = round(OLDER * max(p95, 0.0) + 1.0, 6)
    shares = (1.0, round(float((ages > limit).mean()), 9))
    return Series(feature, "conditions", QUARTER, ("n", "stale"), (p95, limit), shares=shares, reference=tag)
