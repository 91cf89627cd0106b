"""Answers against the truth at the threshold: right and wrong, positive and negative."""

from __future__ import annotations

from fireline.runbook.schema import Runbook
from fireline.telemetry.counters import HOURLY_BY_VERSION, Counter, Rows
from fireline.telemetry.grid import Marks
from fireline.telemetry.outcomes import chooses, chosen
from fireline.terms.counts import HOUR, Series
from fireline.terms.plan import Layout, Plan

CELLS = ("tp", "fp", "fn", "tn")


class Confusion(Counter):
    """True and false positives and negatives of labelled cohorts, by the hour."""

    name = "confusion"
    feed = "cohorts"
    grains = HOURLY_BY_VERSION

    def declare(self, runbook: Runbook, plan: Plan, reference: Rows) -> tuple[Series, ...]:
        """One series where positive answers meet labels; its value is what tells them, its edge the
        threshold."""
        how = chooses(plan, reference.table)
        if how is None or reference.label is None:
            return ()
        tag = plan.reference
        return (Series("confusion", "conditions", HOUR, CELLS, (plan.line,), (how,), reference=tag),)

    def marks(self, plan: Plan, layout: Layout, rows: Rows) -> Marks:
        """The cell of each row with an answer and a label."""
        marks = Marks(layout.width)
        said, label = chosen(plan, rows.table, layout.series[0].values[0]), rows.label
        for cell, (answer, truth) in enumerate(((1, 1), (1, 0), (0, 1), (0, 0))):
            marks.where(cell, (said == answer) & (label == truth))
        return marks
