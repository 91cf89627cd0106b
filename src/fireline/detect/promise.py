"""Where an objective is read: which counts hold what is bad of what, for each indicator.

Where it cannot be read, it is said why, and what to do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import numpy as np

from fireline.detect import figures
from fireline.detect.account import Counts, Parts, Reading, total
from fireline.detect.kinds import Array
from fireline.runbook.schema import Runbook, Slo
from fireline.terms.counts import MINUTE
from fireline.terms.plan import Layout, Plan
from fireline.terms.slo import Total

LEAST = 20
"""Events that a slice's figure must rest on: with fewer it is neither good nor bad."""


@dataclass(frozen=True)
class Unmeasured:
    """Why an objective cannot be read from these counts, and what to do."""

    why: str
    todo: str


def reading(plan: Plan, slo: Slo) -> Reading | Unmeasured:
    """Where ``slo`` is read in the counts that ``plan`` declares."""
    if slo.budget == "slices":
        return _slices(plan, slo)
    if slo.indicator == "latency":
        return _latency(plan, slo)
    if slo.indicator == "freshness":
        return _aged(plan, slo)
    if slo.indicator == "accuracy":
        return _accuracy(plan)
    return _rate(plan, slo)


def totals(
    plan: Plan, runbook: Runbook, counts: Counts, now: int, begins: Callable[[Layout], int]
) -> dict[str, Total]:
    """For each objective that can be measured what was bad of what in any window, as known at ``now``
    (microseconds); ``begins`` says when a layout was first counted."""
    found: dict[str, Total] = {}
    for slo in runbook.slos:
        read = reading(plan, slo)
        if isinstance(read, Reading):
            first = begins(read.layout) if read.recent else 0
            found[slo.name] = total(read, counts, read.until(runbook, now), first)
    return found


def _rate(plan: Plan, slo: Slo) -> Reading | Unmeasured:
    cells = plan.rates.series[0].cells
    wanted = {
        "availability": "error", "fallback_share": "fallback", "null_share": f"null:{slo.of}",
        "flag_rate": f"flag:{slo.of}",
    }[slo.indicator]  # fmt: skip
    if wanted not in cells:
        return _not_counted(f"{slo.of}")
    return _of_cells(plan.rates, cells.index("n"), cells.index(wanted))


def _of_cells(layout: Layout, n: int, bad: int) -> Reading:
    return Reading(layout, lambda counts: (counts[:, bad], counts[:, n]))


def _not_counted(what: str) -> Unmeasured:
    return Unmeasured(
        f"the baseline does not count {what}",
        "take a new one with `fireline init` from a log that holds it",
    )


def _latency(plan: Plan, slo: Slo) -> Reading | Unmeasured:
    """Timed events and those in bins that begin at the threshold or above: read 2 % too late at most."""
    if not plan.delays.series:
        return _not_counted("how long answers take")
    series, limit = plan.delays.series[0], slo.threshold or 0.0
    if limit > series.edges[-1]:
        return Unmeasured(
            f"latency is counted up to {series.edges[-1]:,.0f} ms, and the threshold is {limit:,.0f}",
            "write a lower `threshold`",
        )
    slow = [i for i, low in enumerate(series.edges[:-1]) if low >= limit]
    slow.append(series.cells.index("above"))
    timed = series.cells.index("null")  # the last cell; what lies in it was not timed
    return Reading(plan.delays, lambda counts: (counts[:, slow].sum(axis=1), counts[:, :timed].sum(axis=1)))


def _accuracy(plan: Plan) -> Reading | Unmeasured:
    series, start = plan.quality.by_name["labels"], plan.quality.offsets["labels"]
    if plan.task == "regression":
        return Unmeasured("numbers are not right or wrong", "promise an `rmse` instead")
    judged, right = (start + series.cells.index(name) for name in ("judged", "correct"))
    return Reading(plan.quality, lambda counts: (counts[:, judged] - counts[:, right], counts[:, judged]))


def _aged(plan: Plan, slo: Slo) -> Reading | Unmeasured:
    """A feature's values older than the baseline's limit, or samples of an age above the runbook's."""
    ages, signals = plan.layout("ages"), plan.layout("signals")
    if slo.of in ages.by_name:
        start = ages.offsets[slo.of]
        return _of_cells(ages, start, start + 1)
    name = f"age:{slo.of}"
    if name in signals.by_name:
        cells, start = signals.by_name[name].cells, signals.offsets[name]
        return _of_cells(signals, start + cells.index("n"), start + cells.index("beyond"))
    return _not_counted(f"how old {slo.of} is")


def _slices(plan: Plan, slo: Slo) -> Reading | Unmeasured:
    piece = int((slo.sliced or timedelta(hours=1)).total_seconds())
    if slo.indicator == "freshness":
        n = plan.rates.series[0].cells.index("n")
        recent = int((slo.threshold or 60.0) // MINUTE)
        return Reading(plan.rates, lambda counts: (0 * counts[:, n], counts[:, n]), piece, recent)
    of = slo.of or ""
    layout, figure, least = {
        "auc": (plan.quality, figures.ranked, LEAST),
        "calibration": (plan.quality, figures.off, LEAST),
        "rmse": (plan.layout("residuals"), figures.squared, LEAST),
        "kpi": (plan.layout("outcomes"), figures.mean_outcome, LEAST),
        "demographic_parity": (plan.layout("selection"), figures.chosen_gap(of), 1),
        "equal_opportunity": (plan.layout("treatment"), figures.opportunity_gap(of), 1),
        "equalized_odds": (plan.layout("treatment"), figures.odds_gap(of), 1),
    }[slo.indicator]
    why = _unfit(plan, slo, layout)
    if why is not None:
        return why
    return Reading(layout, partial(_kept, layout, figure, least, slo), piece)


def _unfit(plan: Plan, slo: Slo, layout: Layout) -> Unmeasured | None:
    if not layout.series or (slo.known.of == "group" and f"group:{slo.of}" not in layout.by_name):
        return _not_counted(f"{slo.indicator.replace('_', ' ')}{f' by {slo.of}' if slo.of else ''}")
    if slo.indicator in ("auc", "calibration"):
        if plan.task in ("regression", "multiclass") or "score" not in plan.shapes.by_name:
            return Unmeasured(
                f"{slo.indicator} is of scores of a binary task", "promise `accuracy` or `rmse`"
            )
        edges = plan.shapes.by_name["score"].edges
        if slo.indicator == "calibration" and (edges[0] < 0 or edges[-1] > 1):
            return Unmeasured("the scores are no probabilities", "promise an `auc` instead")
    return None


def _kept(layout: Layout, figure: figures.Figure, least: int, slo: Slo, counts: Array) -> Parts:
    """1 for each slice whose figure passed the threshold, and for each that has enough to tell."""
    value, n = figure(layout, counts)
    told = (n >= least) & np.isfinite(value)
    limit = slo.threshold or 0.0
    with np.errstate(invalid="ignore"):
        missed = value < limit if slo.side == "floor" else value > limit
    return (missed & told).astype(np.int64), told.astype(np.int64)
