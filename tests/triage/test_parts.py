"""Small parts: frames, cells, hours, words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from fireline.clock import micros
from fireline.terms.change import Change
from fireline.triage.book import Book, categorical_column, factorise, numeric_column, week_cells
from fireline.triage.case import Frame, Trace
from fireline.triage.words import change_name, clock, figure, length, listed, share, where
from tests.triage.scenes import runbook

AT = datetime(2026, 3, 20, 6, 0, tzinfo=UTC)


def frame(times: list[datetime], **columns: object) -> Frame:
    made = {k: np.asarray(v, dtype=object if isinstance(v[0], str) else None) for k, v in columns.items()}  # type: ignore[index]
    return Frame({"time": np.array([micros(t) for t in times]), **made})


def test_a_frame_without_time_or_of_uneven_length_is_refused() -> None:
    with pytest.raises(ValueError, match="time"):
        Frame({"x": np.zeros(2)})
    with pytest.raises(ValueError, match="2 rows, time has 1"):
        Frame({"time": np.zeros(1, dtype=np.int64), "x": np.zeros(2)})


def test_columns_that_are_not_there_read_as_unknown() -> None:
    f = frame([AT, AT])
    assert np.isnan(f.number("score")).all()
    assert f.words("region").tolist() == ["", ""]
    assert not f.yes("error").any()
    assert f.live().rows == 2


def test_numbers_written_as_words_are_read_and_other_words_are_not() -> None:
    f = frame([AT, AT], a=["1.5", ""], b=["x", "2"])
    assert f.number("a")[0] == 1.5
    assert np.isnan(f.number("a")[1])
    assert np.isnan(f.number("b")).all()


def test_a_trace_knows_when_its_ticks_start() -> None:
    t = Trace(AT, 900, *(np.zeros(4) for _ in range(4)))
    assert t.ticks == 4
    assert t.at(2) == AT + timedelta(minutes=30)


def test_missing_words_have_no_code() -> None:
    codes, words = factorise(np.array(["a", "", None, "b", "a"], dtype=object))
    assert codes[[1, 2]].tolist() == [-1, -1]
    assert words[codes[0]] == "a"


def test_normal_scores_have_mean_zero_and_variance_one_in_the_reference() -> None:
    rng = np.random.default_rng(0)
    column = numeric_column("x", np.exp(rng.normal(size=5000)), np.array([0.0, np.nan]))
    scores = column.scores[column.before]
    assert scores.mean() == pytest.approx(0, abs=1e-6)
    assert scores.var() == pytest.approx(1, abs=1e-6)
    assert column.after.tolist()[1] == -1


def test_a_heavy_value_has_a_cell_of_its_own() -> None:
    values = np.concatenate([np.zeros(500), np.random.default_rng(1).random(500)])
    column = numeric_column("x", values, values)
    cell = column.after[0]
    assert (column.after == cell).sum() == 500


def test_new_words_are_told_from_rare_ones() -> None:
    before = np.array([f"w{i % 80}" for i in range(4000)], dtype=object)
    column = categorical_column("k", before, np.array(["w1", "w79", "never"], dtype=object))
    assert column.labels[column.after[2]] == "(new)"
    assert column.labels[column.after[1]] in ("(rare)", "w79")


def test_seasons_follow_the_local_clock_through_daylight_saving() -> None:
    zone = ZoneInfo("America/New_York")
    before, after = datetime(2013, 3, 8, 17, tzinfo=UTC), datetime(2013, 3, 11, 16, tzinfo=UTC)
    cells = week_cells(np.array([micros(before), micros(after)]), zone)
    assert cells.tolist() == [4 * 24 + 12, 12]


def test_the_reference_is_weighted_to_the_hours_of_the_hit_rows() -> None:
    hours = [
        AT.replace(hour=h) - timedelta(days=d) for d in range(7, 12) for h in range(24) for _ in range(6)
    ]
    book = Book(frame(hours), frame([AT] * 10), runbook())
    weights = book.matched(np.ones(10, dtype=bool))
    used = book.before_cells[weights > 0] % 24
    assert set(used.tolist()) == {7}


def test_words() -> None:
    assert clock(AT, "UTC") == "20 Mar 06:00 UTC"
    assert clock(AT, "Europe/Berlin") == "20 Mar 07:00 CET"
    assert length(timedelta(minutes=1)) == "60 seconds"
    assert share(0.5) == "50 %"
    assert figure(None, "share") == "unknown"
    assert figure(0.7123, "AUC") == "0.712"
    assert where({"carrier": "UA"}) == "carrier = UA"
    assert where({"distance": [100.0, 450.0]}) == "distance 100 to 450"
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert listed(["a"]) == "a"
    assert "B" in change_name(Change(AT, "deploy", "new features", "s", "B"), "UTC")
