"""Events in, counts out: each event is added into one vector of cells per scope and tick.

Counts are int64 and add exactly, whatever the order and however the log was cut into batches.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import gcd

import numpy as np
import pyarrow as pa

from fireline.clock import MICROS
from fireline.telemetry.columns import ARRIVED, Array, Words, booleans, has, numbers, recode, times
from fireline.telemetry.counters import Feed, Rows, counters
from fireline.telemetry.grid import Marginal, Marks, Moments, count
from fireline.telemetry.layout import category_cells, logit, numeric_cells, score_cells
from fireline.telemetry.outcomes import outcome
from fireline.telemetry.packing import add_up, pack, unpack
from fireline.terms.counts import SERVICE, CountsRow, Scope, Series
from fireline.terms.plan import Layout, Plan

__all__ = ["add_up", "marginals", "outcome", "pack", "tally", "tally_quality", "tally_signals", "unpack"]

RANGE_MARGIN = 0.25
FIXED_POINT = 1_000_000
LARGEST_ERROR = 1e3


def tally(
    plan: Plan, events: pa.Table, duplicates: pa.Table | None = None, rejected: pa.Table | None = None
) -> list[CountsRow]:
    """Counts of rates, shapes and delays for one batch of canonical events [n rows].

    ``duplicates`` are the dropped rows: they are counted as such and nowhere else, and so are the rows
    ``rejected`` at intake. Rows whose tick was judged already (column ``late``) are counted apart; that they
    came late is counted when they arrived.
    """
    rows: list[CountsRow] = []
    for late, part in _by_lateness(plan, events):
        words, moments = Words(part), Moments(times(part))
        members = marginals(plan, part, words)
        shapes = _shape_cells(plan, part, words)
        rows += count(plan.rates, _rates(plan, part, words, shapes), members, moments, late)
        rows += count(plan.shapes, _side_by_side(plan.shapes, shapes), members, moments, late)
        if plan.delays.series and has(part, "latency_ms"):
            delays = {"latency": numeric_cells(plan.delays.series[0], words.numbers("latency_ms"))}
            rows += count(plan.delays, _side_by_side(plan.delays, delays), members, moments, late)
        rows += _extras(plan, "events", Rows(part, words, cells=shapes), members, moments, late)
    for late, part in _by_lateness(plan, duplicates) if duplicates is not None else ():
        twice = Marks(plan.rates.width)
        twice.where(_cell(plan.rates, "rates", "duplicate"), np.ones(len(part), bool))
        rows += count(plan.rates, twice, marginals(plan, part, Words(part)), Moments(times(part)), late)
    for late, part in _by_lateness(plan, rejected) if rejected is not None else ():
        rows += _extras(plan, "rejected", Rows(part, Words(part)), (), Moments(times(part)), late)
    if has(events, "late") and has(events, ARRIVED):
        behind = events.filter(events.column("late"))
        if len(behind):
            behind = behind.take(pa.array(np.argsort(times(behind, ARRIVED), kind="stable")))
            rows += _extras(
                plan, "late", Rows(behind, Words(behind)), (), Moments(times(behind, ARRIVED)), False
            )
    return rows


def _by_lateness(plan: Plan, events: pa.Table) -> list[tuple[bool, pa.Table]]:
    """The rows in time and those late, each, where there are any, in order of their ticks."""
    marked = booleans(events, "late") if has(events, "late") else np.zeros(len(events), bool)
    if not marked.any():
        parts = [(False, events)]
    else:
        parts = [(late, events.filter(pa.array(marked == late))) for late in (False, True)]
    return [(late, _in_order(plan, part)) for late, part in parts if len(part)]


def _in_order(plan: Plan, events: pa.Table) -> pa.Table:
    """The rows in order of the ticks they fall into; as they are, when that is their order."""
    finest = gcd(*(grain for layout in plan.layouts for grain in layout.grains.values()))
    ticks = times(events) // (finest * MICROS)
    if (ticks[1:] >= ticks[:-1]).all():
        return events
    return events.take(pa.array(np.argsort(ticks, kind="stable")))


def tally_quality(plan: Plan, events: pa.Table, label: Array) -> list[CountsRow]:
    """Quality counts of whole cohorts: ``events`` [n] with their ``label`` as known at the cohort's age.

    ``label`` is float64 [n] (NaN unknown; 0/1 for classes) as ``outcome`` gives it.
    """
    if len(events) == 0:
        return []
    name = "label as known"
    judged = _in_order(plan, events.append_column(name, pa.array(label)))
    label, words, moments = numbers(judged, name), Words(judged), Moments(times(judged))
    members = marginals(plan, judged, words)
    rows = count(plan.quality, _quality(plan, judged, words, label), members, moments, late=False)
    return rows + _extras(plan, "cohorts", Rows(judged, words, label), members, moments, late=False)


def tally_signals(plan: Plan, signals: pa.Table, judged_until: int = 0) -> list[CountsRow]:
    """Counts of canonical signals [n rows] for the whole service; those before ``judged_until``
    (microseconds) come too late to be judged and are counted apart."""
    found: list[CountsRow] = []
    late = times(signals) < judged_until
    for is_late in (False, True):
        part = (
            signals.filter(pa.array(late == is_late))
            if late.any()
            else signals.slice(0, 0 if is_late else None)
        )
        if len(part):
            part = _in_order(plan, part)
            nobody = np.zeros(len(part), np.int32)
            members = [Marginal((), nobody, SERVICE, (0,))]
            found += _extras(plan, "signals", Rows(part, Words(part)), members, Moments(times(part)), is_late)
    return found


def _extras(
    plan: Plan, feed: Feed, rows: Rows, members: Sequence[Marginal], moments: Moments, late: bool
) -> list[CountsRow]:
    """Counts of the plan's further layouts that count ``feed``."""
    found: list[CountsRow] = []
    for layout in plan.extras:
        counter = counters()[layout.name]
        if feed in (counter.feed, *counter.also):
            members = members or marginals(plan, rows.table, rows.words)
            marks = counter.marks(plan, layout, replace(rows, feed=feed))
            found += count(layout, marks, members, moments, late)
    return found


def marginals(plan: Plan, events: pa.Table, words: Words) -> list[Marginal]:
    """The ways rows are divided: by version and shadow, which together are the service, and by each segment
    column.

    A row's code is the number of its scope; the slot after the scopes holds live rows in none of them, the
    last one rows that are nobody's there.
    """
    shadow = booleans(events, "shadow") if has(events, "shadow") else np.zeros(len(events), bool)
    found, values = words.codes("version")
    named = [v for v in values if v]
    live = tuple(Scope("version", "", v) for v in named)
    ghosts = tuple(Scope("shadow", "", v) for v in values) if shadow.any() else ()
    rest = len(live) + len(ghosts)
    code = recode(found, values, {v: i for i, v in enumerate(named)}, rest, rest)
    if shadow.any():  # also where no shadow call names a version: it is nobody's then
        shadowed = recode(found, values, {v: len(live) + i for i, v in enumerate(values)}, rest + 1, rest + 1)
        code = np.where(shadow, shadowed, code)
    scopes = (*live, *ghosts)
    result = [Marginal(scopes, code.astype(np.int32), SERVICE, (*range(len(live)), rest))]
    for column, declared in plan.segments.items():
        if declared and has(events, column):
            found, values = words.codes(column)
            code = recode(found, values, {v: i for i, v in enumerate(declared)}, len(declared), len(declared))
            if shadow.any():
                code = np.where(shadow, len(declared) + 1, code)
            scopes = tuple(Scope("segment", column, v) for v in declared)
            result.append(Marginal(scopes, code.astype(np.int32)))
    return result


def _cell(layout: Layout, series: str, cell: str) -> int:
    return layout.offsets[series] + layout.by_name[series].cells.index(cell)


def _side_by_side(layout: Layout, cells: Mapping[str, Array]) -> Marks:
    """Marks with a cell of each series for every row."""
    return Marks(layout.width, [found + np.int32(layout.offsets[name]) for name, found in cells.items()])


def _shape_cells(plan: Plan, events: pa.Table, words: Words) -> dict[str, Array]:
    """For each shape series the cell of each row, int32 [n]."""
    found: dict[str, Array] = {}
    for series in plan.shapes.series:
        name = series.name.removeprefix("feature:")
        if not has(events, name):
            found[series.name] = np.full(len(events), series.width - 1, np.int32)
        elif series.kind == "numeric":
            found[series.name] = numeric_cells(series, words.numbers(name))
        else:
            found[series.name] = category_cells(series, words.codes(name))
    return found


def _rates(plan: Plan, events: pa.Table, words: Words, shapes: Mapping[str, Array]) -> Marks:
    """Marks of the conditions that hold for a row."""
    holds: dict[str, Array] = {"n": np.ones(len(events), bool)}
    if has(events, "error"):
        holds["error"] = booleans(events, "error")
    if has(events, "rung"):
        found, values = words.codes("rung")
        usual = dict.fromkeys(("", "current"), 0)
        holds["fallback"] = recode(found, values, usual, missing=0, other=1).astype(bool)
    if plan.latency_p95 is not None and has(events, "latency_ms"):
        took = words.numbers("latency_ms")
        holds["timed"] = ~np.isnan(took)
        holds["slow"] = took > plan.latency_p95
        holds["very_slow"] = took > 1.25 * plan.latency_p95
    for name in plan.flags:
        if has(events, name):
            holds[f"flag:{name}"] = booleans(events, name)
    for name in plan.features:
        series = plan.shapes.by_name[f"feature:{name}"]
        holds |= _feature_conditions(series, words, name, shapes[series.name])
    return _conditions(plan.rates, "rates", holds)


def _feature_conditions(series: Series, words: Words, name: str, cells: Array) -> dict[str, Array]:
    """Null, and out of range or unseen, read off the row's cell of the feature's histogram."""
    null = cells == series.width - 1
    if series.kind == "category":
        return {f"null:{name}": null, f"unseen:{name}": cells == series.width - 2}
    out = (cells >= series.width - 3) & ~null
    if out.any():
        values = words.numbers(name)
        margin = RANGE_MARGIN * (series.edges[-1] - series.edges[0])
        out &= (values < series.edges[0] - margin) | (values > series.edges[-1] + margin)
    return {f"null:{name}": null, f"out:{name}": out}


def _conditions(layout: Layout, series: str, holds: Mapping[str, Array]) -> Marks:
    marks = Marks(layout.width)
    index = {cell: layout.offsets[series] + i for i, cell in enumerate(layout.by_name[series].cells)}
    for cell, flags in holds.items():
        if cell in index:
            marks.where(index[cell], flags)
    return marks


def _quality(plan: Plan, events: pa.Table, words: Words, label: Array) -> Marks:
    """Marks of the quality layout: labels, scores by label, and sums in fixed point."""
    known = ~np.isnan(label)
    layout = plan.quality
    holds: dict[str, Array] = {"n": np.ones(len(events), bool), "labelled": known, "positive": label == 1}
    right = _correct(plan, events, label)
    if right is not None:
        judged = known & ~np.isnan(right)
        holds |= {"judged": judged, "correct": judged & (right == 1)}
    marks = _conditions(layout, "labels", holds)
    if has(events, "score") and plan.task != "regression":
        cells = score_cells(layout.by_name["negatives"], words.numbers("score"))
        found = np.full(len(cells), layout.width, np.int32)
        for name, value in (("negatives", 0), ("positives", 1)):
            mine = (label == value) & (cells >= 0)
            np.add(cells, np.int32(layout.offsets[name]), out=found, where=mine)
        marks.dense.append(found)
    for name, figure in _moments(plan, events, label).items():
        # Sums in fixed point (millionths), so that they add exactly like counts.
        amounts = np.rint(np.nan_to_num(figure, nan=0.0) * FIXED_POINT).astype(np.int64)
        marks.sums.append((_cell(layout, "moments", name), amounts))
    return marks


def _correct(plan: Plan, events: pa.Table, label: Array) -> Array | None:
    """1 where the prediction was right, 0 wrong, NaN without one; None when there is nothing to compare."""
    if plan.task == "multiclass":
        return label
    if plan.task == "regression" or not has(events, "prediction"):
        return None
    said = events.column("prediction")
    guess = outcome(plan, said)
    return np.where(np.isnan(guess) | np.isnan(label), np.nan, (guess == label).astype(np.float64))


def _moments(plan: Plan, events: pa.Table, label: Array) -> dict[str, Array]:
    if plan.task == "regression":
        if not has(events, "prediction"):
            return {}
        gap = (label - numbers(events, "prediction")) / plan.error_scale
        gap = np.clip(gap, -LARGEST_ERROR, LARGEST_ERROR)
        return {"error": gap, "error2": gap**2, "absolute": np.abs(gap)}
    if not has(events, "score") or plan.task == "multiclass":
        return {}
    score = numbers(events, "score")
    gap = np.where((score >= 0) & (score <= 1), label - score, np.nan)
    lean = gap * (logit(score) - plan.logit_mean)
    return {"bias": gap, "bias2": gap**2, "slope": lean, "slope2": lean**2, "absolute": np.abs(gap)}
