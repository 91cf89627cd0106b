"""Columns that nobody mapped and that the reference never carried."""

from __future__ import annotations

import json
from collections import Counter as Tally
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from fireline.runbook.schema import Runbook
from fireline.telemetry.columns import has
from fireline.telemetry.counters import Counter, Rows
from fireline.telemetry.grid import Marks
from fireline.telemetry.unmapped import UNMAPPED
from fireline.terms.counts import QUARTER, ScopeKind, Series
from fireline.terms.plan import Layout, Plan

KNOWN = 2_000


class NewColumns(Counter):
    """n rows, and those with a value in a column that the runbook does not map and the reference never
    carried (``values`` are the names of those it did)."""

    name = "new_columns"
    grains: ClassVar[Mapping[ScopeKind, int]] = {"service": QUARTER, "version": QUARTER}

    def declare(self, runbook: Runbook, plan: Plan, reference: Rows) -> tuple[Series, ...]:
        """One series, where the log was read with its unmapped columns."""
        if not has(reference.table, UNMAPPED):
            return ()
        codes, values = reference.words.codes(UNMAPPED)
        counts = np.bincount(codes[codes >= 0], minlength=len(values))
        carried: Tally[str] = Tally()
        for names, count in zip(values, counts.tolist(), strict=True):
            carried.update(dict.fromkeys(json.loads(names), count))
        known = tuple(sorted(name for name, _ in carried.most_common(KNOWN)))
        return (Series(self.name, "conditions", QUARTER, ("n", "new"), (), known, reference=plan.reference),)

    def marks(self, plan: Plan, layout: Layout, rows: Rows) -> Marks:
        """Rows, and those that bring something new."""
        marks = Marks(layout.width)
        if not has(rows.table, UNMAPPED):
            return marks
        known = set(layout.series[0].values)
        codes, values = rows.words.codes(UNMAPPED)
        new = np.array([not known.issuperset(json.loads(names)) for names in values] + [False])
        marks.where(0, np.ones(len(codes), bool))
        marks.where(1, new[codes])
        return marks
