"""Further layouts: what an engine counts is what numpy counts, int for int; what none counts is told."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fireline.runbook.schema import Runbook
from fireline.telemetry.columns import Words
from fireline.telemetry.counters import Rows, counters, declared
from fireline.telemetry.layout import declare
from fireline.telemetry.outcomes import outcome
from fireline.telemetry.pushdown.dialects import dialects
from fireline.telemetry.pushdown.further import further
from fireline.telemetry.pushdown.gaps import REASONS
from fireline.telemetry.tally import tally, tally_quality
from fireline.terms.plan import Plan
from tests.pushdown.places import cells, counted, differences, left_out, without
from tests.support import logs

CLASSES = ("cat", "dog", "it's")
MORE: dict[str, Any] = {
    "outcome": "outcome", "arm": "arm", "groups": ["sex", "region"], "source": "source", "host": "host",
    "feature_times": {"x": "x_at"},
}  # fmt: skip
TASKS = ("binary", "regression", "multiclass")


def runbook(task: str) -> Runbook:
    columns = {**logs.runbook(task).columns.model_dump(exclude_defaults=True), **MORE}
    columns |= (
        {"class_scores": {name: f"p {i}" for i, name in enumerate(CLASSES)}} if task == "multiclass" else {}
    )
    scorers = {"toxic": {"recall": 0.9, "false_positive_rate": 0.01}}
    return logs.runbook(task, columns=columns, scorers=scorers)


def log(rng: np.random.Generator, n: int, task: str, wild: bool = False) -> pa.Table:
    """Canonical events of a service with every column that a further layout reads, labels with them."""
    times = (logs.START + rng.integers(0, 6 * 3600, n)) * 1_000_000 + rng.integers(0, 1_000_000, n)
    events = logs.log(rng, np.sort(times), wild=wild)

    def word(choices: tuple[str, ...], p: Any = None) -> pa.Array:
        return pa.array(rng.choice(choices, n, p=p), pa.string(), mask=rng.random(n) < 0.1)

    def number(values: np.ndarray) -> pa.Array:
        odd = rng.choice([np.inf, -np.inf, np.nan, 1e300, -0.0, 5e-324], n)
        return pa.array(np.where(rng.random(n) < (0.1 if wild else 0), odd, values), mask=rng.random(n) < 0.1)

    more = {
        "outcome": number(np.round(rng.exponential(3, n), 3)),
        "arm": word(("new", "control", "odd" if wild else "new")),
        "sex": word(("f", "m", "x" if wild else "m")),
        "region": word(("north", "south", "it's")),
        "source": word(("s1", "s2", "back\\slash")),
        "host": word(("h1", "h2", "h3" if wild else "h2")),
        "x.age": number(rng.exponential(60, n)),
    }
    more |= {f"p {i}": number(rng.random(n)) for i in range(len(CLASSES))}
    if task == "binary":
        more["label"] = pa.array(logs.truth(rng, events), from_pandas=True)
    elif task == "regression":
        events = put(events, "prediction", number(rng.normal(0, 2, n)))
        more["label"] = number(rng.normal(0, 2, n))
    else:
        events = put(events, "prediction", word(CLASSES))
        more["label"] = word((*CLASSES, "new" if wild else "cat"))
    for name, column in more.items():
        events = events.append_column(name, column)
    return events.append_column("late", pa.array(rng.random(n) < (0.1 if wild else 0)))


def put(events: pa.Table, name: str, column: pa.Array) -> pa.Table:
    return events.set_column(events.column_names.index(name), name, column)


def truth(plan: Plan, events: pa.Table) -> np.ndarray:
    said = events.column("prediction") if plan.task == "multiclass" else None
    return outcome(plan, events.column("label"), said)


@cache
def plan(task: str) -> Plan:
    events = log(np.random.default_rng(5), 4000, task)
    book = runbook(task)
    found = declare(book, events)
    rows = Rows(events, Words(events), truth(found, events))
    return replace(found, extras=declared(book, found, rows, ("events", "cohorts")))


def same(sql: Any, folder: Any, task: str, events: pa.Table) -> set[str]:
    """The layouts that were held equal."""
    which = plan(task)
    late = events.column("late").to_numpy()
    on_time = events.filter(pa.array(~late))
    rows = tally(which, events) + tally_quality(which, on_time, truth(which, on_time))
    names = {layout.identity: layout.name for layout in which.layouts}
    mine = [row for row in rows if names[row.layout] in further()]
    expected = without(cells(which, mine), left_out(which))
    assert differences(counted(which, sql, events, folder, further()), expected) == []
    return {names[row.layout] for row in mine}


@pytest.mark.parametrize("task", TASKS)
def test_an_engine_counts_what_numpy_counts(sql, tmp_path, task):
    held = same(sql, tmp_path, task, log(np.random.default_rng(1), 700, task, wild=True))
    every = {"outcomes", "scorers", "ages", "sources", "values"}
    more = {
        "binary": {"selection", "treatment", "confusion", "losses", "confidence"},
        "regression": {"residuals"},
        "multiclass": {"classes", "losses"},
    }[task]
    assert held >= every | more


def test_columns_that_are_gone_add_nothing(sql, tmp_path):
    events = log(np.random.default_rng(2), 300, "binary", wild=True)
    same(sql, tmp_path, "binary", events.drop_columns(["arm", "sex", "host", "x.age", "x", "prediction"]))


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 60), st.sampled_from(TASKS))
def test_duckdb_counts_whatever_comes(tmp_path_factory, seed, n, task):
    same(dialects()["duckdb"], tmp_path_factory.mktemp("further"), task,
         log(np.random.default_rng(seed), n, task, wild=True))  # fmt: skip


def test_every_layout_is_counted_or_its_reason_told():
    """Signals come to the server as ever, whoever counts the events."""
    every = {name for name, one in counters().items() if one.feed != "signals"}
    assert every == set(further()) | {name for name in REASONS if "." not in name}
    assert set(further()) <= set(counters())
    partly = {f"{name}.{part}" for name, one in further().items() for part in one.without}
    assert partly == {name for name in REASONS if "." in name}
