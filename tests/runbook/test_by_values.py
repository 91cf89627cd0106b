"""Roles told by what values do, where no well-known name gives them, and what must not be taken for one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fireline.errors import InputError
from fireline.runbook.infer import infer_columns
from fireline.runbook.task import infer_task

ROWS = 400
SINCE = datetime(2026, 3, 2, tzinfo=UTC)
CLASSES = ("ok", "dent", "scratch")


def log(**more: Any) -> pa.Table:
    """A log of times and one input, and the columns asked for."""
    rng = np.random.default_rng(3)
    times = [SINCE + timedelta(minutes=7 * i) for i in range(ROWS)]
    return pa.table({"ts": times, "width": rng.normal(size=ROWS), **more})


def scores() -> np.ndarray:
    return np.random.default_rng(4).uniform(size=ROWS).round(4)


def test_an_id_is_told_by_its_name_and_because_every_value_differs() -> None:
    columns, notes = infer_columns(log(image_id=[f"img-{i}" for i in range(ROWS)]))
    assert columns.request_id == "image_id"
    assert "every value differs" in notes["image_id"]


def test_an_id_that_comes_again_would_make_copies_of_requests_and_is_none() -> None:
    columns, _ = infer_columns(log(camera_id=[f"cam-{i % 300}" for i in range(ROWS)]))
    assert columns.request_id is None


def test_a_version_of_the_phone_is_none_of_the_model() -> None:
    columns, _ = infer_columns(log(app_version=["7.1", "7.2"] * (ROWS // 2)))
    assert columns.version is None
    columns, _ = infer_columns(log(app_version=["7.1"] * ROWS, detector_version=["d3"] * ROWS))
    assert columns.version == "detector_version"


@settings(max_examples=12)
@given(line=st.floats(0.1, 0.9), above=st.booleans())
def test_what_says_yes_beyond_one_line_of_the_score_is_the_decision(line: float, above: bool) -> None:
    score = scores()
    yes = (score >= line) if above else (score < line)
    columns, notes = infer_columns(log(risk_score=score, held_back=yes))
    assert columns.prediction == "held_back"
    assert ("at least" if above else "below") in notes["held_back"]


def test_what_the_score_only_leans_towards_is_no_decision() -> None:
    score = scores()
    columns, _ = infer_columns(
        log(risk_score=score, opened=np.random.default_rng(5).uniform(size=ROWS) < score)
    )
    assert columns.prediction is None


def test_classes_as_predicted_are_the_truth_unless_they_are_of_before() -> None:
    said = np.array(CLASSES)[np.random.default_rng(6).integers(0, 3, ROWS)]
    seen = np.where(np.random.default_rng(7).uniform(size=ROWS) < 0.8, said, "ok")
    columns, _ = infer_columns(log(predicted_class=said, checked_by_hand=seen))
    assert columns.label == "checked_by_hand"
    columns, _ = infer_columns(log(predicted_class=said, last_class=seen))
    assert columns.label is None


def test_thumbs_under_an_answer_in_prose_are_its_label_and_the_task_stays_a_chat() -> None:
    answers = [f"Of course, I have looked at order {i} for you and it is on its way." for i in range(ROWS)]
    table = log(completion=answers, thumbs_up=[None, True, None, False] * (ROWS // 4))
    columns, _ = infer_columns(table)
    assert columns.label == "thumbs_up"
    assert infer_task(table, columns)[0] == "llm"


def test_clicks_are_the_truth_of_a_share_foretold_where_money_is_the_outcome() -> None:
    clicked = (np.random.default_rng(8).uniform(size=ROWS) < 0.2).astype(int)
    columns, _ = infer_columns(log(ctr_pred=scores(), clicked=clicked, revenue=clicked * 2.5))
    assert (columns.label, columns.outcome) == ("clicked", "revenue")


def test_the_only_later_time_is_when_the_truth_came_and_an_earlier_one_is_not() -> None:
    label = (np.random.default_rng(9).uniform(size=ROWS) < 0.3).astype(int)
    later = [SINCE + timedelta(minutes=7 * i, days=2) for i in range(ROWS)]
    columns, _ = infer_columns(log(risk_score=scores(), is_fraud=label, settled_on=later))
    assert columns.label_time == "settled_on"
    before = [SINCE + timedelta(minutes=7 * i, days=-2) for i in range(ROWS)]
    columns, _ = infer_columns(log(risk_score=scores(), is_fraud=label, account_opened=before))
    assert columns.label_time is None


def test_tools_lengths_of_time_groups_and_columns_without_a_name() -> None:
    table = log(
        tool_calls=['[{"function": {"name": "search"}}]', "[]"] * (ROWS // 2),
        inference_seconds=np.random.default_rng(10).gamma(3, 0.02, ROWS),
        user_age_band=["18-24", "25-34"] * (ROWS // 2),
        **{"": ["x", "y"] * (ROWS // 2)},
    )
    columns, notes = infer_columns(table)
    assert columns.tools == "tool_calls"
    assert (columns.latency_ms, columns.latency_unit) == ("inference_seconds", "s")
    assert columns.groups == ("user_age_band",)
    assert "" in columns.ignore
    assert "no name" in notes[""]


def test_a_time_in_a_form_that_cannot_be_read_is_named_with_what_to_write() -> None:
    odd = pa.table({"Zeitpunkt": [f"{1 + i % 28}. März 2026, 6 Uhr" for i in range(60)], "width": [1.5] * 60})
    with pytest.raises(InputError, match="`Zeitpunkt` is called a time") as told:
        infer_columns(odd)
    assert "2026-03-01T06:00:00Z" in told.value.todo
