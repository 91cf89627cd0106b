"""Counts add: however a log is cut they are the same, and the same as SQL makes them."""

import tracemalloc
from collections import Counter
from functools import cache
from itertools import pairwise

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fireline.telemetry import grid
from fireline.telemetry.columns import numbers
from fireline.telemetry.tally import add_up, outcome, pack, tally, tally_quality, unpack
from fireline.terms.counts import SERVICE, CountsRow, Scope
from fireline.terms.plan import Layout, Plan
from tests.support import logs

SPAN = 6 * 3600
seeds = st.integers(0, 2**32 - 1)


@cache
def plan() -> Plan:
    return logs.plan()


def wild(seed: int, most: int = 200) -> tuple[pa.Table, np.ndarray]:
    """A batch of up to ``most`` rows over six hours in no order, and its labels."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(0, most))
    times = (logs.START + rng.integers(0, SPAN, n)) * 1_000_000 + rng.integers(0, 1_000_000, n)
    events = logs.log(rng, times, wild=True)
    return events, logs.truth(rng, events)


def cells(rows: list[CountsRow], only: Plan | None = None) -> Counter:
    """(late, scope, series, cell, tick) -> count, without zeros, of stored rows."""
    layouts = {layout.identity: layout for layout in (only or plan()).layouts}
    found: Counter = Counter()
    for row in rows:
        layout = layouts[row.layout]
        names = [(s.name, c) for s in layout.series for c in s.cells]
        counts = unpack(row.body, row.ticks)
        for tick, cell in zip(*np.nonzero(counts), strict=True):
            key = (row.late, row.scope, *names[cell], row.first_tick + int(tick))
            found[key] += int(counts[tick, cell])
    return Counter({key: count for key, count in found.items() if count})


# -- counts add


@settings(max_examples=20)
@given(seeds, st.lists(st.floats(0, 1), max_size=5), seeds)
def test_counts_do_not_depend_on_how_the_log_is_cut_or_ordered(seed, cuts, order):
    events, label = wild(seed)
    whole = cells(tally(plan(), events) + tally_quality(plan(), events, label))
    shuffled = np.random.default_rng(order).permutation(len(events))
    places = [0, *sorted(int(c * len(events)) for c in cuts), len(events)]
    rows: list[CountsRow] = []
    for low, high in pairwise(places):
        part = shuffled[low:high]
        rows += tally(plan(), events.take(pa.array(part)))
        rows += tally_quality(plan(), events.take(pa.array(part)), label[part])
    assert cells(rows) == whole


@settings(max_examples=20)
@given(seeds, st.integers(1, 7))
def test_counts_do_not_depend_on_the_chunks_of_a_table(seed, pieces):
    events, label = wild(seed)
    size = max(1, len(events) // pieces)
    chunked = pa.concat_tables([events.slice(i, size) for i in range(0, max(len(events), 1), size)])
    assert tally(plan(), chunked) == tally(plan(), events)
    assert tally_quality(plan(), chunked, label) == tally_quality(plan(), events, label)


def test_small_blocks_count_as_one_does(monkeypatch):
    events, label = wild(334456, most=5000)
    at_once = tally(plan(), events), tally_quality(plan(), events, label)
    monkeypatch.setattr(grid, "BLOCK_MARKS", 512)
    assert (tally(plan(), events), tally_quality(plan(), events, label)) == at_once


@given(seeds)
def test_dictionary_columns_count_as_their_values(seed):
    events, _ = wild(seed)
    half = len(events) // 2
    coded = events
    for name in ("carrier", "tail", "version"):
        column = events.column(name)
        # each chunk with a dictionary of its own
        encoded = pa.chunked_array(
            [c.combine_chunks().dictionary_encode() for c in (column[:half], column[half:])]
        )
        coded = coded.set_column(coded.column_names.index(name), name, encoded)
    assert tally(plan(), coded) == tally(plan(), events)


# -- and as SQL makes them


@given(seeds)
@settings(max_examples=10)
def test_rates_equal_sql(seed):
    events, _ = wild(seed)
    found = cells(tally(plan(), events))
    assert part(found, plan().rates) == sql(events, plan().rates, conditions_in_sql(plan()))


@given(seeds)
@settings(max_examples=10)
def test_shapes_and_delays_equal_sql(seed):
    events, _ = wild(seed)
    found = cells(tally(plan(), events))
    assert part(found, plan().shapes) == sql(events, plan().shapes, shapes_in_sql(plan()))
    assert part(found, plan().delays) == sql(events, plan().delays, shapes_in_sql(plan(), "delays"))


@given(seeds)
@settings(max_examples=10)
def test_quality_equals_sql(seed):
    events, label = wild(seed)
    found = cells(tally_quality(plan(), events, label))
    judged = events.append_column("truth", pa.array(label, from_pandas=True))
    assert part(found, plan().quality) == sql(judged, plan().quality, quality_in_sql(plan()))


def part(found: Counter, layout: Layout) -> dict:
    names = {s.name for s in layout.series}
    return {key: count for key, count in found.items() if key[2] in names}


def sql(events: pa.Table, layout: Layout, cells_sql: list[tuple[str, str, str]]) -> dict:
    """Counts by GROUP BY: ``cells_sql`` holds (series, cell, amount) expressions; NULL cells count
    nowhere."""
    scopes = {
        "service": "case when not shadow then 'service' end",
        "version": "case when not shadow and version <> '' then 'version=' || version end",
        "shadow": "case when shadow and version is not null then 'shadow=' || version end",
    }
    for column, values in plan().segments.items():
        inside = f"not shadow and {column} in ({words(values)})"
        scopes[f"segment {column}"] = f"case when {inside} then 'segment:{column}=' || {column} end"
    grains = {kind: layout.grains.get(kind.split()[0]) for kind in scopes}
    places = [
        f"struct_pack(scope := {scopes[kind]}, grain := {grain}::bigint)"
        for kind, grain in grains.items()
        if grain
    ]
    marks = [f"struct_pack(series := '{s}', cell := {c}, amount := ({a})::hugeint)" for s, c, a in cells_sql]
    with duckdb.connect() as con:
        con.register("events", events)
        found = con.execute(f"""
            with placed as (select *, unnest([{", ".join(places)}]) as place from events),
                 marked as (select place, epoch_us(time) as us, unnest([{", ".join(marks)}]) as mark
                            from placed)
            select place.scope, mark.series, mark.cell, us // (place.grain * 1000000), sum(mark.amount)
            from marked
            where place.scope is not null and mark.cell is not null group by all having sum(mark.amount) <> 0
        """).fetchall()
    return {(False, *key): int(count) for *key, count in found}


def num(value: float) -> str:
    return f"{float(value)!r}::double"


def words(values: tuple[str, ...]) -> str:
    return ", ".join("'" + v.replace("'", "''") + "'" for v in values) or "NULL"


def bin_in_sql(column: str, edges: tuple[float, ...]) -> str:
    inner = "[" + ", ".join(num(e) for e in edges[1:-1]) + "]::double[]"
    return (
        f"case when {column} is null or isnan({column}) then 'null' when {column} < {num(edges[0])} then "
        f"'below' "
        f"when {column} > {num(edges[-1])} then 'above' "
        f"else 'bin' || len(list_filter({inner}, lambda edge: edge <= {column})) end"
    )


def shapes_in_sql(plan: Plan, layout: str = "shapes") -> list[tuple[str, str, str]]:
    found = []
    for series in getattr(plan, layout).series:
        column = {"latency": "latency_ms"}.get(series.name, series.name.removeprefix("feature:"))
        cell = (
            bin_in_sql(column, series.edges)
            if series.kind != "category"
            else (
                f"case when {column} is null then 'null' when {column} in ({words(series.values)}) then '=' "
                f"|| {column} "
                f"when {column} in ({words(series.known)}) then 'other' else 'unseen' end"
            )
        )
        found.append((series.name, cell, "1"))
    return found


def conditions_in_sql(plan: Plan) -> list[tuple[str, str, str]]:
    p95 = num(plan.latency_p95)
    timed = "latency_ms is not null and not isnan(latency_ms)"
    holds = {
        "n": "true",
        "error": "error",
        "fallback": "rung not in ('', 'current')",
        "timed": timed,
        "slow": f"{timed} and latency_ms > {p95}",
        "very_slow": f"{timed} and latency_ms > {p95} * {num(1.25)}",
        "flag:toxic": "toxic",
        "flag:refused": "refused",
    }
    for series in plan.shapes.series:
        name = series.name.removeprefix("feature:")
        if name == series.name:
            continue
        if series.kind == "category":
            holds[f"null:{name}"] = f"{name} is null"
            holds[f"unseen:{name}"] = f"{name} not in ({words(series.values + series.known)})"
        else:
            low, high = series.edges[0], series.edges[-1]
            margin = (high - low) / 4
            holds[f"null:{name}"] = f"{name} is null or isnan({name})"
            out = f"{name} < {num(low - margin)} or {name} > {num(high + margin)}"
            holds[f"out:{name}"] = f"not isnan({name}) and ({out})"
    return [("rates", f"'{cell}'", f"coalesce({test}, false)::int") for cell, test in holds.items()]


def quality_in_sql(plan: Plan) -> list[tuple[str, str, str]]:
    tests = {
        "n": "true", "labelled": "truth is not null", "positive": "truth = 1",
        "judged": "truth is not null and prediction is not null", "correct": "truth = prediction",
    }  # fmt: skip
    found = [("labels", f"'{cell}'", f"coalesce({test}, false)::int") for cell, test in tests.items()]
    edges = plan.quality.by_name["negatives"].edges
    every = "[" + ", ".join(num(e) for e in edges) + "]"
    last = num(edges[-1])
    bins = (
        f"case when score > {last} then 'bin{len(edges)}' when score = {last} then 'bin{len(edges) - 1}' "
        f"when score is not null then 'bin' || len(list_filter({every}, lambda edge: edge <= score)) end"
    )
    found += [("negatives", f"case when truth = 0 then {bins} end", "1")]
    found += [("positives", f"case when truth = 1 then {bins} end", "1")]
    kept = f"least(greatest(score, {num(0.001)}), {num(0.999)})"
    gap = "(truth - score)"
    slope = f"({gap} * (ln({kept} / (1 - {kept})) - ({num(plan.logit_mean)})))"
    for cell, figure in {
        "bias": gap, "bias2": f"{gap} * {gap}", "slope": slope, "slope2": f"{slope} * {slope}",
        "absolute": f"abs({gap})",
    }.items():  # fmt: skip
        found.append(("moments", f"'{cell}'", f"coalesce(round_even(({figure}) * 1000000, 0)::bigint, 0)"))
    return found


# -- what counts where


def one(**values) -> pa.Table:
    """A single tame event with some values set."""
    event = logs.log(np.random.default_rng(1), np.array([logs.START * 1_000_000]))
    for name, value in values.items():
        field = pa.field(name, pa.bool_()) if name == "late" else event.schema.field(name)
        column = pa.array([value], field.type)
        if name in event.column_names:
            event = event.set_column(event.column_names.index(name), field, column)
        else:
            event = event.append_column(field, column)
    return event


def test_late_rows_are_counted_apart():
    events, _ = wild(5)
    late = np.random.default_rng(1).random(len(events)) < 0.3
    marked = events.append_column("late", pa.array(late))
    rows = tally(plan(), marked)
    expected = cells(tally(plan(), events.filter(pa.array(~late))))
    expected |= Counter(
        {(True, *k[1:]): v for k, v in cells(tally(plan(), events.filter(pa.array(late)))).items()}
    )
    assert cells(rows) == expected
    assert {row.late for row in rows} == {True, False}


def test_shadow_rows_are_in_shadow_scopes_and_nowhere_else():
    events = one(shadow=True, version="B")
    found = cells(tally(plan(), events) + tally_quality(plan(), events, np.ones(1)))
    assert {key[1] for key in found} == {"shadow=B"}


def test_a_shadow_row_that_names_no_version_is_in_no_scope():
    assert tally(plan(), one(shadow=True, version=None)) == []


def test_an_event_counts_in_its_service_version_and_each_of_its_segments():
    found = cells(tally(plan(), one(version="A", carrier="UA", device="phone")))
    assert {key[1] for key in found} == {"service", "version=A", "segment:carrier=UA", "segment:device=phone"}


def test_segment_values_the_reference_did_not_have_are_in_no_segment():
    found = cells(tally(plan(), one(carrier="rare", device=None)))
    assert {key[1] for key in found} == {"service", "version=A"}


@settings(max_examples=20)
@given(seeds, seeds)
def test_duplicates_are_counted_as_such_and_nowhere_else(seed, other):
    events, again = wild(seed)[0], wild(other)[0]
    added = cells(tally(plan(), events, again))
    added.subtract(cells(tally(plan(), events)))
    added = +added
    expected = {key: n for key, n in cells(tally(plan(), again)).items() if key[3] == "n"}
    assert added == {(*k[:3], "duplicate", *k[4:]): n for k, n in expected.items()}


def test_duplicates_of_judged_ticks_are_late_too():
    rows = tally(plan(), one().slice(0, 0), one(late=True))
    assert {(row.late, row.scope) for row in rows} >= {(True, "service")}
    assert not [row for row in rows if not row.late]


def test_a_column_that_is_gone_reads_as_null():
    events = one().drop_columns(["x", "tail"])
    found = cells(tally(plan(), events))
    tick = logs.START // 900
    assert found[False, "service", "feature:x", "null", tick] == 1
    assert found[False, "service", "feature:tail", "null", tick] == 1
    assert found[False, "service", "rates", "null:tail", tick * 15] == 1


def test_nothing_in_nothing_out():
    none = one().slice(0, 0)
    assert tally(plan(), none) == []
    assert tally(plan(), none, none) == []
    assert tally_quality(plan(), none, np.empty(0)) == []


# -- packing


@given(
    hnp.arrays(
        np.int64,
        st.tuples(st.integers(1, 5), st.integers(1, 5)),
        elements=st.one_of(st.integers(0, 300), st.integers(-(2**62), 2**62)),
    )
)
def test_packing_keeps_every_count(counts):
    body = pack(counts)
    assert (unpack(body, len(counts)) == counts).all()
    assert unpack(body, len(counts)).dtype == np.int64


@settings(max_examples=20)
@given(seeds, seeds, st.integers(-3, 30), st.integers(0, 30))
def test_stored_rows_add_up_to_whole_arrays(first, second, low, span):
    rows = tally(plan(), wild(first)[0]) + tally(plan(), wild(second)[0])
    layout, grain = plan().shapes, 900
    low += logs.START // grain
    arrays = add_up(rows, layout, grain, low, low + span)
    assert all(array.shape == (span, layout.width) for array in arrays.values())
    expected = Counter({
        (scope, series, cell, tick): count
        for (_, scope, series, cell, tick), count in cells(rows).items()
        if series in layout.by_name and low <= tick < low + span
    })  # fmt: skip
    found: Counter = Counter()
    names = [(s.name, c) for s in layout.series for c in s.cells]
    for scope, array in arrays.items():
        for tick, cell in zip(*np.nonzero(array), strict=True):
            found[scope.key, *names[cell], low + int(tick)] = int(array[tick, cell])
    assert found == expected


def test_rows_of_another_declaration_or_grain_never_mix():
    rows = tally(plan(), wild(5)[0])
    assert add_up(rows, plan().rates, 900, logs.START // 900, logs.START // 900 + 24).keys() == {
        Scope("segment", c, v) for c, values in plan().segments.items() for v in values
    }
    other = logs.plan(task="unknown", positive=None)
    assert other.rates.identity == plan().rates.identity  # the task changes nothing that is counted
    moved = Layout("rates", plan().rates.series, {**plan().rates.grains, "service": 120})
    assert add_up(rows, moved, 120, 0, 10) == {}


# -- memory


def peak(plan: Plan, events: pa.Table) -> float:
    tracemalloc.start()
    tally(plan, events)
    size = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return size / 1e6


@pytest.mark.parametrize("away", [-20 * 365, -3, 400])
def test_a_stray_row_far_away_does_not_blow_up_memory(away):
    rng = np.random.default_rng(0)
    times = (logs.START + rng.integers(0, SPAN, 1000)) * 1_000_000
    usual = peak(plan(), logs.log(rng, times))
    times[500] += away * 86_400 * 1_000_000
    assert peak(plan(), logs.log(rng, times)) < 1.5 * usual + 5


def test_rows_strewn_over_years_do_not_blow_up_memory():
    rng = np.random.default_rng(0)
    times = (logs.START + rng.integers(0, 20 * 365 * 86_400, 800)) * 1_000_000
    events = logs.log(rng, times)
    assert peak(plan(), events) < 150
    halves = tally(plan(), events.slice(0, 400)) + tally(plan(), events.slice(400))
    assert total(tally(plan(), events)) == total(halves)


def total(rows: list[CountsRow]) -> int:
    return sum(int(unpack(row.body, row.ticks).sum()) for row in rows)


# -- labels as numbers


def test_outcomes_of_each_task():
    number, word = pa.array([1.0, 0.0, None, 2.0]), pa.array(["yes", "no", None, "maybe"])
    assert outcome(logs.plan(), number).tolist() == pytest.approx([1, 0, np.nan, 2], nan_ok=True)
    assert outcome(logs.plan(positive="2"), number).tolist() == pytest.approx([0, 0, np.nan, 1], nan_ok=True)
    assert outcome(logs.plan(positive="yes"), word).tolist() == pytest.approx([1, 0, np.nan, 0], nan_ok=True)
    said = pa.array(["yes", "maybe", "no", "maybe"])
    assert outcome(logs.plan("multiclass"), word, said).tolist() == pytest.approx(
        [1, 0, np.nan, 1], nan_ok=True
    )
    assert outcome(logs.plan("regression"), number).tolist() == pytest.approx([1, 0, np.nan, 2], nan_ok=True)


def test_a_positive_class_in_words_does_not_break_on_numbers():
    found = outcome(logs.plan(positive="yes"), pa.array([1.0, 0.0, None]))
    assert found.tolist() == pytest.approx([0, 0, np.nan], nan_ok=True)


@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 2**20, 2**45, 2**56]))
def test_sums_are_exact_however_large(seed, most):
    rng = np.random.default_rng(seed)
    index, amounts = rng.integers(0, 5, 60), rng.integers(-most, most + 1, 60)
    expected = np.zeros(5, np.int64)
    np.add.at(expected, index, amounts)
    assert (grid._summed(index, amounts, 5) == expected).all()


def test_regression_sums_errors_in_units_of_the_predictions_spread():
    made = logs.plan("regression")
    events = one(prediction=1.0)
    found = cells(tally_quality(made, events, np.array([3.0])), made)
    tick = logs.START // 3600
    gap = (3.0 - 1.0) / made.error_scale
    assert made.error_scale == pytest.approx(float(np.nanstd(numbers(logs.reference(), "prediction"))))
    assert found[False, "service", "moments", "absolute", tick] == round(gap * 1e6)
    assert found[False, "service", "moments", "error2", tick] == round(gap**2 * 1e6)


def test_the_service_counts_every_event_once():
    events, _ = wild(77)
    counts = add_up(tally(plan(), events), plan().shapes, 900, logs.START // 900, (logs.START + SPAN) // 900)
    live = int((~events.column("shadow").to_numpy(zero_copy_only=False)).sum())
    for series in plan().shapes.series:
        assert counts[SERVICE][:, plan().shapes.span(series.name)].sum() == live
