"""Fixed thresholds: plain figures over windows, taken from the judge, kept over restarts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import numpy as np

from fireline.clock import from_micros, iso
from fireline.detect import example
from fireline.detect.baseline import Baseline, by_season
from fireline.detect.fixed import FixedThresholds
from fireline.detect.season import cells_of
from fireline.runbook.schema import Runbook
from fireline.terms.counts import QUARTER, SERVICE

START = 1_709_510_400
DAY = 86_400


def a_runbook(**rule: object) -> Runbook:
    since, until = from_micros(START * 10**6), from_micros((START + 7 * DAY) * 10**6)
    return Runbook.from_plain({
        "service": "example", "timezone": "UTC", "task": "binary", "ownership": {"team": "t"},
        "columns": {"time": "time"}, "labels": {"age": "0m"},
        "reference": {"since": iso(since), "until": iso(until)}, "monitors": [rule],
    })  # fmt: skip


def a_baseline() -> tuple[Baseline, np.ndarray]:
    """A reference of even age bins, 40 events a bin and quarter of an hour."""
    plan = example.plan()
    counts = np.zeros((7 * 96, plan.shapes.width), np.int64)
    span = plan.shapes.span("feature:age")
    counts[:, span.start : span.stop - 3] = 40
    cells = cells_of(np.arange(START // QUARTER, START // QUARTER + len(counts)), QUARTER, "UTC")
    totals = {("shapes", SERVICE): by_season(counts, cells)}
    return Baseline(plan, {}, totals, {}, START * 10**6, (START + 7 * DAY) * 10**6), counts


def found(rule: Mapping[str, object], live: np.ndarray, cuts: tuple[int, ...]) -> list[str]:
    """Findings over ``live`` quarters [T, width], advanced in steps that end at ``cuts`` hours."""
    baseline, _ = a_baseline()
    since = (START + 7 * DAY) * 10**6
    fixed = FixedThresholds(baseline, a_runbook(**rule), since)

    def read(layout, grain, low, high):  # type: ignore[no-untyped-def]
        first = since // (grain * 10**6)
        return {SERVICE: live[low - first : high - first]}

    told = []
    for hour in cuts:
        at = since + hour * 3600 * 10**6
        told += [f"{f.feature} {f.seen:.3f} {iso(f.at)}" for f in fixed.advance(read, at, at)]
    return told


def test_psi_above_its_threshold_is_told_at_the_end_of_the_hour() -> None:
    _, counts = a_baseline()
    live = counts[:96].copy()
    span = example.plan().shapes.span("feature:age")
    live[40:, span.start] *= 6
    told = found({"monitor": "numeric_drift", "feature": "age", "threshold": 0.2}, live, (24,))
    assert told
    first = from_micros((START + 7 * DAY + 11 * 3600) * 10**6) + timedelta(minutes=5)
    assert told[0].endswith(iso(first))


def test_nothing_is_told_without_drift() -> None:
    _, counts = a_baseline()
    assert found({"monitor": "numeric_drift", "threshold": 0.2}, counts[:96], (24,)) == []


def test_too_few_events_are_no_drift() -> None:
    _, counts = a_baseline()
    thin = np.zeros_like(counts[:96])
    span = example.plan().shapes.span("feature:age")
    thin[::8, span.start] = 1
    assert found({"monitor": "numeric_drift", "threshold": 0.2}, thin, (24,)) == []


def test_steps_do_not_change_what_is_told() -> None:
    _, counts = a_baseline()
    live = counts[:96].copy()
    span = example.plan().shapes.span("feature:age")
    live[17:, span.start] *= 5
    rule = {"monitor": "numeric_drift", "threshold": 0.2}
    assert found(rule, live, (24,)) == found(rule, live, tuple(range(1, 25)))
