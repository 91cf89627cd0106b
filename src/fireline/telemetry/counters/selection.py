"""Groups on arrival: how many of each were given the positive answer."""

from __future__ import annotations

import numpy as np

from fireline.runbook.schema import Runbook
from fireline.telemetry.counters import HOURLY, Counter, Rows
from fireline.telemetry.grid import Marks
from fireline.telemetry.groups import group_series, members
from fireline.telemetry.outcomes import chooses, chosen
from fireline.terms.counts import Series
from fireline.terms.plan import Layout, Plan

FIGURES = ("n", "chosen")


class Selection(Counter):
    """For each value of each group column the events and those chosen, by the hour, labels or none."""

    name = "selection"
    feed = "events"
    grains = HOURLY

    def declare(self, runbook: Runbook, plan: Plan, reference: Rows) -> tuple[Series, ...]:
        """A series for each group column with two groups, where some are chosen and some are not."""
        how = chooses(plan, reference.table)
        return group_series(runbook, plan, reference.table, how, FIGURES, "conditions") if how else ()

    def marks(self, plan: Plan, layout: Layout, rows: Rows) -> Marks:
        """Each row with an answer in its group, of each column."""
        marks = Marks(layout.width)
        said = chosen(plan, rows.table, layout.series[0].values[-1])
        for series in layout.series:
            group = members(series, rows.words)
            for cell, holds in enumerate((~np.isnan(said), said == 1)):
                place = layout.offsets[series.name] + group * len(FIGURES) + cell
                marks.dense.append(np.where(holds & (group >= 0), place, layout.width).astype(np.int32))
        return marks
