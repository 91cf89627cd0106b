"""Errors of numbers: their sums up to the fourth power."""

from __future__ import annotations

import numpy as np

from fireline.runbook.schema import Runbook
from fireline.telemetry.columns import has, numbers
from fireline.telemetry.counters import HOURLY_BY_VERSION, Counter, Rows
from fireline.telemetry.grid import Marks
from fireline.terms.counts import HOUR, Series
from fireline.terms.plan import Layout, Plan

FIXED_POINT = 1_000_000
FOURTH_POINT = 10_000
LARGEST = 100.0
CELLS = ("n", "error", "square", "fourth")


class Residuals(Counter):
    """Label less prediction in spreads of the reference predictions, and its powers, by the hour.

    Errors beyond a hundred spreads count as a hundred. Sums are in millionths, the fourth power in
    ten-thousandths, so that ten million events of an hour fit.
    """

    name = "residuals"
    feed = "cohorts"
    grains = HOURLY_BY_VERSION
    sums = True

    def declare(self, runbook: Runbook, plan: Plan, reference: Rows) -> tuple[Series, ...]:
        """One series for regression; its edge is the spread."""
        if plan.task != "regression" or reference.label is None or not has(reference.table, "prediction"):
            return ()
        return (Series("residuals", "moments", HOUR, CELLS, (plan.error_scale,), reference=plan.reference),)

    def marks(self, plan: Plan, layout: Layout, rows: Rows) -> Marks:
        """What each labelled row adds."""
        assert rows.label is not None
        marks = Marks(layout.width)
        if not has(rows.table, "prediction"):
            return marks
        gap = (rows.label - numbers(rows.table, "prediction")) / layout.series[0].edges[0]
        known = np.isfinite(gap)
        gap = np.clip(np.where(known, gap, 0.0), -LARGEST, LARGEST)
        square = gap * gap
        # The square's square, not pow: it is the same in every engine that counts.
        figures = (known.astype(np.float64), gap, square, square * square)
        points = (1, FIXED_POINT, FIXED_POINT, FOURTH_POINT)
        for cell, (figure, point) in enumerate(zip(figures, points, strict=True)):
            marks.sums.append((cell, np.rint(figure * point).astype(np.int64)))
        return marks
