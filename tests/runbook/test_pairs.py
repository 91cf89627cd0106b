"""Roles told by two columns that belong together, and times that CSV writes as digits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fireline.clock import micros
from fireline.runbook.draft import draft
from fireline.runbook.infer import infer_columns
from fireline.runbook.looks import NO_TIME, instants
from fireline.runbook.task import infer_task

ROWS = 600
SINCE = datetime(2026, 3, 2, tzinfo=UTC)


def log(rng: Any, **more: Any) -> pa.Table:
    times = [SINCE + timedelta(minutes=7 * i) for i in range(ROWS)]
    return pa.table({"ts": times, "width": rng.normal(size=ROWS), **more})


@settings(max_examples=40)
@given(
    at=st.integers(1_000_000_000, 4_000_000_000),
    unit=st.sampled_from((1, 1_000, 1_000_000, 1_000_000_000)),
    blank=st.booleans(),
)
def test_digits_in_text_count_from_1970_whatever_year_their_first_four_spell(
    at: int, unit: int, blank: bool
) -> None:
    texts = [f" {at * unit}", str((at + 1) * unit), *([""] if blank else [])]
    found = instants(pa.chunked_array([texts]))
    assert found[:2].tolist() == [at * 1_000_000, (at + 1) * 1_000_000]
    assert (found[2:] == NO_TIME).all()


def test_digits_and_dates_may_stand_in_one_column() -> None:
    found = instants(pa.chunked_array([["1788220817890", "2026-03-02T00:00:00Z", "soon"]]))
    assert found.tolist() == [1_788_220_817_890_000, micros(SINCE), NO_TIME]
    assert instants(pa.chunked_array([["1788220828.5"]])).tolist() == [1_788_220_828_500_000]


def test_a_csv_whose_times_are_digits_gives_all_of_its_past_as_the_reference() -> None:
    since = datetime(2026, 9, 1, tzinfo=UTC)
    at = [int((since + timedelta(minutes=9 * i)).timestamp() * 1000) for i in range(3_000)]
    table = pa.table({"TXN_TS": [str(t) for t in at], "amount": [str(1 + i % 97) for i in range(3_000)]})
    made = draft(table, "cards", since + timedelta(days=14))
    assert made.runbook.reference.since == since


@pytest.mark.parametrize("truth", ["actual_s", "actual_minutes", "observed_duration"])
def test_the_number_nearest_to_what_came_true_is_what_was_foretold(truth: str) -> None:
    rng = np.random.default_rng(1)
    came = rng.lognormal(6, 0.5, ROWS)
    table = log(
        rng, eta_s=came * rng.normal(1, 0.1, ROWS), distance_m=came * rng.lognormal(2, 0.4, ROWS),
        **{truth: came},
        delivered_at=[SINCE + timedelta(minutes=7 * i + 20) for i in range(ROWS)],
    )  # fmt: skip
    columns, notes = infer_columns(table)
    assert (columns.prediction, columns.label, columns.label_time) == ("eta_s", truth, "delivered_at")
    assert "nearest" in notes["eta_s"]
    assert infer_task(table, columns)[0] == "regression"
    assert "distance_m" in columns.features


def test_a_number_that_only_goes_with_the_truth_foretells_nothing() -> None:
    rng = np.random.default_rng(2)
    came = rng.lognormal(6, 0.5, ROWS)
    columns, _ = infer_columns(log(rng, distance_m=came * 7, rain=rng.normal(size=ROWS), actual_s=came))
    assert columns.prediction is None
    assert columns.label is None


def test_the_score_of_a_ranking_need_be_no_probability() -> None:
    rng = np.random.default_rng(3)
    more = {"query_id": np.arange(ROWS) // 10, "position": 1 + np.arange(ROWS) % 10}
    columns, _ = infer_columns(log(rng, ltr_score=rng.normal(3, 2, ROWS), **more))
    assert columns.score == "ltr_score"
    columns, _ = infer_columns(log(rng, ltr_score=rng.normal(3, 2, ROWS)))
    assert columns.score is None


def test_what_the_score_foretells_beside_the_time_it_became_known_is_the_label() -> None:
    rng = np.random.default_rng(4)
    score = rng.uniform(size=ROWS)
    flag = [int(v) if i < 500 else None for i, v in enumerate(rng.uniform(size=ROWS) < score)]
    known = [SINCE + timedelta(minutes=7 * i, days=3) if i < 500 else None for i in range(ROWS)]
    columns, notes = infer_columns(log(rng, p_fraud=score, cb_flag=flag, cb_ts=known))
    assert (columns.score, columns.label, columns.label_time) == ("p_fraud", "cb_flag", "cb_ts")
    assert "became known" in notes["cb_flag"]
    other = [None if i % 3 else t for i, t in enumerate(known)]
    columns, notes = infer_columns(log(rng, p_fraud=score, cb_flag=flag, cb_ts=other))
    assert columns.label is None
    assert "say so" in notes["cb_flag"]


@pytest.mark.parametrize(
    ("good", "bad", "positive"),
    [("up", "down", "up"), ("good", "bad", "good"), (1, -1, "1"), (1, 0, None), ("yes", "no", "yes")],
)
def test_how_people_said_that_they_liked_an_answer(good: Any, bad: Any, positive: str | None) -> None:
    rng = np.random.default_rng(5)
    said = [good if u < 0.6 else bad for u in rng.uniform(size=ROWS)]
    answers = [f"Of course, I have looked at order {i} for you and it is on its way." for i in range(ROWS)]
    made = draft(log(rng, completion=answers, thumbs=said), "chat", SINCE + timedelta(days=2))
    assert (made.runbook.task, made.runbook.columns.label) == ("llm", "thumbs")
    assert made.runbook.labels is not None
    assert made.runbook.labels.positive == positive


def test_an_amount_in_a_currency_is_the_outcome_before_what_lay_in_the_basket() -> None:
    rng = np.random.default_rng(6)
    columns, _ = infer_columns(
        log(rng, basket_value=rng.lognormal(3, 1, ROWS), revenue_eur=rng.lognormal(3, 1, ROWS))
    )
    assert columns.outcome == "revenue_eur"


def test_what_tells_of_the_answer_or_the_learner_is_watched_and_is_no_input() -> None:
    rng = np.random.default_rng(7)
    columns, notes = infer_columns(
        log(
            rng,
            weight_norm=rng.normal(1, 0.1, ROWS),
            finish_reason=rng.choice(["a", "b"], ROWS),
            usage_completion_tokens=rng.poisson(90, ROWS),
            prompt_tokens=rng.poisson(90, ROWS),
        )
    )
    assert set(columns.answers) == {"weight_norm", "finish_reason", "usage_completion_tokens"}
    assert set(columns.inputs()) == {"width", "prompt_tokens"}
    assert set(columns.answers) < set(columns.features)
    assert "no input" in notes["weight_norm"]


@pytest.mark.parametrize(
    ("name", "values", "unit", "why"),
    [
        ("latency", (0.006, 0.19), "s", "a guess"),
        ("latency", (2.5, 190.0), "ms", None),
        ("latency", (0.3, 4.0), "ms", None),
        ("latency_ms", (0.006, 0.19), "ms", None),
        ("latency_seconds", (0.006, 0.19), "s", "name of the column"),
        ("rtt_ms", (2.5, 190.0), "ms", None),
        ("prediction_time_us", (2500.0, 190_000.0), "us", "name of the column"),
    ],
)
def test_a_latency_too_short_for_milliseconds_is_one_of_seconds(
    name: str, values: tuple[float, float], unit: str, why: str | None
) -> None:
    rng = np.random.default_rng(8)
    made = draft(log(rng, **{name: rng.uniform(*values, ROWS)}), "p", SINCE + timedelta(days=2))
    assert (made.runbook.columns.latency_ms, made.runbook.columns.latency_unit) == (name, unit)
    assert (why is None) or why in made.notes["columns", "latency_unit"]
