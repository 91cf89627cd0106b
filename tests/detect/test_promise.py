"""Objectives in counts: what was bad of what equals what raw rows come to, over any window, whatever was
rolled up meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fireline.detect.account import Account, Reading, account, by_days
from fireline.detect.promise import Unmeasured, reading, totals
from fireline.live.keeping import Keeping
from fireline.runbook.schema import Slo
from fireline.terms.slo import BURN_RULES, burn_rate, paces
from tests.support import promised
from tests.support.promised import END, HOUR, MINUTE, START_US, Made, by_hand

DAY = 24 * HOUR
ROLLED = Keeping(timedelta(days=2), timedelta(days=10), timedelta(days=400))
EVENTS = [
    {"indicator": "availability"}, {"indicator": "accuracy"}, {"indicator": "null_share", "of": "x"},
    {"indicator": "flag_rate", "of": "toxic"}, {"indicator": "fallback_share"},
    {"indicator": "freshness", "of": "x"}, {"indicator": "latency", "threshold": 80.0},
]  # fmt: skip
SLICES = [
    {"indicator": "auc", "threshold": 0.8213}, {"indicator": "calibration", "threshold": 0.0311},
    {"indicator": "kpi", "threshold": 19.777}, {"indicator": "kpi", "threshold": 20.333, "bound": "ceiling"},
    {"indicator": "demographic_parity", "threshold": 0.0233, "of": "sex", "slice": "24h"},
    {"indicator": "equal_opportunity", "threshold": 0.0512, "of": "sex", "slice": "24h"},
    {"indicator": "equalized_odds", "threshold": 0.0312, "of": "sex", "slice": "24h"},
    {"indicator": "auc", "threshold": 0.8213, "slice": "24h"},
    {"indicator": "freshness", "threshold": 180}, {"indicator": "freshness", "threshold": 60, "slice": "5m"},
]  # fmt: skip


@cache
def service(task: str = "binary", rolled: bool = True) -> Made:
    return promised.made(task, ROLLED if rolled else None)


def slo(**given: Any) -> Slo:
    made = Slo.model_validate({"name": "one", "objective": 0.9, **given})
    if made.indicator == "latency":  # a threshold that is an edge is read exactly
        edges = service().plan.delays.series[0].edges
        made = made.model_copy(update={"threshold": min(e for e in edges if e >= (made.threshold or 0))})
    return made


def told(one: Made, about: Slo, since: int, until: int) -> tuple[float, float]:
    found = reading(one.plan, about)
    assert isinstance(found, Reading)
    until = until // (found.unit * 10**6) * found.unit * 10**6
    window = timedelta(microseconds=until - since)
    return account(found, one.counts, until, window, begins=START_US).total(window)


@pytest.mark.parametrize("given_", EVENTS + SLICES, ids=lambda g: f"{g['indicator']}{g.get('slice', '')}")
@settings(max_examples=5, deadline=None)
@given(days=st.integers(0, 15), back=st.integers(0, 20 * 60))
def test_what_was_bad_equals_the_rows(given_: dict[str, Any], days: int, back: int) -> None:
    """From any day's beginning up to any minute: every rolled-up tick lies wholly inside or outside."""
    about = slo(**given_)
    one = service(rolled=about.sliced is None or about.indicator != "freshness")
    found = reading(one.plan, about)
    assert isinstance(found, Reading)
    unit = found.unit * 10**6
    until = (END - back * MINUTE) // unit * unit
    since = min(START_US + days * DAY, until - unit)
    assert told(one, about, since, until) == by_hand(one, about, since, until)


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 900), st.integers(0, 900))
def test_windows_of_minutes_are_exact_while_there_are_minutes(length: int, back: int) -> None:
    one, about = service(), slo(indicator="availability")
    until = END - back * MINUTE
    since = until - length * MINUTE
    assert told(one, about, since, until) == by_hand(one, about, since, until)


def test_an_error_is_the_labels_own_unit() -> None:
    one, about = service("regression", rolled=False), slo(indicator="rmse", threshold=3.9137)
    found = told(one, about, START_US, END)
    assert found == by_hand(one, about, START_US, END)
    assert 20 < found[0] < found[1]


def test_the_indicators_have_something_to_tell() -> None:
    """No test above compares nothing with nothing."""
    for given_ in EVENTS + SLICES:
        bad, whole = told(service(), slo(**given_), START_US, END)
        assert 0 < bad < whole, given_


@settings(max_examples=20, deadline=None)
@given(st.floats(20, 500))
def test_a_threshold_between_edges_is_read_two_percent_late_at_most(limit: float) -> None:
    one = service()
    about = Slo(name="one", indicator="latency", objective=0.9, threshold=limit)
    bad, _ = told(one, about, START_US, END)
    took = one.rows["latency_ms"].astype(float)
    assert (took >= 1.02 * limit).sum() <= bad <= (took >= limit).sum()


def test_rolled_up_it_is_the_same() -> None:
    for given_ in EVENTS + SLICES:
        about = slo(**given_)
        fine, rolled = (told(service(rolled=r), about, START_US, END) for r in (False, True))
        if about.sliced is None or about.indicator != "freshness":
            assert fine == rolled
        else:  # a quarter of an hour with an event counts as filled
            assert rolled[0] <= fine[0]


def test_hours_are_not_told_from_days() -> None:
    one = promised.made(keeping=Keeping(timedelta(days=1), timedelta(days=1), timedelta(days=1)))
    hourly, daily = (slo(indicator="auc", threshold=0.8213, slice=s) for s in ("1h", "24h"))
    assert told(one, hourly, START_US, END)[1] < 24 * 9
    assert told(one, daily, START_US, END) == by_hand(one, daily, START_US, END)
    assert (
        told(one, slo(indicator="accuracy"), START_US, END)[1]
        == np.isfinite(one.rows["label"]).sum()
        - (np.isnan(one.rows["prediction"]) & np.isfinite(one.rows["label"])).sum()
    )


def test_a_silence_is_stale_and_what_was_before_the_first_event_is_not() -> None:
    one, about = service(), slo(indicator="freshness", threshold=300)
    low, high = promised.SILENT
    assert told(one, about, low + 10 * MINUTE, high) == (50.0, 50.0)
    assert told(one, about, START_US - 3 * DAY, END)[1] == promised.DAYS * 1440


@settings(max_examples=15, deadline=None)
@given(
    st.sampled_from(EVENTS + SLICES), st.integers(1, 15 * 24 * 60), st.integers(0, 600), st.integers(0, 99)
)
def test_day_by_day_it_is_the_same_and_is_read_once(
    given_: dict[str, Any], length: int, back: int, later: int
) -> None:
    one, about = service(), slo(**given_)
    found = reading(one.plan, about)
    assert isinstance(found, Reading)
    unit, window, kept = found.unit * 10**6, timedelta(minutes=length), {}  # type: ignore[var-annotated]
    for now in (END - back * MINUTE - DAY, END - back * MINUTE - DAY + later * 20 * MINUTE):
        until = now // unit * unit
        whole = account(found, one.counts, until, window, START_US)
        days = by_days(found, one.counts, until, window, START_US, kept)
        assert days.total(window) == whole.total(window)
        assert days.total(window / 3) == whole.total(window / 3)


@settings(max_examples=12, deadline=None)
@given(st.sampled_from(EVENTS + SLICES), st.integers(0, 600), st.floats(0.5, 0.999))
def test_burns_are_of_what_was_known_by_then(given_: dict[str, Any], back: int, objective: float) -> None:
    """Both windows of every rule, from raw rows older than the lateness and, with labels, than their age."""
    one = service()
    about = slo(**given_).model_copy(update={"objective": objective})
    book = promised.runbook(slos=[about.model_dump(mode="json")], allowed_lateness="7m")
    now = END - back * MINUTE
    total = totals(one.plan, book, one.counts, now, lambda layout: START_US)["one"]
    found = reading(one.plan, about)
    assert isinstance(found, Reading)
    unit = found.unit * 10**6
    known = now - 7 * MINUTE - (2 * HOUR if found.layout.aged else 0)
    until = known // unit * unit

    def expected(window: timedelta) -> tuple[float, float]:
        length = max(window // timedelta(microseconds=1), unit)
        return by_hand(one, about, -(-(until - length) // unit) * unit, until)

    for pace, rule in zip(paces(about.promise, total), BURN_RULES, strict=True):
        assert pace.long == burn_rate(*expected(rule.long), about.promise)
        assert pace.short == burn_rate(*expected(rule.short), about.promise)


def test_what_is_not_counted_says_why_and_what_to_do() -> None:
    binary, numbers = service().plan, service("regression", rolled=False).plan
    for plan, given_, why in (
        (binary, {"indicator": "flag_rate", "of": "pii"}, "does not count pii"),
        (binary, {"indicator": "rmse", "threshold": 1}, "does not count rmse"),
        (binary, {"indicator": "equalized_odds", "of": "age", "threshold": 0.1}, "equalized odds by age"),
        (binary, {"indicator": "freshness", "of": "orders"}, "how old orders is"),
        (numbers, {"indicator": "auc", "threshold": 0.7}, "of scores of a binary task"),
        (numbers, {"indicator": "accuracy"}, "not right or wrong"),
    ):
        found = reading(plan, Slo.model_validate({"name": "one", "objective": 0.9, **given_}))
        assert isinstance(found, Unmeasured)
        assert why in found.why
        assert found.todo
    high = Slo(name="one", indicator="latency", objective=0.9, threshold=1e9)
    assert isinstance(reading(binary, high), Unmeasured)


@pytest.fixture(scope="module", autouse=True)
def _close() -> Iterator[None]:
    yield
    service.cache_clear()


def test_an_account_without_counts_is_empty() -> None:
    found = reading(service().plan, slo(indicator="availability"))
    assert isinstance(found, Reading)
    empty = account(found, lambda *about: None, END, timedelta(days=28))
    assert isinstance(empty, Account)
    assert empty.total(timedelta(days=28)) == (0.0, 0.0)
