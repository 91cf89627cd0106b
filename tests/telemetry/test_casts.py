"""Raw columns as numbers, text and times: what is read, and which rows are not."""

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fireline.telemetry.casts import plain, to_number, to_text, to_truth
from fireline.telemetry.instants import read_instant, read_instants

AT = datetime(2013, 3, 18, 6, 30, 15, 250_000, tzinfo=UTC)


@given(st.lists(st.none() | st.floats(allow_nan=False)))
def test_numbers_survive_being_written_as_text(values):
    numbers = to_number(pa.array(values, pa.float64())).values
    written = to_number(pa.array([None if v is None else repr(v) for v in values], pa.string()))
    assert not written.bad.any()
    assert written.values.equals(numbers)


NUMBERS, NAUGHTS, WORDS = (
    {"1", " 2.5 ", "1e3", "Infinity"},
    {"", "NaN"},
    {"x", "0x10", "1_0", "-", ".", "--1", "é"},
)


@given(st.lists(st.sampled_from(sorted(NUMBERS | NAUGHTS | WORDS))))
def test_only_what_is_no_number_is_bad(words):
    cast = to_number(pa.array(words, pa.string()))
    assert cast.bad.tolist() == [word in WORDS for word in words]
    assert [v is not None for v in cast.values.to_pylist()] == [word in NUMBERS for word in words]


@pytest.mark.parametrize("column", [
    pa.array([1, None, 0], pa.int8()), pa.array([True, None, False]), pa.array([1.0, np.nan, 0.0]),
    pa.array(["1", None, "0"]), pa.array(["1", None, "0"], pa.large_string()), pa.array([b"1", None, b"0"]),
    pa.array(["1", None, "0"]).dictionary_encode(), pa.array([1, None, 0], pa.decimal128(5, 2)),
    pa.chunked_array([pa.array([1.0]), pa.array([None, 0.0])]), pa.array([1, None, 0], pa.uint64()),
])  # fmt: skip
def test_numbers_of_every_type(column):
    assert to_number(column).values.to_pylist() == [1.0, None, 0.0]
    assert not to_number(column).bad.any()
    assert to_truth(column).values.to_pylist() == [True, False, False]


def test_columns_that_cannot_be_numbers():
    for column in (pa.array([[1], None]), pa.array([AT, None])):
        assert to_number(column).bad.tolist() == [True, False]


def test_bytes_that_are_no_text_harm_nobody_else():
    assert plain(pa.array([b"a", b"\xff", None])).to_pylist() == ["a", "\ufffd", None]


def test_text_of_every_type():
    assert to_text(pa.array([1, None])).values.to_pylist() == ["1", None]
    assert to_text(pa.array([1.0, 1.5, 2.0**40, np.nan])).values.to_pylist() == ["1", "1.5", str(2**40), None]
    assert to_text(pa.array([True, None])).values.to_pylist() == ["true", None]
    assert to_text(pa.array(["True", "x", "", None])).values.to_pylist() == ["true", "x", None, None]
    assert to_text(pa.array([None, None])).values.to_pylist() == [None, None]


@pytest.mark.parametrize("value", [
    "2013-03-18T06:30:15.250Z", "2013-03-18 06:30:15.250000", "2013-03-18T02:30:15.25-04:00",
    "2013-03-18T02:30:15.25-0400", "2013-03-18 06:30:15.250 UTC", " 2013-03-18 06:30:15.25 +00:00",
    "2013/03/18 06:30:15.25",
    1363588215.25, 1363588215250, 1363588215250000, 1363588215250000000, "1363588215.25", "1363588215250",
    "1363588215250000000",
])  # fmt: skip
def test_a_time_in_many_forms(value):
    assert read_instants(pa.array([value])).array().to_pylist() == [AT]
    assert read_instants(pa.array([value, None])).array().to_pylist() == [AT, None]
    assert read_instant(value) == AT


def test_times_in_mixed_forms():
    found = read_instants(
        pa.array(["2013-03-18T06:30:15.25Z", "1363588215250", "soon", "", None, "2013-03-18 06:30:15.25"])
    )
    assert found.array().to_pylist() == [AT, AT, None, None, None, AT]
    assert found.bad.tolist() == [False, False, True, False, False, False]
    assert found.missing.tolist() == [False, False, False, True, True, False]
    assert found.without_offset


@pytest.mark.parametrize(
    "column",
    [
        pa.array([AT.replace(tzinfo=None)], pa.timestamp("ms")),
        pa.array([AT], pa.timestamp("ns", "America/New_York")),
        pa.array([AT], pa.timestamp("us", "UTC")).dictionary_encode(),
    ],
)
def test_timestamps_of_every_type(column):
    assert read_instants(column).array().to_pylist() == [AT]


def test_wall_clock_times_around_the_change_of_clocks():
    text = pa.array(["2013-03-10 01:59", "2013-03-10 02:30", "2013-03-10 03:00", "2013-11-03 01:30"])
    hours = [at.hour + at.minute / 60 for at in read_instants(text, "America/New_York").array().to_pylist()]
    assert hours == [6 + 59 / 60, 7, 7, 5.5]


@given(st.lists(st.none() | st.datetimes(datetime(1990, 1, 1), datetime(2099, 1, 1)), min_size=1))
def test_times_survive_every_way_of_writing_them(values):
    stamps = pa.array(values, pa.timestamp("us", "UTC"))
    micros = stamps.cast(pa.int64())
    text = pa.array([None if v is None else v.isoformat() for v in values], pa.string())
    assert read_instants(stamps).array().equals(stamps)
    assert read_instants(text).array().equals(stamps)
    nanos = pa.array([None if v is None else v * 1000 for v in micros.to_pylist()], pa.int64())
    big = pa.array([v is not None and abs(v) > 10**14 for v in micros.to_pylist()])
    assert read_instants(nanos).array().filter(big).equals(stamps.filter(big))


def test_what_cannot_be_read_says_nothing_of_offsets():
    assert not read_instants(pa.array(["2013-03-18T06:30:15Z", "soon"])).without_offset


@pytest.mark.parametrize("value", ["", "soon", None, True, [1]])
def test_what_is_no_time(value):
    with pytest.raises(ValueError, match="not a time"):
        read_instant(value)
