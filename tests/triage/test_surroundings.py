"""The platform, the callers and the labels: what is told from events alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fireline.clock import micros
from fireline.triage.figures import figure_of
from fireline.triage.surroundings import look_at_callers, look_at_platform, volume
from fireline.triage.truth import Truth, arrival_span, look_at_truth
from fireline.triage.windows import step_of
from tests.triage.finding import found_by
from tests.triage.sets import ONSET, Made, hit, make

HOUR = 3_600_000_000


def platform(made: Made, *families: str) -> Any:
    latency, errors = (figure_of(made.book, f, None, made.at) for f in ("latency", "error_rate"))
    findings = tuple(found_by(f) for f in families)
    return look_at_platform(made.book, findings, latency, errors, made.spans, None)


def test_slow_and_failing_are_told_from_calm() -> None:
    def change(rows: dict[str, Any]) -> None:
        rng = np.random.default_rng(1)
        rows["latency_ms"] = np.where(hit(rows), rows["latency_ms"] * 1.6, rows["latency_ms"])
        rows["error"] |= hit(rows) & (rng.random(len(rows["time"])) < 0.05)
        rows["status"] = np.where(rows["error"], "504", "200").astype(object)

    bad, calm = platform(make(change), "latency"), platform(make(), "drift")
    assert (bad.slow, bad.failing, bad.first) == (True, True, True)
    assert bad.timeouts == 1.0
    assert (calm.slow, calm.failing, calm.first) == (False, False, False)


def test_volume_is_relative_to_the_same_hours() -> None:
    def doubled(rows: dict[str, Any]) -> dict[str, Any]:
        again = np.flatnonzero(hit(rows))
        return {name: np.concatenate([values, values[again]]) for name, values in rows.items()}

    usual, more = make(), make(doubled)
    assert volume(usual.book, usual.spans) == pytest.approx(1, abs=0.1)
    assert volume(more.book, more.spans) == pytest.approx(2, abs=0.2)


def test_a_few_sources_with_near_copies_are_seen() -> None:
    def flood(rows: dict[str, Any]) -> dict[str, Any]:
        again = np.flatnonzero(hit(rows))[::2]
        copies = {name: values[again].copy() for name, values in rows.items()}
        copies["source"][:] = "x9"
        for name in ("amount", "age", "distance", "warmth", "hour", "pace", "device", "plan"):
            copies[name][:] = copies[name][0]
        return {name: np.concatenate([values, copies[name]]) for name, values in rows.items()}

    made, calm = make(flood), make()
    callers = look_at_callers(made.book, made.spans, volume(made.book, made.spans))
    assert callers.concentrated
    assert callers.sources == ("x9",)
    assert callers.copied
    assert "x9" in callers.in_words()
    quiet = look_at_callers(calm.book, calm.spans, 1.0)
    assert not quiet.concentrated
    assert not quiet.copied


def truth(made: Made) -> Truth:
    return look_at_truth(made.book, made.spans, made.at, figure_of(made.book, "auc", None, made.at))


def test_labels_as_usual_are_called_so() -> None:
    found = truth(make())
    assert not found.missing
    assert not found.late
    assert abs(found.by_arrival) <= 3
    assert "as usual" not in found.in_words()


def test_lost_labels_are_seen_at_equal_age() -> None:
    def lost(rows: dict[str, Any]) -> None:
        gone = hit(rows) & (np.random.default_rng(1).random(len(rows["time"])) < 0.4)
        rows["label"] = np.where(gone, np.nan, rows["label"])

    assert truth(make(lost)).missing


def test_a_label_job_is_dated_by_when_labels_arrive() -> None:
    def waits(rows: dict[str, Any], seed: int) -> None:
        rng = np.random.default_rng(seed)
        rows["label_time"] = (rows["time"] + rng.uniform(0.1, 1.9, len(rows["time"])) * HOUR).astype(float)

    def flipped(rows: dict[str, Any]) -> None:
        waits(rows, 1)
        struck = rows["label_time"] >= micros(ONSET) + 2 * HOUR
        rows["label"] = np.where(
            struck & (np.random.default_rng(2).random(len(struck)) < 0.4), 1 - rows["label"], rows["label"]
        )

    made = make(flipped, per_hour=400)
    before = dict(made.book.before.columns)
    waits(before, 3)
    made.book.before = type(made.book.before)(before)
    found = truth(made)
    assert found.by_arrival > 3
    span = arrival_span(made.book, found, figure_of(made.book, "auc", None, made.at), made.at.micros)
    assert span is not None
    assert span[0] - HOUR // 2 <= micros(ONSET) + 2 * HOUR <= span[1] + HOUR // 2


def test_a_step_is_measured_against_the_days_before() -> None:
    def change(rows: dict[str, Any]) -> None:
        rows["error"] |= hit(rows) & (np.random.default_rng(1).random(len(rows["time"])) < 0.12)

    made = make(change)
    figure = figure_of(made.book, "error_rate", None, made.at)
    assert figure is not None
    step = step_of(made.book, figure, made.spans)
    assert step.now > step.recent + 0.03
    assert step.z > 5
    assert step.drift < 0.3
    assert step.jump > 0.5
