"""A census counts what cells would: every value in its bin, below, above or null."""

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from fireline.telemetry.census import Census, numeric_counts
from fireline.telemetry.columns import numbers, unfilled
from fireline.telemetry.layout import numeric_cells, numeric_series

figures = st.floats(allow_nan=True, allow_infinity=True)


@given(
    st.lists(figures, max_size=60), st.lists(st.one_of(figures, st.integers(-3, 3).map(float)), max_size=200)
)
def test_a_census_counts_what_cells_count(reference, values):
    series = numeric_series("x", np.array(reference, float), "", 900)
    asked = np.array([*values, *series.edges], float)
    cells = np.bincount(numeric_cells(series, asked), minlength=series.width)
    assert numeric_counts(series, asked).tolist() == cells.tolist()


@given(st.integers(0, 10_000), st.integers(1, 50))
def test_a_census_adds_up_over_pieces_and_parts_by_segment(seed, size):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 120))
    values = np.where(rng.random(n) < 0.1, np.nan, rng.normal(0, 1, n))
    words = rng.choice(["a", "b", "rare"], n)
    gone = rng.random(n) < 0.1  # missing by Arrow's bits, with a value under them that must not count
    table = pa.table({"x": pa.array(values, mask=gone), "s": pa.array(words, mask=rng.random(n) < 0.1)})
    values = np.where(gone, np.nan, values)
    series = {"x": numeric_series("x", values[n // 3 :], "", 900)}
    pieces = [table.slice(i, size) for i in range(0, n, size)]
    assert Census(series).add(pieces).whole["x"].tolist() == numeric_counts(series["x"], values).tolist()
    parts = Census(series, "s", ("a", "b", "none")).add(pieces).parts
    said = table.column("s").to_pylist()
    for value in ("a", "b", "none"):
        mine = np.array([v for v, s in zip(values, said, strict=True) if s == value], float)
        assert parts[value, "x"].tolist() == numeric_counts(series["x"], mine).tolist()


@given(st.lists(st.one_of(st.none(), st.integers(-1000, 1000), figures), max_size=100), st.data())
def test_an_unfilled_column_is_the_column_wherever_it_is_cut(values, data):
    """Whichever type it has, however many chunks, from whichever bit on."""
    kind = data.draw(st.sampled_from([pa.float64(), pa.float32(), pa.int64()]))
    if kind == pa.int64():
        values = [v if isinstance(v, int) else None for v in values]
    floats = pa.array([None if v is None else float(v) for v in values], pa.float64())
    table = pa.table({"x": floats.cast(kind, safe=False)})
    table = pa.concat_tables([table, table])
    low = data.draw(st.integers(0, len(table)))
    part = table.slice(low, data.draw(st.integers(0, len(table))))
    found, there = unfilled(part, "x")
    filled = np.where(there, found, np.nan) if there is not None else found
    np.testing.assert_array_equal(filled, numbers(part, "x"))
