"""Lengths of time as people write them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fireline.runbook.durations import parse_duration, say_duration, write_duration


@given(st.timedeltas(timedelta(0), timedelta(days=4000)))
def test_what_is_written_reads_back(length: timedelta) -> None:
    assert abs(parse_duration(write_duration(length)) - length) < timedelta(microseconds=2)


@given(st.integers(0, 10**6), st.sampled_from("smhdw"))
def test_whole_units_read_back_exactly(number: int, unit: str) -> None:
    length = parse_duration(f"{number}{unit}")
    assert parse_duration(write_duration(length)) == length


@pytest.mark.parametrize(
    "text", ["", "5", "m", "5 minutes", "-5m", "1h-", "5M", "1.2.3h", "99999999999999999999w"]
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="length of time"):
        parse_duration(text)


def test_it_is_said_in_words() -> None:
    assert [say_duration(parse_duration(t)) for t in ("1h", "36h", "2w", "90s")] == [
        "1 hour", "36 hours", "14 days", "90 seconds",
    ]  # fmt: skip
