"""The business figure (KPI), in all and for each arm of an experiment."""

from __future__ import annotations

import numpy as np

from fireline.runbook.schema import Runbook
from fireline.telemetry.columns import Array, has, numbers, recode
from fireline.telemetry.counters import HOURLY, Counter, Rows
from fireline.telemetry.grid import Marks
from fireline.terms.counts import HOUR, Series
from fireline.terms.plan import Layout, Plan

FIXED_POINT = 1_000_000
LARGEST = 1000.0
MOST = 8
LEAST_ROWS = 100
FIGURES = ("rows", "n", "sum", "sum2")
CONTROLS = ("control", "ctrl", "baseline", "holdout", "off", "a")


class Outcomes(Counter):
    """Events and the sums of their outcome and its square, by the hour: of all, and of each arm.

    The first arm is the control: the one of that name (or ctrl, baseline, holdout, off, a), else the most
    frequent. Arms the reference did not have are counted together as others. Sums are in millionths of the
    reference's root mean square, and what lies beyond a thousand of it counts as a thousand.
    """

    name = "outcomes"
    feed = "events"
    grains = HOURLY
    sums = True

    def declare(self, runbook: Runbook, plan: Plan, reference: Rows) -> tuple[Series, ...]:
        """Series of all and, where events have arms, of the arms; the edge is the unit of the sums."""
        if not has(reference.table, "outcome"):
            return ()
        values = numbers(reference.table, "outcome")
        values = values[np.isfinite(values)]
        size = float(np.sqrt(np.mean(values**2))) if values.size >= LEAST_ROWS else 0.0
        if not 0 < size < np.inf:
            return ()
        edges = (float(f"{size:.6g}"),)
        made = [Series("all", "moments", HOUR, FIGURES, edges, reference=plan.reference)]
        arms = _arms(reference)
        if arms:
            cells = tuple(f"{figure}:{arm}" for arm in (*arms, "(others)") for figure in FIGURES)
            made.append(Series("arms", "moments", HOUR, cells, edges, arms, reference=plan.reference))
        return tuple(made)

    def marks(self, plan: Plan, layout: Layout, rows: Rows) -> Marks:
        """What each row adds."""
        marks = Marks(layout.width)
        figures = _figures(rows, layout.by_name["all"].edges[0])
        for cell, amounts in enumerate(figures):
            marks.sums.append((layout.offsets["all"] + cell, amounts))
        if "arms" not in layout.by_name or not has(rows.table, "arm"):
            return marks
        arms = layout.by_name["arms"].values
        mapping = {arm: i for i, arm in enumerate(arms)}
        place = recode(*rows.words.codes("arm"), mapping, missing=-1, other=len(arms))
        start = layout.offsets["arms"] + np.maximum(place, 0) * len(FIGURES)
        for cell, amounts in enumerate(figures):
            marks.sums.append(((start + cell).astype(np.int32), np.where(place >= 0, amounts, 0)))
        return marks


def _arms(reference: Rows) -> tuple[str, ...]:
    if not has(reference.table, "arm"):
        return ()
    codes, values = reference.words.codes("arm")
    counts = np.bincount(codes[codes >= 0], minlength=len(values))
    ranked = sorted((-int(c), v) for c, v in zip(counts, values, strict=True) if c >= LEAST_ROWS)
    arms = [arm for _, arm in ranked[:MOST]]
    control = min(
        (CONTROLS.index(arm.lower()), i) for i, arm in enumerate(arms) if arm.lower() in CONTROLS
    )[1] if any(arm.lower() in CONTROLS for arm in arms) else 0  # fmt: skip
    return (*arms[control : control + 1], *arms[:control], *arms[control + 1 :])


def _figures(rows: Rows, unit: float) -> tuple[Array, ...]:
    n = len(rows.table)
    outcome = numbers(rows.table, "outcome") if has(rows.table, "outcome") else np.full(n, np.nan)
    known = np.isfinite(outcome)
    value = np.clip(np.where(known, outcome, 0.0) / unit, -LARGEST, LARGEST)
    sums = [np.rint(x * FIXED_POINT).astype(np.int64) for x in (value, value**2)]
    return (np.ones(n, np.int64), known.astype(np.int64), *sums)
