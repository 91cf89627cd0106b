"""The judge with swapped roles: recovery is seen soon, and half-recovered is not recovered."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fireline.clock import iso
from fireline.verify import recovery
from fireline.verify.recovery import Recovery, of_alert
from tests.lifecycle.make import alert, at

HOUR = 3600
A = recovery.MONTH / HOUR


@dataclass
class Ticks:
    start: datetime
    grain: int
    seen: NDArray[Any]
    usual: NDArray[Any]
    n: NDArray[Any]
    z: NDArray[Any]
    infl: float = 1.0


def hours(values: NDArray[Any], n: float = 500.0) -> Ticks:
    """Hourly ticks from six hours before the alert, given by their z."""
    full = np.full(len(values), n)
    return Ticks(at(hours=-6), HOUR, values * 0.01, np.zeros(len(values)), full, values)


def told(**more: Any) -> dict[str, Any]:
    return alert(**more) | {"fired_at": iso(at())}


def asked(ticks: Ticks, **more: Any) -> Recovery:
    return of_alert(told(**more), ticks, at(hours=-6))


def test_a_fault_that_stays_is_never_called_recovered() -> None:
    rng = np.random.default_rng(1)
    for _ in range(30):
        assert not asked(hours(rng.normal(4, 1, 6 + 240))).recovered


def test_a_fault_that_ends_is_called_recovered_within_hours_and_dated() -> None:
    rng = np.random.default_rng(2)
    delays = []
    for _ in range(30):
        z = np.concatenate([rng.normal(4, 1, 16), rng.normal(0, 1, 24)])
        seen = [asked(hours(z[:upto])).recovered for upto in range(16, 41)]
        assert seen[-1]
        delays.append(seen.index(True))
        since = asked(hours(z)).since
        assert since is not None
        assert abs(since - at(hours=10)) <= timedelta(hours=4)
    assert np.median(delays) <= 8


def test_half_the_effect_is_not_recovered() -> None:
    """At the null itself it happens about once in 30 days."""
    rng = np.random.default_rng(3)
    z = rng.normal(2, 1, (40, 720))
    crossed = [bool((recovery.gauss(row, 4.0, A) >= A).any()) for row in z]
    assert np.mean(crossed) < 0.75
    early = [bool((recovery.gauss(row[:72], 4.0, A) >= A).any()) for row in z]
    assert np.mean(early) < 0.2


def test_a_relapse_takes_the_recovery_back_soon() -> None:
    rng = np.random.default_rng(4)
    z = np.concatenate([rng.normal(4, 1, 12), rng.normal(0, 1, 300), rng.normal(4, 1, 8)])
    assert asked(hours(z[:312])).recovered
    assert not asked(hours(z)).recovered


def test_rates_are_judged_by_their_counts() -> None:
    rng = np.random.default_rng(5)
    n = np.full(400, 50.0)
    rates = np.concatenate([np.full(120, 0.10), np.full(280, 0.02)])
    bad = rng.binomial(50, rates).astype(float)
    ticks = Ticks(at(hours=-1), 60, bad / n, np.full(400, 0.02), n, (bad / n - 0.02) / 0.02)
    found = asked(ticks, family="error_rate", unit="share")
    assert found.recovered
    assert found.since is not None
    assert abs(found.since - at(hours=1)) < timedelta(minutes=30)
    still = Ticks(at(hours=-1), 60, np.full(400, 0.1), np.full(400, 0.02), n, np.full(400, 4.0))
    assert not asked(still, family="error_rate", unit="share").recovered


def test_empty_ticks_say_nothing_and_little_traffic_says_little() -> None:
    z = np.concatenate([np.full(10, 4.0), np.full(30, np.nan)])
    assert not asked(hours(z)).recovered
    z = np.concatenate([np.full(10, 4.0), np.full(12, 0.0)])
    thin = hours(z)
    thin.n = np.where(np.arange(22) < 10, 500.0, 5.0)
    assert asked(hours(z)).evidence > asked(thin).evidence


def test_a_version_that_answers_nothing_any_more_harms_nobody() -> None:
    z = np.concatenate([np.full(10, 4.0), np.full(5, np.nan)])
    ticks = hours(z)
    ticks.n = np.where(np.isnan(z), 0.0, 500.0)
    found = asked(ticks, version="B")
    assert found.recovered
    assert found.because == "version B answers nothing any more"
    assert not asked(ticks).recovered


def test_without_ticks_before_the_alert_nothing_is_claimed() -> None:
    empty = hours(np.full(20, np.nan))
    found = asked(empty)
    assert not found.recovered
    assert math.isfinite(found.evidence)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.one_of(st.floats(-20, 20), st.just(math.nan)), min_size=1, max_size=60), st.floats(0, 10))
def test_the_statistic_is_finite_bounded_and_worse_data_never_raises_it(
    values: list[float], effect: float
) -> None:
    z = np.array(values)
    stat = recovery.gauss(z, effect, A)
    assert np.isfinite(stat).all()
    assert (stat >= 0).all()
    assert (stat <= 10 * A * (1 + 1e-9)).all()
    assert (recovery.gauss(z + 1, effect, A) <= stat + 1e-9).all()


def test_the_rate_statistic_has_no_edge_it_falls_off() -> None:
    bad = np.array([0.0, 50.0, 0.0, 3.0])
    n = np.array([50.0, 50.0, 0.0, 50.0])
    for usual, at_alert in ((0.0, 1.0), (0.02, 0.1), (0.9, 0.2), (0.0, 0.0)):
        assert np.isfinite(recovery.rate(bad, n, np.full(4, usual), at_alert, A)).all()


@pytest.mark.parametrize("direction", [0.02, 0.6])
def test_rates_may_be_harmful_in_either_direction(direction: float) -> None:
    """A share of labelled requests falls when it is bad."""
    usual = 0.3
    n = np.full(60, 200.0)
    well = np.full(60, usual * 200)
    assert recovery.rate(well, n, np.full(60, usual), direction, A)[-1] >= A
    ill = np.full(60, direction * 200)
    assert recovery.rate(ill, n, np.full(60, usual), direction, A)[-1] < A


@pytest.mark.filterwarnings("error")
def test_right_after_the_alert_no_tick_is_complete_and_nothing_is_said():
    none = np.empty(0)
    assert len(recovery.rate(none, none, none, at_alert=0.1, threshold=100.0)) == 0


def test_a_service_repaired_by_half_is_not_called_well_though_it_wobbles() -> None:
    """The usual wanders by a tenth of the effect, half of which is left: five days, and hardly ever a yes."""
    rng, said = np.random.default_rng(7), []
    for _ in range(40):
        wander = 0.4 * np.sin(2 * np.pi * (np.arange(136) / 48 + rng.random()))
        z = np.concatenate([rng.normal(4, 1, 16), rng.normal(2, 1, 120) + wander[16:]])
        said.append(any(asked(hours(z[:upto])).recovered for upto in range(17, 137, 3)))
    assert np.mean(said) < 0.1


def test_an_alert_that_chance_helped_measures_less_than_it_saw() -> None:
    n, usual = np.full(4, 100.0), np.full(4, 0.01)
    few = recovery._surely(np.array([3.0, 2, 3, 2]), n, usual, 1.0)
    many = recovery._surely(np.array([30.0, 20, 30, 20]) * 10, n * 100, usual, 1.0)
    assert 0.01 < few < 0.025 * 0.9
    assert 0.09 < many + 0.066 < 0.1
    assert recovery._surely(np.zeros(4), n, np.full(4, 0.2), 1.0) > 0  # a rate that fell
