"""Scores on arrival over bins that know how often the reference was right there: quality before labels
come."""

from __future__ import annotations

import numpy as np

from fireline.runbook.schema import Runbook
from fireline.telemetry.columns import Array, has, numbers
from fireline.telemetry.counters import HOURLY, Counter, Rows
from fireline.telemetry.grid import Marks
from fireline.telemetry.layout import score_cells
from fireline.telemetry.outcomes import SCORED
from fireline.terms.counts import HOUR, Series
from fireline.terms.plan import Layout, Plan

FOLD = 4
LEAST_LABELS = 500
LEAST_POSITIVES = 50


class Confidence(Counter):
    """Histogram of the score, by the hour.

    Its edges are every fourth one of the quality counts' score bins, and its ``shares`` are the share of
    positives that the reference had in each cell: the calibration map.
    """

    name = "confidence"
    feed = "events"
    grains = HOURLY

    def declare(self, runbook: Runbook, plan: Plan, reference: Rows) -> tuple[Series, ...]:
        """One series where a score met at least 500 labels, 50 of each class."""
        label = reference.label
        if plan.task not in SCORED or label is None or not has(reference.table, "score"):
            return ()
        score = numbers(reference.table, "score")
        known = np.isin(label, (0.0, 1.0)) & np.isfinite(score)
        positives = int((label[known] == 1).sum())
        if known.sum() < LEAST_LABELS or min(positives, int(known.sum()) - positives) < LEAST_POSITIVES:
            return ()
        fine = plan.quality.by_name["negatives"].edges
        edges = (*fine[:-1:FOLD], fine[-1])
        cells = ("below", *(f"bin{i}" for i in range(len(edges) - 1)), "above")
        series = Series("scores", "score_label", HOUR, cells, edges, reference=plan.reference)
        shares = positive_shares(score_cells(series, score[known]), label[known], series.width)
        return (Series("scores", "score_label", HOUR, cells, edges, shares=shares, reference=plan.reference),)

    def marks(self, plan: Plan, layout: Layout, rows: Rows) -> Marks:
        """The bin of each row's score."""
        marks = Marks(layout.width)
        if has(rows.table, "score"):
            cells = score_cells(layout.series[0], numbers(rows.table, "score"))
            marks.dense.append(np.where(cells < 0, np.int32(layout.width), cells))
        return marks


def positive_shares(cells: Array, label: Array, width: int) -> tuple[float, ...]:
    """The share of positives in each cell [width], one event of the whole's share mixed in: cells without any
    read as the whole."""
    n = np.bincount(cells, minlength=width)
    hits = np.bincount(cells, label, minlength=width)
    return tuple(round(float(x), 9) for x in (hits + label.mean()) / (n + 1))
