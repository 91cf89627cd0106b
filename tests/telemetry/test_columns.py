"""Columns of a batch as arrays, whatever form arrow holds them in."""

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fireline.telemetry.columns import Words, booleans, codes, has, numbers, recode, times

texts = st.lists(st.one_of(st.none(), st.sampled_from(["a", "b", "", "None", "ü", "\x00"])), max_size=30)


def forms(values: list) -> list[pa.Table]:
    """The same column plain, in chunks, coded, coded chunk by chunk, sliced."""
    plain = pa.array(values, pa.string())
    half = len(values) // 2
    chunks = [plain[:half], plain[half:]]
    found = [
        plain,
        plain.cast(pa.large_string()),
        pa.chunked_array(chunks, pa.string()),
        plain.dictionary_encode(),
        pa.chunked_array([c.dictionary_encode() for c in chunks], pa.dictionary(pa.int32(), pa.string())),
        pa.concat_arrays([pa.array(["x"], pa.string()), plain])[1:],
        pa.DictionaryArray.from_arrays(pa.array([0] * len(values), pa.int8()), pa.array([None], pa.string()))
        if not any(v is not None for v in values)
        else plain,
    ]
    return [pa.table({"c": column}) for column in found]


@given(texts)
def test_codes_name_each_value_whatever_its_form(values):
    for table in forms(values):
        found, names = codes(table, "c")
        assert [None if c < 0 else names[c] for c in found] == values
        assert found.dtype == np.int64


@given(texts)
def test_words_are_coded_once(values):
    words = Words(forms(values)[0])
    assert words.codes("c") is words.codes("c")


def test_recode_maps_known_values_missing_and_others():
    found = recode(np.array([0, 1, -1, 2]), ["a", "b", "c"], {"a": 7, "c": 9}, missing=-5, other=3)
    assert found.tolist() == [7, 3, -5, 9]
    assert recode(np.array([-1, -1]), [], {}, missing=1, other=2).tolist() == [1, 1]


@pytest.mark.parametrize("kind", [pa.float64(), pa.float32(), pa.int64(), pa.int8(), pa.uint16()])
def test_numbers_are_float64_with_nan_where_missing(kind):
    table = pa.table({"c": pa.chunked_array([pa.array([1, None], kind), pa.array([3], kind)])})
    found = numbers(table, "c")
    assert found.dtype == np.float64
    assert found.tolist() == pytest.approx([1, np.nan, 3], nan_ok=True)


def test_a_column_of_nothing_is_nan():
    assert np.isnan(numbers(pa.table({"c": pa.nulls(2)}), "c")).all()


def test_missing_truth_values_are_false():
    assert booleans(pa.table({"c": pa.array([True, None, False])}), "c").tolist() == [True, False, False]
    assert booleans(pa.table({"c": pa.nulls(2)}), "c").tolist() == [False, False]
    assert booleans(pa.table({"c": pa.array([1, 0, None])}), "c").tolist() == [True, False, False]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_times_are_microseconds_whatever_the_unit(unit):
    at = datetime(2013, 3, 18, 6, 0, 1, tzinfo=UTC)
    table = pa.table({"time": pa.array([at], pa.timestamp(unit, "America/New_York"))})
    assert times(table).tolist() == [int(at.timestamp()) * 1_000_000]


def test_has_tells_of_columns():
    table = pa.table({"c": [1]})
    assert has(table, "c")
    assert not has(table, "d")
