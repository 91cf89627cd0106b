"""Which column plays which part, told from names and values."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from fireline.errors import InputError
from fireline.runbook.infer import find_time, infer_columns
from fireline.runbook.leaks import auc, follows, rank_correlation
from fireline.runbook.looks import NO_TIME, instants, look_at, typed
from fireline.runbook.task import infer_task
from tests.support.books import log

MIXED = np.random.default_rng(0).permutation(100)


def as_text(table: pa.Table) -> pa.Table:
    """The table as a CSV source hands it on: all strings."""
    columns = {}
    for name in table.column_names:
        values = table.column(name).to_pylist()
        columns[name] = [
            "" if v is None or v != v else v.isoformat() if isinstance(v, datetime) else str(v)
            for v in values
        ]
    return pa.table(columns)


@pytest.mark.parametrize(
    "form",
    [
        lambda t: t,
        as_text,
        lambda t: t.cast(
            pa.schema(
                [
                    f if f.name != "country" else pa.field("country", pa.dictionary(pa.int32(), pa.string()))
                    for f in t.schema
                ]
            )
        ),
    ],
    ids=["typed", "text", "dictionary"],
)
def test_every_role_is_found_by_name_and_value(form: Any) -> None:
    columns, notes = infer_columns(form(log()))
    assert columns.roles() == {
        "time": "timestamp",
        "request_id": "request_id",
        "version": "model_version",
        "score": "score",
        "prediction": "prediction",
        "label": "label",
        "label_time": "label_time",
        "latency_ms": "duration_ms",
        "status": "http_status",
    }
    assert columns.segments == ("country",)
    assert columns.features == {"country": "categorical", "rooms": "numeric", "rate": "numeric"}
    assert columns.flags == ("is_toxic",)
    assert columns.ignore == ("user_id",)
    assert "an id" in notes["user_id"]
    assert "missing" in notes["rate"]


@pytest.mark.parametrize(
    ("name", "values", "role"),
    [
        ("ts", [1_767_225_600 + i for i in range(100)], "time"),
        ("Timestamp", [f"2026-01-01 00:00:{i % 60:02d}" for i in range(100)], "time"),
        ("predictedProbability", np.linspace(0, 1, 100), "score"),
        ("y_true", [0, 1] * 50, "label"),
        ("tookMs", np.linspace(1, 9, 100), "latency_ms"),
        ("HTTPStatusCode", [200, 500] * 50, "status"),
        ("is_shadow", [True, False] * 50, "shadow"),
        ("hostname", ["a", "b"] * 50, "host"),
        ("fallback_rung", ["current", "rules"] * 50, "rung"),
        ("revenue", np.linspace(0, 9, 100), "outcome"),
        ("ab_group", ["a", "control"] * 50, "arm"),
        ("churn_probability", np.linspace(0, 1, 100), "score"),
    ],
)
def test_names_as_logs_write_them(name: str, values: Any, role: str) -> None:
    base = (
        {}
        if role == "time"
        else {"time": pa.array([datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=i) for i in range(100)])}
    )
    columns, _ = infer_columns(pa.table({**base, name: values}))
    assert columns.roles()[role] == name


@pytest.mark.parametrize(
    ("name", "values", "why"),
    [
        ("credit_score", MIXED * 5.5 + 300, "no share, so no score: an input"),
        ("app_version", ["1", "2"] * 50, "the client's version, not the model's"),
        ("position", MIXED, "a rank needs a query"),
        ("is_member", [True, False] * 50, "a truth value that says nothing bad"),
        ("zip_code", [10_000 + i % 40 for i in range(100)], "a code is a category"),
        ("hour", [i % 24 for i in range(100)], "few values, but an amount"),
    ],
)
def test_what_only_looks_like_a_role_is_a_feature(name: str, values: Any, why: str) -> None:
    at = pa.array([datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=i) for i in range(100)])
    columns, _ = infer_columns(pa.table({"time": at, name: values}))
    assert columns.roles() == {"time": "time"}, why
    expected = "numeric" if name in ("credit_score", "position", "hour") else "categorical"
    assert columns.features == {name: expected}, why


def test_a_text_that_the_model_wrote_is_no_input() -> None:
    prose = [
        f"a rather long remark that somebody once wrote, number {i}, and never read again"
        for i in range(3_000)
    ]
    columns, _ = infer_columns(log(prompt=prose, completion=prose))
    assert set(columns.texts) == {"prompt", "completion"}
    assert columns.answers == ("completion",)
    made = {"prompt.length", "prompt.words", "prompt.language"}
    assert {name for name in columns.inputs() if "." in name} == made
    assert {name for name in columns.watched() if "." in name} > made


def test_features_know_neither_the_label_nor_the_future() -> None:
    rng = np.random.default_rng(1)
    label = rng.integers(0, 2, 3_000)
    table = log(
        label=label,
        arrival_delay=label * 30 + rng.normal(0, 1, 3_000),
        target=label,
        refund_date=pa.array([datetime(2026, 3, 1)] * 3_000),
        comment=[
            f"a rather long remark that a guest once wrote, number {i}, and never read again"
            for i in range(3_000)
        ],
        payload=[{"a": 1}] * 3_000,
        nothing=pa.nulls(3_000),
        error=[False] * 3_000,
    )
    columns, notes = infer_columns(table)
    assert columns.texts == ("comment",)
    left_out = {"arrival_delay", "target", "refund_date", "payload", "error", "user_id"}
    assert set(columns.ignore) == left_out, "what is empty is named nowhere: filled one day, it is told of"
    assert "only afterwards" in notes["arrival_delay"]
    assert "of its own" in notes["error"]
    assert not left_out & set(columns.features)


def test_a_label_log_of_its_own_is_joined_by_name() -> None:
    events = log(label=None, label_time=None)
    labels = pa.table(
        {"request_id": ["r1"], "is_fraud": [1], "seen": pa.array([datetime(2026, 1, 2, tzinfo=UTC)])}
    )
    columns, _ = infer_columns(events, labels)
    assert (columns.label, columns.label_time, columns.request_id) == ("is_fraud", "seen", "request_id")


def test_what_a_person_says_is_not_questioned() -> None:
    columns, notes = infer_columns(log(), roles={"label": "is_toxic", "score": "rate"})
    assert (columns.label, columns.score) == ("is_toxic", "rate")
    assert notes["rate"] == "as you said"
    with pytest.raises(InputError, match="no column weight"):
        infer_columns(log(), roles={"score": "weight"})
    with pytest.raises(InputError, match="there is no role colour"):
        infer_columns(log(), roles={"colour": "rate"})


def test_a_log_without_a_time_says_what_to_do() -> None:
    with pytest.raises(InputError, match="--column time=NAME; the log has a \\(integer\\)"):
        infer_columns(pa.table({"a": [1, 2], "b": ["x", "y"]}))


def test_a_time_of_another_name_is_a_guess_and_says_so() -> None:
    at = pa.array([datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=i) for i in range(50)])
    columns, notes = infer_columns(pa.table({"when_asked": at, "x": range(50)}))
    assert columns.time == "when_asked"
    assert "guess" in notes["when_asked"]
    assert find_time(pa.table({"x": range(50), "when_asked": at})) == "when_asked"


def test_scores_per_class_are_recognised_when_they_add_up() -> None:
    p = np.random.default_rng(0).dirichlet([1, 1, 1], 200)
    at = pa.array([datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=i) for i in range(200)])
    table = pa.table({"time": at, "proba_cat": p[:, 0], "proba_dog": p[:, 1], "proba_fox": p[:, 2]})
    columns, _ = infer_columns(table)
    assert columns.class_scores == {"cat": "proba_cat", "dog": "proba_dog", "fox": "proba_fox"}
    assert infer_task(table, columns)[0] == "multiclass"
    loose = table.set_column(1, "proba_cat", pa.array(p[:, 0] * 0.2))
    assert infer_columns(loose)[0].class_scores == {}


@pytest.mark.parametrize(
    ("more", "task"),
    [
        ({}, "binary"),
        ({"label": None, "label_time": None}, "binary"),
        ({"label": np.random.default_rng(0).normal(size=3_000)}, "regression"),
        ({"label": np.random.default_rng(0).choice(["a", "b", "c"], 3_000).tolist()}, "multiclass"),
        (
            {
                "label": None,
                "score": None,
                "prediction": ["some long answer with many words in it " * 3] * 3_000,
            },
            "llm",
        ),
        ({"label": None, "score": None, "prediction": None, "is_refusal": [False] * 3_000}, "llm"),
        ({"label": None, "score": None, "prediction": None, "is_toxic": None}, "unknown"),
        ({"rank": [1, 2, 3] * 1_000, "query_id": [f"q{i // 3}" for i in range(3_000)]}, "ranking"),
    ],
)
def test_the_task_follows_from_the_answers(more: dict[str, Any], task: str) -> None:
    table = log(**more)
    columns, _ = infer_columns(table)
    found, because = infer_task(table, columns)
    assert found == task
    assert because


def test_at_most_eight_columns_are_watched_value_by_value() -> None:
    rng = np.random.default_rng(0)
    more = {f"kind{i}": rng.choice([f"v{j}" for j in range(2 + i)], 3_000).tolist() for i in range(12)}
    columns, notes = infer_columns(log(**more))
    assert len(columns.segments) == 8
    assert "kind11" not in columns.segments
    assert "fewer values" in notes["kind11"]
    assert "kind11" in columns.features


@pytest.mark.parametrize(
    "column",
    [
        pa.array([1_767_225_600, None]),
        pa.array([1_767_225_600_000, None]),
        pa.array([1_767_225_600_000_000, None]),
        pa.array([1_767_225_600_000_000_000, None]),
        pa.array([1_767_225_600.0, None]),
        pa.array(["2026-01-01T00:00:00Z", "soon"]),
        pa.array(["2026-01-01 01:00:00+01:00", None]),
        pa.array([datetime(2026, 1, 1), None], pa.timestamp("ns")),
        pa.array([datetime(2026, 1, 1).date(), None]),
    ],
)
def test_times_are_read_as_logs_write_them(column: pa.Array) -> None:
    assert instants(pa.chunked_array([column])).tolist() == [1_767_225_600_000_000, NO_TIME]


def test_text_is_what_nearly_all_of_it_says() -> None:
    table = typed(
        pa.table(
            {
                "n": ["1"] * 99 + ["oops"],
                "code": ["01234"] * 100,
                "t": ["True", "false"] * 50,
                "w": ["NA", "a"] * 50,
                "half": ["1", "x"] * 50,
            }
        )
    )
    kinds = {name: look.kind for name, look in look_at(table).items()}
    assert kinds == {"n": "integer", "code": "text", "t": "bool", "w": "text", "half": "text"}
    assert table.column("n").null_count == 1
    assert table.column("w").null_count == 50


def test_the_auc_equals_its_oracle() -> None:
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(3)
    for n in (40, 500):
        score, positive = np.round(rng.random(n), 1), rng.random(n) < 0.3
        assert auc(score, positive) == pytest.approx(roc_auc_score(positive, score), abs=1e-12)
    assert auc(np.zeros(3), np.zeros(3, dtype=bool)) is None


def test_ids_longer_than_a_float_are_ids_all_the_same() -> None:
    columns, _ = infer_columns(
        log(user_id=[2**60 + i for i in range(3_000)], big=[2**61 + i % 7 for i in range(3_000)])
    )
    assert columns.ignore == ("user_id",)
    assert columns.features["big"] == "numeric"


def test_a_label_under_a_name_of_its_own_is_no_feature() -> None:
    table = log(label=None, label_time=None)
    score = table.column("score").to_numpy()
    employed = (np.random.default_rng(5).random(len(score)) < score).astype(np.int64)
    columns, notes = infer_columns(table.append_column("employed", pa.array(employed)))
    assert columns.ignore == ("user_id", "employed")
    assert "--column label=employed" in notes["employed"]
    assert (
        infer_columns(table.append_column("employed", pa.array(employed)), roles={"label": "employed"})[
            0
        ].label
        == "employed"
    )


def test_a_protected_group_is_a_category_even_in_numbers() -> None:
    columns, _ = infer_columns(log(SEX=np.random.default_rng(0).integers(1, 3, 3_000)))
    assert columns.groups == ("SEX",)
    assert columns.features["SEX"] == "categorical"


def test_the_rank_correlation_equals_its_oracle() -> None:
    from scipy.stats import spearmanr

    rng = np.random.default_rng(4)
    one = np.round(rng.normal(size=300), 1)
    other = one + rng.normal(size=300)
    assert rank_correlation(one, other) == pytest.approx(spearmanr(one, other).statistic, abs=1e-12)
    assert rank_correlation(np.ones(5), np.arange(5.0)) == 0.0


def test_words_that_are_nearly_unique_do_not_tell_the_label_by_being_so() -> None:
    rng = np.random.default_rng(5)
    label = rng.integers(0, 2, 2_000).astype(float)
    unique = pa.chunked_array([[f"u{i}" for i in range(2_000)]])
    told = pa.chunked_array([["gone" if y else None for y in label]])
    weak = pa.chunked_array([["a" if y == (rng.random() < 0.8) else "b" for y in label]])
    assert [follows(column, label) for column in (unique, told, weak)] == [False, True, False]


def test_what_came_of_a_plan_is_no_feature() -> None:
    table = log(planned_minutes=np.arange(3_000.0) % 90, minutes=np.arange(3_000.0) % 91)
    columns, notes = infer_columns(table)
    assert "minutes" in columns.ignore
    assert "`planned_minutes` is what was planned" in notes["minutes"]
    assert columns.features["planned_minutes"] == "numeric"


def test_a_service_that_the_log_does_not_name_is_no_filter() -> None:
    from fireline.runbook.draft import draft

    table = log(service=["a"] * 1_500 + ["b"] * 1_500)
    until = datetime(2026, 1, 20, tzinfo=UTC)
    known = draft(table, "a", until)
    assert known.runbook.columns.service == "service"
    assert known.past.rows <= 1_500
    other = draft(table, "c", until)
    assert other.runbook.columns.service is None
    assert "service" in other.runbook.columns.ignore


def test_a_latency_in_seconds_is_watched_in_milliseconds() -> None:
    from fireline.runbook.draft import draft

    made = draft(
        log(duration_ms=None, took_seconds=np.full(3_000, 0.2)), "p", datetime(2026, 1, 20, tzinfo=UTC)
    )
    assert made.runbook.columns.latency_unit == "s"
    assert made.past.latency_p95 == pytest.approx(200)


def test_the_column_of_a_label_log_that_no_event_has_is_the_label() -> None:
    """Whatever the two are joined by is in both, under a name nobody foresaw."""
    rng, start = np.random.default_rng(5), datetime(2026, 3, 2, tzinfo=UTC)
    at = [start + timedelta(minutes=i) for i in range(400)]
    trips = [f"T{i:05d}" for i in range(400)]
    events = pa.table(
        {"at": at, "trip_ref": trips, "distance": rng.gamma(2, 3, 400), "prediction": rng.gamma(9, 60, 400)}
    )
    labels = pa.table({"trip_ref": trips, "actual_s": rng.gamma(9, 60, 400), "arrived_at": at})
    columns, notes = infer_columns(events, labels)
    assert (columns.label, columns.label_time, columns.prediction) == ("actual_s", "arrived_at", "prediction")
    assert "label log" in notes["actual_s"]
