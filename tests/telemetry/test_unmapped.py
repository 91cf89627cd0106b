"""Columns nobody mapped: which rows bring them, however the log came in and was cut."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pv
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fireline import sources
from fireline.runbook.schema import Columns
from fireline.sources.jsonl import pieces
from fireline.telemetry.intake import Intake
from fireline.telemetry.unmapped import UNMAPPED, names_beside, names_in

COLUMNS = Columns(time="time", features={"x": "numeric"}, score="score", ignore=("debug",))
VALUES = st.sampled_from(
    [None, "", {}, {"a": None}, {"a": 1}, {"a": {"b": "x"}}, [1, 2], "word", 7, 0, 2.5, False]
)
ROWS = st.lists(
    st.dictionaries(st.sampled_from(["meta", "extra", "debug", "x.y", "host"]), VALUES, max_size=4),
    min_size=1, max_size=12,
)  # fmt: skip


def _lines(rows):
    return [
        json.dumps({"time": f"2026-03-01T00:00:{i:02d}Z", "score": 0.5, "x": 1.0, **row})
        for i, row in enumerate(rows)
    ]


def _taken(lines, columns=COLUMNS):
    intake = Intake(columns)
    found = []
    for piece in pieces(Path("log.jsonl"), stream=io.BytesIO("\n".join(lines).encode())):
        found += intake.take(piece, "log").events.column(UNMAPPED).to_pylist()
    return found


def _wanted(row):
    def there(value):
        if isinstance(value, dict):
            return any(there(inner) for inner in value.values())
        return value is not None and value != ""

    names = {name.split(".")[0] for name, value in row.items() if there(value)}
    return tuple(sorted(names - {"debug", "host", "x"}))


@settings(max_examples=60, deadline=None)
@given(ROWS, st.data())
def test_a_row_brings_what_it_holds_however_the_log_is_cut(rows, data):
    lines = _lines(rows)
    cut = data.draw(st.integers(0, len(lines)))
    parts = [part for part in (lines[:cut], lines[cut:]) if part]
    assert names_in(_taken(lines)) == [_wanted(row) for row in rows]
    assert [text for part in parts for text in _taken(part)] == _taken(lines)


def test_keys_of_an_object_that_is_mapped_in_part_are_told_apart():
    named = frozenset({"in.age", "time"})
    assert names_beside(["time", "in.age", "in.height", "meta.a.b"], named) == {
        "in.height": "in.height", "meta.a.b": "meta",
    }  # fmt: skip


def test_csv_parquet_and_arrow_say_the_same(tmp_path):
    table = pa.table({
        "time": ["2026-03-01T00:00:00Z", "2026-03-01T00:00:01Z", "2026-03-01T00:00:02Z"],
        "score": [0.1, 0.2, 0.3], "x": [1.0, 2.0, 3.0], "coupon": [None, 4.0, None],
        "note": [None, "hm", "so"], "debug": [1, 2, 3],
    })  # fmt: skip
    pv.write_csv(table, tmp_path / "log.csv")
    pq.write_table(table, tmp_path / "log.parquet")
    (tmp_path / "log.jsonl").write_text("\n".join(json.dumps(row) for row in table.to_pylist()))
    for end in ("csv", "parquet", "jsonl"):
        intake = Intake(COLUMNS)
        found = []
        for piece in sources.read(tmp_path / f"log.{end}", only=intake.readable):
            assert "debug" not in piece.table.column_names
            found += intake.take(piece, "log").events.column(UNMAPPED).to_pylist()
        assert names_in(found) == [(), ("coupon", "note"), ("note",)], end


@pytest.mark.parametrize("row", [{}, {"debug": "secret"}, {"host": "a", "rung": "current"}])
def test_what_is_ignored_or_a_guards_own_is_nothing_new(row):
    assert _taken(_lines([row])) == [None]


def test_no_value_of_a_column_nobody_mapped_goes_on():
    lines = _lines([{"note": "my card is 4111"}, {"note": {"card": "4111"}, "x": "none of it"}])
    intake = Intake(COLUMNS)
    went_on = []
    for piece in pieces(Path("log.jsonl"), stream=io.BytesIO("\n".join(lines).encode())):
        taken = intake.take(piece, "log")
        went_on += taken.events.to_pylist() + taken.rejected.to_pylist()
    assert len(went_on) == 2
    assert "4111" not in json.dumps(went_on, default=str)
