"""The contract of every engine: the counts it makes are numpy's, int for int."""

from functools import cache

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fireline.telemetry.pushdown.dialects import dialects
from fireline.telemetry.tally import tally, tally_quality
from fireline.terms.plan import Plan
from tests.pushdown.places import cells, counted, differences
from tests.support import logs

TASKS = {"binary": None, "named": "yes", "multiclass": None, "regression": None}


@cache
def plan(task: str = "binary") -> Plan:
    return logs.plan("binary" if task == "named" else task, TASKS[task])


def wild(seed: int, most: int = 300, task: str = "binary") -> tuple[pa.Table, np.ndarray]:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, most))
    times = (logs.START + rng.integers(0, 6 * 3600, n)) * 1_000_000 + rng.integers(0, 1_000_000, n)
    events = logs.log(rng, times, wild=True)
    events = events.append_column("late", pa.array(rng.random(n) < 0.1))
    label = logs.truth(rng, events)
    if task == "regression":
        label = np.where(np.isnan(label), np.nan, label * rng.normal(0, 3, n))
        figures = rng.normal(0, 1, n)
        at = events.column_names.index("prediction")
        events = events.set_column(at, "prediction", pa.array(figures, mask=rng.random(n) < 0.1))
    return events, label


def numpy_counts(plan: Plan, events: pa.Table, label: np.ndarray):
    late = events.column("late").to_numpy()
    on_time = events.filter(pa.array(~late))
    return cells(plan, tally(plan, events) + tally_quality(plan, on_time, label[~late]))


def same(sql, folder, plan: Plan, events: pa.Table, label: np.ndarray) -> None:
    batch = events.append_column("label", pa.array(label, from_pandas=True))
    expected = numpy_counts(plan, events, label)
    assert expected
    assert differences(counted(plan, sql, batch, folder), expected) == []


@pytest.mark.parametrize("seed", [1, 2])
def test_an_engine_counts_what_numpy_counts(sql, tmp_path, seed):
    same(sql, tmp_path, plan(), *wild(seed, most=2000))


@pytest.mark.parametrize("task", ["regression", "multiclass"])
def test_other_tasks_are_counted_alike(sql, tmp_path, task):
    events, label = wild(3, 600, task)
    only = logs.plan(task)
    if task == "multiclass":  # the label is compared with the prediction, so both go in as words
        said = pa.array(np.random.default_rng(0).choice(["a", "b", "c"], len(events)), pa.string())
        truth = pa.array(np.random.default_rng(1).choice(["a", "b", "c"], len(events)), pa.string())
        events = events.set_column(events.column_names.index("prediction"), "prediction", said)
        right = (said.to_numpy(False) == truth.to_numpy(False)).astype(float)
        batch = events.append_column("label", truth)
        expected = numpy_counts(only, events, right)
        assert differences(counted(only, sql, batch, tmp_path), expected) == []
    else:
        same(sql, tmp_path, only, events, label)


def test_columns_that_are_gone_read_as_null(sql, tmp_path):
    events, label = wild(4)
    same(sql, tmp_path, plan(), events.drop_columns(["x", "tail", "rung", "prediction", "device"]), label)


ODD = (
    "=odd|one",
    "it's",
    "back\\slash",
    'a "quote"',
    "новый",
    "日本",
    "e\u0301",
    "é",
    " ",
    "",
    "`tick`",
    "%",
    "N\u200b1",
)


def odd_plan() -> Plan:
    """A plan whose words are hard to quote."""
    rng = np.random.default_rng(7)
    times = np.sort(rng.integers(logs.START, logs.START + 86_400, 3000)) * 1_000_000
    events = odd(logs.log(rng, times), rng)
    from fireline.telemetry.layout import declare

    return declare(logs.runbook(), events)


def odd(events: pa.Table, rng: np.random.Generator) -> pa.Table:
    for name in ("carrier", "tail", "version", "device"):
        words = pa.array(rng.choice(ODD, len(events)), pa.string(), mask=rng.random(len(events)) < 0.05)
        events = events.set_column(events.column_names.index(name), name, words)
    return events


def test_words_that_are_hard_to_quote(sql, tmp_path):
    events, label = wild(5)
    same(sql, tmp_path, odd_plan(), odd(events, np.random.default_rng(8)), label)


def edges(plan: Plan) -> list[float]:
    """Every edge, its neighbours, and what floats do to the unwary."""
    found = [e for layout in plan.layouts for s in layout.series for e in s.edges]
    near = [float(np.nextafter(e, side)) for e in found for side in (-np.inf, np.inf)]
    return [*found, *near, 0.0, -0.0, np.nan, np.inf, -np.inf, 5e-324, -5e-324, 1.7976931348623157e308]


def edgy(values: list[float | None], shares: list[float | None]) -> tuple[pa.Table, np.ndarray]:
    n = len(values)
    rng = np.random.default_rng(n)
    events = logs.log(rng, (logs.START + np.arange(n)) * 1_000_000, wild=True)
    for name in ("x", "zeros", "few", "same", "latency_ms"):
        column = pa.array(list(rng.permutation(np.array(values, object))), pa.float64())
        events = events.set_column(events.column_names.index(name), name, column)
    score = pa.array(shares, pa.float64())
    events = events.set_column(events.column_names.index("score"), "score", score)
    return events.append_column("late", pa.array(np.zeros(n, bool))), logs.truth(rng, events)


def test_values_on_edges_and_beyond(sql, tmp_path):
    values = edges(plan())
    shares = [v if -1 <= v <= 2 else None for v in values]
    same(sql, tmp_path, plan(), *edgy([*values, None], [*shares, None]))


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_duckdb_counts_whatever_comes(tmp_path_factory, data):
    figures = st.one_of(st.none(), st.sampled_from(edges(plan())), st.floats())
    n = data.draw(st.integers(1, 60))
    values = data.draw(st.lists(figures, min_size=n, max_size=n))
    share = st.one_of(
        st.none(), st.sampled_from([0.0, -0.0, 1.0, 0.5, 0.001, 0.999, -0.1, 1.1]), st.floats(0, 1)
    )
    shares = data.draw(st.lists(share, min_size=n, max_size=n))
    same(dialects()["duckdb"], tmp_path_factory.mktemp("edgy"), plan(), *edgy(values, shares))
