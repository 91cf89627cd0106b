"""Groups against the truth: who of each was rightly and wrongly chosen, and what their scores came to."""

from __future__ import annotations

import numpy as np

from fireline.runbook.schema import Runbook
from fireline.telemetry.columns import Array, has, numbers
from fireline.telemetry.counters import HOURLY, Counter, Rows
from fireline.telemetry.grid import Marks
from fireline.telemetry.groups import group_series, members
from fireline.telemetry.outcomes import chooses, chosen
from fireline.terms.counts import Series
from fireline.terms.plan import Layout, Plan

FIXED_POINT = 1_000_000
FIGURES = ("tp", "fn", "fp", "tn", "n", "gap", "gap2")


class Treatment(Counter):
    """For each value of each group column true and false positives and negatives, and the sums of label less
    score, of labelled cohorts, by the hour. The sums are in millionths."""

    name = "treatment"
    feed = "cohorts"
    grains = HOURLY
    sums = True

    def declare(self, runbook: Runbook, plan: Plan, reference: Rows) -> tuple[Series, ...]:
        """A series for each group column with two groups, where answers meet labels."""
        how = chooses(plan, reference.table)
        if how is None or reference.label is None:
            return ()
        return group_series(runbook, plan, reference.table, how, FIGURES, "moments")

    def columns(self, plan: Plan, layout: Layout) -> tuple[str, ...]:
        """The group columns."""
        return tuple(series.name.removeprefix("group:") for series in layout.series)

    def marks(self, plan: Plan, layout: Layout, rows: Rows) -> Marks:
        """What each labelled row adds to its group, of each column."""
        assert rows.label is not None
        marks = Marks(layout.width)
        said, label = chosen(plan, rows.table, layout.series[0].values[-1]), rows.label
        answers = [(said == a) & (label == y) for a, y in ((1, 1), (0, 1), (1, 0), (0, 0))]
        gap = _gap(rows)
        for series in layout.series:
            group = members(series, rows.words)
            start = layout.offsets[series.name] + group * len(FIGURES)
            for cell, holds in enumerate((*answers, np.isfinite(gap))):
                place = np.where(holds & (group >= 0), start + cell, layout.width)
                marks.dense.append(place.astype(np.int32))
            place = np.where(group >= 0, start, layout.width - len(FIGURES)).astype(np.int32)
            for cell, figure in ((5, gap), (6, gap**2)):
                inside = (group >= 0) & np.isfinite(gap)
                amounts = np.rint(np.where(inside, figure, 0.0) * FIXED_POINT).astype(np.int64)
                marks.sums.append((place + np.int32(cell), amounts))
        return marks


def _gap(rows: Rows) -> Array:
    """Label less score, NaN where one is missing or the score is no probability: float64 [n]."""
    assert rows.label is not None
    if not has(rows.table, "score"):
        return np.full(len(rows.table), np.nan)
    score = numbers(rows.table, "score")
    known = (score >= 0) & (score <= 1) & np.isin(rows.label, (0.0, 1.0))
    return np.where(known, rows.label - score, np.nan)
