"""Columns of unexpected names, with a few broken rows: they are read by what nearly all values are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from fireline.clock import micros
from fireline.errors import InputError
from fireline.runbook.draft import draft
from fireline.runbook.infer import infer_columns
from fireline.runbook.looks import NO_TIME, instants, is_epoch, look_at
from fireline.runbook.task import infer_task
from fireline.terms.flags import family_of_flag

START = datetime(2026, 2, 2, tzinfo=UTC)
N = 400


def times(unit: float = 1.0) -> np.ndarray[Any, Any]:
    """[N] a minute apart, in ``unit`` of a second since 1970."""
    return (micros(START) / 1e6 + 60.0 * np.arange(N)) / unit


def chat(**more: Any) -> pa.Table:
    rng = np.random.default_rng(1)
    words = ["where", "is", "my", "parcel", "and", "when", "will", "it", "come", "please", "help", "me"]
    said = [" ".join(rng.choice(words, 9)) for _ in range(N)]
    held = {
        "created": times(),
        "turn_uuid": [f"t{i}" for i in range(N)],
        "user_message": said,
        "assistant_message": [f"You asked: {one}" for one in said],
    }
    return pa.table(held | more)


@pytest.mark.parametrize("broken", [0.0, -1.0, 1e300], ids=["zero", "negative", "vast"])
@pytest.mark.parametrize("unit", [1.0, 1e-3, 1e-6], ids=["seconds", "milliseconds", "microseconds"])
def test_a_few_broken_rows_do_not_hide_a_time_in_numbers(unit: float, broken: float) -> None:
    told = times(unit)
    told[7] = broken
    table = pa.table({"created": told})
    assert is_epoch(look_at(table)["created"])
    found = instants(table.column("created"))
    assert found[7] == NO_TIME
    assert abs(found[8] - micros(START + timedelta(minutes=8))) <= 1
    assert (np.delete(found, 7) != NO_TIME).all()


def test_a_time_in_whole_numbers_keeps_its_last_digit() -> None:
    exact = micros(START) + 1
    column = pa.chunked_array([pa.array([exact * 1000 + 999] * 60 + [0], pa.int64())])
    assert instants(column).tolist() == [exact] * 60 + [NO_TIME]


def test_a_forecast_with_a_time_of_its_own_is_foretold_by_neither_time_nor_key() -> None:
    at = times(1e-3).astype(np.int64)
    at[3] = 0
    sold = np.random.default_rng(2).poisson(20, N)
    table = pa.table(
        {
            "prediction_ts": at,
            "forecast_key": np.arange(N) + 10_000_000,
            "filiale": np.arange(N) % 12 + 1,
            "prognose_stueck": sold + np.arange(N) % 5,
            "absatz_ist": sold,
            "absatz_ts": pa.array([START + timedelta(minutes=i, hours=14) for i in range(N)]),
        }
    )
    columns, notes = infer_columns(table)
    assert columns.time == "prediction_ts"
    assert columns.request_id == "forecast_key"
    assert (columns.prediction, columns.label, columns.label_time) == (
        "prognose_stueck",
        "absatz_ist",
        "absatz_ts",
    )
    assert columns.features == {"filiale": "categorical"}
    assert list(columns.segments) == ["filiale"]
    assert all(notes[name] for name in ("prediction_ts", "forecast_key", "absatz_ist"))


@pytest.mark.parametrize(
    ("name", "values", "is_one"),
    [
        ("model_build", ["fraudnet-2.3", "fraudnet-2.4"], True),
        ("net", ["resnet-9"], True),
        ("llm", ["assistant-large-1"], True),
        ("app_build", ["ios-17"], False),
        ("net", ["blue", "red"], False),
        ("car_model", ["A4", "Q5"], False),
    ],
)
def test_a_version_is_told_by_its_name_and_its_values(name: str, values: list[str], is_one: bool) -> None:
    table = pa.table(
        {"ts": times(), "score": np.linspace(0, 1, N), name: [values[i % len(values)] for i in range(N)]}
    )
    columns, _ = infer_columns(table)
    assert columns.version == (name if is_one else None)


def test_beside_prose_a_tool_is_a_tool_declined_a_refusal_and_finish_a_status() -> None:
    rng = np.random.default_rng(3)
    table = chat(
        tool=rng.choice(["refund", "lookup"], N),
        declined=rng.random(N) < 0.1,
        finish=rng.choice(["ok", "timeout"], N, p=[0.9, 0.1]),
    )
    columns, _ = infer_columns(table)
    assert infer_task(table, columns)[0] == "llm"
    assert (columns.time, columns.tools, columns.status) == ("created", "tool", "finish")
    assert list(columns.flags) == ["declined"]
    assert family_of_flag("declined") == "refusal_rate"
    assert not {"tool", "declined", "finish"} & set(columns.features)


def test_without_prose_they_are_inputs_like_any_other() -> None:
    rng = np.random.default_rng(3)
    table = pa.table(
        {
            "ts": times(),
            "score": rng.random(N),
            "tool": rng.choice(["lathe", "mill"], N),
            "declined": rng.random(N) < 0.1,
        }
    )
    columns, _ = infer_columns(table)
    assert columns.tools is None
    assert set(columns.features) == {"tool", "declined"}


def test_words_that_say_nothing_of_how_it_went_are_no_status() -> None:
    table = chat(finish=["matt" if i % 2 else "error" for i in range(N)])
    assert infer_columns(table)[0].status is None


def test_a_role_that_is_mistyped_is_guessed_at() -> None:
    with pytest.raises(InputError, match="there is no role lable") as told:
        infer_columns(chat(), roles={"lable": "turn_uuid"})
    assert told.value.todo.startswith("did you mean label?")


def test_too_few_events_are_not_blamed_on_the_end_of_the_reference() -> None:
    few = chat().slice(0, 3)
    with pytest.raises(InputError, match="only 3 events with a time") as told:
        draft(few, "chat", START + timedelta(days=9))
    assert "--until" not in told.value.todo
