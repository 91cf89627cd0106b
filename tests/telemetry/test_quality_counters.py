"""Counters of quality, groups and business figures: counts add however a log is cut, and wild rows harm no
others."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest

from fireline.telemetry.columns import Words
from fireline.telemetry.counters import Rows, counters, declared
from fireline.telemetry.layout import declare
from fireline.telemetry.tally import add_up, tally, tally_quality
from fireline.terms.counts import SERVICE, CountsRow
from fireline.terms.plan import Plan
from tests.support import logs, quality_town, town

TASKS = ("binary", "regression", "multiclass", "ranking", "llm")
HOUR = 3600 * 10**6


def planned(task: str, table: pa.Table, label: np.ndarray) -> Plan:
    """The plan with every layout the log allows."""
    book = quality_town.runbook(task, **quality_town.columns_of(task))
    plan = town.with_labels(declare(book, table), label)
    extras = declared(book, plan, Rows(table, Words(table), label), ("events", "cohorts"))
    return replace(plan, extras=extras)


def summed(plan: Plan, rows: list[CountsRow]) -> dict[str, np.ndarray]:
    """The service's counts by layout."""
    first = logs.START // 3600
    return {
        layout.name: add_up(rows, layout, 3600, first, first + 7 * 24)[SERVICE]
        for layout in plan.extras
        if layout.grains["service"] == 3600
    }


def wild(table: pa.Table, label: np.ndarray) -> tuple[pa.Table, np.ndarray]:
    """A fifth of the values missing, infinite or never seen before."""
    rng = np.random.default_rng(8)
    for name in table.column_names[4:]:
        column, n = table.column(name), len(table)
        odd = rng.random(n) < 0.2
        if pa.types.is_floating(column.type):
            values = np.where(odd, rng.choice([np.inf, -np.inf, np.nan, 1e300, -5.0], n), column.to_numpy())
            found = pa.array(values, mask=odd & (rng.random(n) < 0.3))
        else:
            words = np.where(odd, "new", column.to_numpy(zero_copy_only=False))
            found = pa.array(words, pa.string(), mask=odd & (rng.random(n) < 0.3))
        table = table.set_column(table.column_names.index(name), name, found)
    return table, np.where(rng.random(len(label)) < 0.2, np.nan, label)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("mess", [False, True], ids=["tame", "wild"])
def test_counts_add_however_a_log_is_cut(task, mess):
    table, label = quality_town.log(task, 2, 1.0, 0, 4)
    plan = planned(task, table, label)
    if mess:
        table, label = wild(table, label)
    whole = summed(plan, tally(plan, table) + tally_quality(plan, table, label))
    at = table.column("time").cast(pa.int64()).to_numpy()
    hours = at // HOUR
    cuts = [0, *np.flatnonzero(np.diff(hours))[::17] + 1, len(at)]  # cohorts are whole hours
    rows = []
    for low, high in pairwise(cuts):
        part = table.slice(low, high - low)
        rows += tally(plan, part) + tally_quality(plan, part, label[low:high])
    pieces = summed(plan, rows)
    assert whole.keys() == pieces.keys()
    assert all(np.array_equal(whole[name], pieces[name]) for name in whole)
    assert task == "llm" or all(counts.any() for counts in whole.values())


def test_each_task_has_the_layouts_its_columns_allow():
    ours = {"classes", "confidence", "confusion", "losses", "outcomes", "rankings", "residuals", "selection",
            "treatment"}  # fmt: skip
    found = {}
    for task in TASKS:
        table, label = quality_town.log(task, 2, 1.0, 0, 4)
        found[task] = {layout.name for layout in planned(task, table, label).extras} & ours
    assert found == {
        "binary": {"confidence", "confusion", "losses", "outcomes", "selection", "treatment"},
        "regression": {"residuals"},
        "multiclass": {"classes", "losses"},
        "ranking": {"confidence", "confusion", "losses", "rankings"},
        "llm": set(),
    }
    assert ours <= set(counters())


def test_without_labels_only_what_arrives_is_counted():
    table, label = quality_town.log("binary", 2, 1.0, 0, 4)
    book = quality_town.runbook("binary", **quality_town.columns_of("binary"))
    plan = declare(book, table)
    made = declared(book, plan, Rows(table, Words(table)), ("events",))
    assert {"selection", "outcomes"} <= {layout.name for layout in made}
    assert not {"confidence", "treatment", "confusion"} & {layout.name for layout in made}
    assert np.isfinite(label).all()


def test_the_threshold_tells_who_is_chosen_where_no_answer_is_logged():
    table, label = quality_town.log("binary", 2, 1.0, 0, 4)
    table = table.drop_columns(["prediction"])
    named = {k: v for k, v in quality_town.columns_of("binary").items() if k != "prediction"}
    book = quality_town.runbook("binary", **named)
    book = book.from_plain({**book.plain(), "labels": {"age": "0m", "threshold": 0.2}})
    plan = town.with_labels(declare(book, table), label)
    extras = declared(book, plan, Rows(table, Words(table), label), ("events", "cohorts"))
    plan = replace(plan, extras=extras)
    counts = summed(plan, tally(plan, table) + tally_quality(plan, table, label))
    layout = plan.layout("confusion")
    tp = counts["confusion"][:, layout.series[0].cells.index("tp")].sum()
    assert tp == ((table.column("score").to_numpy() >= 0.2) & (label == 1)).sum()
    assert layout.series[0].values == ("score",)


def test_the_control_is_named_or_the_most_frequent():
    table, label = quality_town.log("binary", 2, 1.0, 0, 4)
    assert planned("binary", table, label).layout("outcomes").by_name["arms"].values == ("control", "B")
    rng = np.random.default_rng(0)
    arms = pa.array(rng.choice(("x", "y"), len(table), p=(0.3, 0.7)))
    other = table.set_column(table.column_names.index("arm"), "arm", arms)
    assert planned("binary", other, label).layout("outcomes").by_name["arms"].values == ("y", "x")
