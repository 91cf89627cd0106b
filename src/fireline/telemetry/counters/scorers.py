"""Flags whose scorer's own errors are known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from fireline.runbook.schema import Runbook
from fireline.telemetry.columns import booleans, has
from fireline.telemetry.counters import Counter, Rows
from fireline.telemetry.grid import Marks
from fireline.terms.counts import QUARTER, ScopeKind, Series
from fireline.terms.plan import Layout, Plan


class Scorers(Counter):
    """Per flag of `scorers`: n and those flagged; ``edges`` are its recall and false-positive rate."""

    name = "scorers"
    grains: ClassVar[Mapping[ScopeKind, int]] = {"service": QUARTER, "version": QUARTER, "segment": QUARTER}

    def declare(self, runbook: Runbook, plan: Plan, reference: Rows) -> tuple[Series, ...]:
        """One series for each flag with a scorer."""
        return tuple(
            Series(
                flag, "conditions", QUARTER, ("n", "flagged"), (one.recall, one.false_positive_rate),
                shares=(1.0, round(float(booleans(reference.table, flag).mean()), 9)),
                reference=plan.reference,
            )
            for flag, one in runbook.scorers.items()
            if has(reference.table, flag) and len(reference.table)
        )  # fmt: skip

    def marks(self, plan: Plan, layout: Layout, rows: Rows) -> Marks:
        """Answers, and those flagged."""
        marks = Marks(layout.width)
        for series in layout.series:
            if has(rows.table, series.name):
                start = layout.offsets[series.name]
                marks.where(start, np.ones(len(rows.table), bool))
                marks.where(start + 1, booleans(rows.table, series.name))
        return marks
