"""Scores against the truth: what each was off by, and what scores of one size came to."""

from __future__ import annotations

import numpy as np

from fireline.runbook.schema import Runbook
from fireline.telemetry.columns import Array, has
from fireline.telemetry.counters import HOURLY_BY_VERSION, Counter, Rows
from fireline.telemetry.grid import Marks
from fireline.telemetry.outcomes import SCORED
from fireline.terms.counts import HOUR, Series
from fireline.terms.plan import Layout, Plan

FIXED_POINT = 1_000_000
EPSILON = 1e-7
"""Probabilities are kept this far from 0 and 1: one sure mistake costs 16.1 and no more."""
BINS = 10
SUMS = ("n", "log", "log2", "brier", "brier2")


class Losses(Counter):
    """Sums of log loss and Brier score of labelled cohorts, and by tenths of the score what came of it.

    A multiclass service's scores are those of the class that was right. Sums are in millionths.
    """

    name = "losses"
    feed = "cohorts"
    grains = HOURLY_BY_VERSION
    sums = True

    def declare(self, runbook: Runbook, plan: Plan, reference: Rows) -> tuple[Series, ...]:
        """Sums where probabilities meet labels; tenths for binary tasks."""
        if reference.label is None:
            return ()
        tag = plan.reference
        if plan.task == "multiclass":
            scores = runbook.columns.class_scores
            held = {label: name for label, name in scores.items() if has(reference.table, name)}
            if len(held) < 2 or not has(reference.table, "label"):
                return ()
            pairs = tuple(part for item in held.items() for part in item)
            return (Series("losses", "moments", HOUR, SUMS[:3], values=pairs, reference=tag),)
        score = plan.shapes.by_name.get("score")
        if plan.task not in SCORED or score is None or score.edges[0] < 0 or score.edges[-1] > 1:
            return ()
        tenths = tuple(f"{what}{i}" for what in ("n", "gap", "spread") for i in range(BINS))
        return (
            Series("losses", "moments", HOUR, SUMS, reference=tag),
            Series("tenths", "moments", HOUR, tenths, reference=tag),
        )

    def columns(self, plan: Plan, layout: Layout) -> tuple[str, ...]:
        """The columns of class scores."""
        return layout.by_name["losses"].values[1::2]

    def marks(self, plan: Plan, layout: Layout, rows: Rows) -> Marks:
        """What each labelled row adds."""
        assert rows.label is not None
        marks = Marks(layout.width)
        if plan.task == "multiclass":
            given = _of_the_truth(layout.by_name["losses"].values, rows)
            _add(marks, layout, "losses", _log(given))
            return marks
        if not has(rows.table, "score"):
            return marks
        p, label = rows.numbers("score"), rows.label
        known = ((label == 0) | (label == 1)) & (p >= 0) & (p <= 1)
        label, p = np.where(known, label, np.nan), np.where(known, p, np.nan)
        square = (p - label) ** 2
        figures = _log(np.where(label == 1, p, 1 - p)) | {"brier": square, "brier2": square**2}
        _add(marks, layout, "losses", figures)
        tenth = np.clip(np.ceil(np.nan_to_num(p) * BINS - 1e-12) - 1, 0, BINS - 1).astype(np.int32)
        cell = tenth + np.int32(layout.offsets["tenths"])
        marks.dense.append(np.where(known, cell, np.int32(layout.width)))
        for i, figure in ((1, label - p), (2, p * (1 - p))):
            amounts = np.rint(np.nan_to_num(figure, nan=0.0) * FIXED_POINT).astype(np.int64)
            marks.sums.append((cell + np.int32(i * BINS), amounts))
        return marks


def _of_the_truth(pairs: tuple[str, ...], rows: Rows) -> Array:
    """The score of the class that was right, NaN where it or the label is missing: float64 [n]."""
    found = np.full(len(rows.table), np.nan)
    if not has(rows.table, "label"):
        return found
    codes, values = rows.words.codes("label")
    place = {value: i for i, value in enumerate(values)}
    for label, name in zip(pairs[::2], pairs[1::2], strict=True):
        if label in place and has(rows.table, name):
            here = codes == place[label]
            found[here] = rows.numbers(name)[here]
    return np.where((found >= 0) & (found <= 1), found, np.nan)


def _log(given: Array) -> dict[str, Array]:
    loss = -np.log(np.clip(given, EPSILON, 1 - EPSILON))
    return {"n": np.where(np.isnan(loss), np.nan, 1.0), "log": loss, "log2": loss**2}


def _add(marks: Marks, layout: Layout, series: str, figures: dict[str, Array]) -> None:
    cells, start = layout.by_name[series].cells, layout.offsets[series]
    for name, figure in figures.items():
        point = 1 if name.rstrip("0123456789") == "n" else FIXED_POINT
        amounts = np.rint(np.nan_to_num(figure, nan=0.0) * point).astype(np.int64)
        marks.sums.append((start + cells.index(name), amounts))
