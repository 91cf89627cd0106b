"""Answers against the truth at the threshold: right and wrong, positive and negative."""

from __future__ import annotations

from fireline.telemetry.pushdown.cells import Found, chosen
from fireline.telemetry.pushdown.dialects import Dialect
from fireline.telemetry.pushdown.further import Added, Further
from fireline.terms.plan import Layout, Plan


class Confusion(Further):
    """True and false positives and negatives."""

    name = "confusion"

    def added(self, sql: Dialect, plan: Plan, layout: Layout, found: Found) -> Added:
        """The cell of each row with an answer and a label."""
        added, said = Added(), chosen(sql, plan, found, layout.series[0].values[0])
        for cell, (answer, truth) in enumerate(((1, 1), (1, 0), (0, 1), (0, 0))):
            added.where(cell, f"{said} = {answer} AND {found['label']} = {truth}")
        return added
