"""Declaring what is counted: edges that increase, a cell for every value, an identity for every
declaration."""

import json
from dataclasses import fields, replace
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fireline.telemetry.columns import codes
from fireline.telemetry.layout import (
    BINS,
    SCORE_BINS,
    TOP_VALUES,
    bin_edges,
    category_cells,
    category_series,
    declare,
    numeric_cells,
    numeric_series,
    score_cells,
)
from fireline.terms.counts import QUARTER, Scope, Series
from fireline.terms.plan import Layout, Plan
from tests.support import logs

finite = st.floats(allow_nan=False, allow_infinity=False)
common = st.one_of(
    st.sampled_from([0.0, -0.0, 1.0, -1.0, 1e-320, 2.0**53, 2.0**53 + 2, 2.0**63, 1e308, -1e308]),
    st.integers(-3, 3).map(float),
    finite,
)
samples = hnp.arrays(np.float64, st.integers(0, 80), elements=common)
anything = hnp.arrays(np.float64, st.integers(0, 40), elements=st.one_of(common, st.floats()))


def series(values: np.ndarray) -> Series:
    return numeric_series("feature:x", values, "tag", QUARTER)


def where(edges: tuple[float, ...], value: float) -> str:
    """The cell of a value, from the words of the definition."""
    if np.isnan(value):
        return "null"
    if value < edges[0] or value > edges[-1]:
        return "below" if value < edges[0] else "above"
    inside = [i for i, (lo, hi) in enumerate(pairwise(edges)) if lo <= value < hi]
    return f"bin{inside[0] if inside else len(edges) - 2}"


# -- edges and cells


@given(samples, st.sampled_from([1, 2, BINS, SCORE_BINS]))
@example(np.array([-1e308, 1e308]), BINS)
@example(np.array([np.finfo(float).max] * 3), BINS)
@example(np.array([1e308, 1.5e308, 1.7e308]), BINS)
@example(np.linspace(-1, 1, 50) * 1.7e308, BINS)
@example(np.arange(40.0) + 2.0**62, BINS)
def test_edges_increase_and_enclose_the_reference(values, bins):
    edges = np.array(bin_edges(values, bins))
    assert len(edges) >= 2
    assert np.isfinite(edges).all()
    assert (edges[1:] > edges[:-1]).all()
    if values.size:
        assert edges[0] <= values.min()
        assert values.max() <= edges[-1]
        assert edges[0] == values.min() or len(set(values)) == 1


@given(samples, anything)
@example(np.array([]), np.array([np.nan, 1.0]))
@example(np.array([3.0]), np.array([3.0, np.nextafter(3, 4), 4.0, 2.0]))
def test_every_value_falls_into_exactly_the_cell_the_edges_say(reference, values):
    declared = series(reference)
    cells = numeric_cells(declared, values)
    assert [declared.cells[c] for c in cells] == [where(declared.edges, v) for v in values]


@given(samples)
def test_the_reference_itself_lies_in_bins(values):
    declared = series(values)
    cells = {declared.cells[c] for c in numeric_cells(declared, values)}
    assert not cells & {"below", "above", "null"}
    assert sum(declared.shares) == pytest.approx(1 if values.size else 0, abs=1e-6)


@given(st.sets(st.integers(-50, 50).map(lambda v: v / 4), min_size=2, max_size=BINS), st.integers(1, 9))
def test_each_of_few_distinct_values_has_a_bin_of_its_own(distinct, times):
    declared = series(np.repeat(sorted(distinct), times))
    assert len(set(numeric_cells(declared, np.array(sorted(distinct))))) == len(distinct)


@given(st.integers(0, 100), st.integers(1, 50))
def test_a_value_that_fills_a_bin_alone_keeps_its_bin(seed, zeros):
    rng = np.random.default_rng(seed)
    values = np.r_[np.zeros(zeros * 10), rng.exponential(1, 100)]
    declared = series(values)
    zero = numeric_cells(declared, np.zeros(1))[0]
    others = numeric_cells(declared, values[values > 0])
    if zeros * 10 > len(values) / BINS:
        assert zero not in others


def test_bins_hold_equal_shares_of_a_continuous_feature():
    values = np.random.default_rng(0).normal(0, 1, 16_000)
    declared = series(values)
    assert len(declared.cells) == BINS + 3
    assert declared.shares[:BINS] == pytest.approx([1 / BINS] * BINS, abs=1e-3)


@pytest.mark.parametrize("bins", [3, 100, 254, 255, 256, 700])
def test_few_edges_and_many_place_values_alike(bins):
    rng = np.random.default_rng(bins)
    edges = np.unique(rng.normal(0, 1, bins + 1))
    values = np.r_[rng.normal(0, 1.5, 3000), edges, np.nextafter(edges, -9), np.inf, -np.inf]
    declared = Series("s", "numeric", 60, tuple(map(str, range(len(edges) + 2))), tuple(edges))
    binned = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)
    expected = np.where(values < edges[0], len(edges) - 1, np.where(values > edges[-1], len(edges), binned))
    assert (numeric_cells(declared, values) == expected).all()
    bins_of_score = np.where(
        values == edges[-1], len(edges) - 1, np.searchsorted(edges, values, side="right")
    )
    assert (score_cells(declared, values) == bins_of_score).all()


@given(st.floats(1e-3, 1e4), st.integers(0, 2**32 - 1))
@settings(max_examples=15)
def test_latency_bins_are_found_exactly(low, seed):
    rng = np.random.default_rng(seed)
    latency = low * np.exp(rng.normal(0, 1, 200))
    table = logs.reference(200).set_column(7, "latency_ms", pa.array(latency))
    declared = declare(logs.runbook(), table).delays.series[0]
    edges = np.array(declared.edges)
    assert edges[1:] / edges[:-1] == pytest.approx(1.02)
    values = np.r_[
        latency, edges, np.nextafter(edges, 0), np.nextafter(edges, 1e9), 0.0, -1.0, np.inf, np.nan, 1e12
    ]
    cells = numeric_cells(declared, values)
    assert [declared.cells[c] for c in cells] == [where(declared.edges, v) for v in values]


# -- categories


words = st.text(min_size=0, max_size=3)


@given(st.lists(st.one_of(st.none(), words), max_size=60), st.lists(st.one_of(st.none(), words), max_size=20))
def test_a_category_has_its_own_cell_or_is_other_unseen_or_null(reference, values):
    def table(column: list) -> pa.Table:
        return pa.table({"c": pa.array(column, pa.string())})

    declared = category_series("c", table(reference), "tag", QUARTER)
    cells = [declared.cells[c] for c in category_cells(declared, codes(table(values), "c"))]
    for value, cell in zip(values, cells, strict=True):
        own = f"={value}" if value in declared.values else "other" if value in reference else "unseen"
        assert cell == ("null" if value is None else own)
    assert set(declared.values) | set(declared.known) == {v for v in reference if v is not None}


def test_the_commonest_values_have_cells_and_ties_go_by_name():
    column = [f"v{i:02d}" for i in range(30) for _ in range(2)] + ["most"] * 5 + [None]
    declared = category_series("c", pa.table({"c": pa.array(column)}), "tag", QUARTER)
    assert declared.values[0] == "most"
    assert declared.values[1:] == tuple(f"v{i:02d}" for i in range(TOP_VALUES - 1))
    assert declared.cells[-3:] == ("other", "unseen", "null")
    shares = dict(zip(declared.cells, declared.shares, strict=True))
    assert (shares["other"], shares["unseen"], shares["null"]) == pytest.approx(
        (22 / 66, 0, 1 / 66), abs=1e-6
    )


# -- identity


def test_identity_changes_when_anything_declared_changes():
    first = series(np.arange(100.0))
    changed = {
        "name": "feature:y",
        "kind": "latency",
        "grain": 60,
        "cells": (*first.cells[:-1], "none"),
        "edges": (*first.edges[:-1], 100.0),
        "values": ("a",),
        "known": ("b",),
        "shares": (*first.shares[:-1], 0.1),
        "reference": "other",
    }
    assert set(changed) == {f.name for f in fields(Series)}
    identities = [replace(first, **{name: value}).identity for name, value in changed.items()]
    assert len({first.identity, *identities}) == len(changed) + 1


def test_a_layout_is_another_when_a_series_changes_moves_or_goes():
    a, b = series(np.arange(100.0)), series(np.arange(50.0))
    a, b = replace(a, name="feature:a"), replace(b, name="feature:b")
    grains = {"service": QUARTER}
    layouts = [
        Layout("shapes", (a, b), grains), Layout("shapes", (b, a), grains), Layout("shapes", (a,), grains),
        Layout("rates", (a, b), grains), Layout("shapes", (a, replace(b, grain=60)), grains),
    ]  # fmt: skip
    assert len({layout.identity for layout in layouts}) == len(layouts)


def test_the_same_reference_declares_the_same_plan():
    assert logs.plan() == logs.plan()
    assert [x.identity for x in logs.plan().layouts] == [x.identity for x in logs.plan().layouts]


def test_another_reference_window_declares_another_identity():
    moved = logs.runbook(
        reference={"since": datetime(2024, 3, 5, tzinfo=UTC), "until": datetime(2024, 4, 1, tzinfo=UTC)}
    )
    other = declare(moved, logs.reference())
    assert all(a.identity != b.identity for a, b in zip(other.layouts, logs.plan().layouts, strict=True))


# -- the plan


def test_a_plan_survives_json():
    plan = logs.plan()
    again = Plan.of_json(json.loads(json.dumps(plan.as_json())))
    assert again == plan
    assert [x.identity for x in again.layouts] == [x.identity for x in plan.layouts]


@given(samples)
def test_a_plan_of_any_numbers_survives_json(values):
    column = pa.array(np.resize(values, 300) if values.size else np.full(300, np.nan))
    table = logs.reference(300)
    table = table.set_column(table.column_names.index("x"), "x", column)
    plan = declare(logs.runbook(), table)
    text = json.dumps(plan.as_json(), allow_nan=False)
    assert Plan.of_json(json.loads(text)) == plan


def test_spans_lie_end_to_end():
    layout = logs.plan().shapes
    ends = [layout.span(s.name) for s in layout.series]
    assert ends[0].start == 0
    assert all(a.stop == b.start for a, b in pairwise(ends))
    assert ends[-1].stop == layout.width == sum(s.width for s in layout.series)


def test_a_reference_of_nothing_declares_what_it_can():
    none = logs.reference().slice(0, 0)
    plan = declare(logs.runbook(), none)
    assert plan.latency_p95 is None
    assert plan.delays.series == ()
    assert plan.versions == ()
    assert all(values == () for values in plan.segments.values())
    assert plan.shapes.by_name["feature:x"].shares == (0.0,) * plan.shapes.by_name["feature:x"].width


def test_columns_that_are_all_null_are_declared_too():
    table = logs.reference()
    for name in ("x", "carrier", "score", "latency_ms"):
        at = table.column_names.index(name)
        table = table.set_column(at, name, pa.nulls(len(table), table.schema.field(at).type))
    plan = declare(logs.runbook(), table)
    assert plan.shapes.by_name["feature:x"].shares[-1] == 1.0
    assert plan.shapes.by_name["feature:carrier"].shares[-1] == 1.0
    assert "score" not in plan.shapes.by_name
    assert plan.latency_p95 is None


def test_without_labels_there_is_no_positive_class():
    assert declare(logs.runbook(labels=None), logs.reference()).positive is None


def test_segments_have_the_values_with_enough_rows_commonest_first():
    plan = logs.plan()
    column = logs.reference().column("carrier").to_pylist()
    counts = {v: column.count(v) for v in set(column) - {None}}
    assert list(plan.segments["carrier"]) == sorted(
        (v for v in counts if counts[v] >= 300), key=lambda v: (-counts[v], v)
    )


@given(st.sampled_from(["service", "version", "segment", "shadow"]), words, words)
@example("segment", "a=b", "c=d")
@example("segment", "%3D", "=")
def test_a_scope_is_named_by_its_key(kind, column, value):
    scope = Scope(kind, column if kind == "segment" else "", "" if kind == "service" else value)
    assert Scope.of_key(scope.key) == scope
