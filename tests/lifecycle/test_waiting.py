"""What it still takes to call a figure well: near to what simulation shows, and no rule does much better."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from fireline.verify import recovery, waiting
from fireline.verify.recovery import of_alert
from fireline.verify.waiting import Wait, wait_for
from fireline.verify.watch import Signals, watch
from tests.lifecycle.make import T0, Journal, alert, alerted, at, moved, opened, runbook
from tests.lifecycle.test_recovery import Ticks, asked, hours, told


def quarters(values, n: float = 30.0) -> Ticks:
    """Quarter hours from two hours before the alert."""
    return Ticks(at(hours=-2), 900, values * 0, np.zeros(len(values)), np.full(len(values), n), values)


def crossing(stat, threshold: float) -> int:
    over = np.flatnonzero(stat >= threshold)
    return int(over[0]) + 1 if len(over) else len(stat) + 1


@pytest.mark.parametrize("shift", [0.4, 0.7, 1.2, 2.0])
def test_of_means_the_wait_is_what_simulation_shows(shift):
    rng, threshold = np.random.default_rng(1), recovery.MONTH / 900
    effect = shift / recovery.LEFT
    taken = [crossing(recovery.gauss(rng.normal(size=1200), effect, threshold), threshold) for _ in range(60)]
    gain = waiting.of_mean(shift, recovery.LAMBDAS, math.log(threshold) / 3)
    found = wait_for(gain, 0.0, threshold, 4, 30, timedelta(minutes=15))
    assert 0.6 < (found.span / timedelta(minutes=15)) / np.median(taken) < 1.7
    bound = math.log(threshold) / (shift**2 / 2)
    assert np.median(taken) < 2.2 * bound, "no rule tells in the middle much before this"


@pytest.mark.parametrize(("usual", "now", "n"), [(0.01, 0.03, 300), (0.01, 0.2, 60), (0.2, 0.05, 120)])
def test_of_rates_too(usual, now, n):
    rng, threshold = np.random.default_rng(2), recovery.MONTH / 60
    null = usual + (now - usual) * recovery.LEFT
    counts = np.full(1500, float(n))
    bad = [rng.binomial(n, usual, 1500).astype(float) for _ in range(25)]
    base = np.full(1500, usual)
    taken = [crossing(recovery.rate(one, counts, base, now, threshold), threshold) for one in bad]
    steps = recovery.ODDS if now >= usual else 1 / recovery.ODDS
    gain = waiting.of_rate(usual, null, n, steps, 1.0, math.log(threshold) / 5)
    found = wait_for(gain, 0.0, threshold, 4, n, timedelta(minutes=1))
    assert 0.6 < (found.span / timedelta(minutes=1)) / np.median(taken) < 1.8


def test_the_wait_grows_shorter_as_usual_requests_come_and_ends_when_it_is_told():
    rng = np.random.default_rng(3)
    z = np.concatenate([rng.normal(2.0, 1, 8), rng.normal(0, 1, 200)])
    looks = [of_alert(told(), quarters(z[:upto]), at(hours=-2)) for upto in range(8, 208, 20)]
    waits = [look.wait for look in looks if not look.recovered]
    assert waits[0].span > timedelta(hours=4)
    assert waits[-1].span < waits[0].span / 1.5
    assert looks[-1].recovered
    assert looks[-1].wait is None


def test_what_says_next_to_nothing_is_said_to_be_for_a_person():
    assert (
        wait_for(waiting.of_mean(0.1, recovery.LAMBDAS, 3.0), 0, 1000, 4, 30, timedelta(minutes=15)) is None
    )
    assert waiting.says("score drift", None, T0, "UTC").endswith("decide it yourself")


def test_it_is_said_in_requests_and_on_the_clocks_of_the_service():
    said = waiting.says("score drift", Wait(1106, timedelta(hours=9, minutes=13)), T0, "America/New_York")
    assert (
        said
        == "score drift needs some 1,200 more requests like the usual ones, until about 18 March 2013, 11:13"
    )


def test_an_effect_known_from_the_alert_up_to_the_measure_is_told_well_sooner():
    """A quick alert has two ticks; the four hours until the rollback have sixteen more."""
    rng, alone, all_of_it = np.random.default_rng(4), [], []
    for _ in range(15):
        z = np.concatenate([np.full(6, np.nan), rng.normal(1.64, 1, 18), rng.normal(0, 1, 300)])
        ticks = quarters(z)
        ticks = replace(ticks, n=np.where(np.isnan(z), 0.0, ticks.n))
        for found, until in ((alone, None), (all_of_it, at(hours=4))):
            steps = range(30, 324, 12)
            found.append(next((i for i in steps if _well(ticks, i, until)), 324) - 24)
    assert np.median(all_of_it) < 0.8 * np.median(alone)


def _well(ticks: Ticks, upto: int, until) -> bool:
    seen = replace(
        ticks, seen=ticks.seen[:upto], usual=ticks.usual[:upto], n=ticks.n[:upto], z=ticks.z[:upto]
    )
    return of_alert(told(), seen, at(hours=-2), until).recovered


def test_harm_that_is_half_gone_is_not_called_well_for_being_measured_longer():
    rng, said = np.random.default_rng(5), 0
    for _ in range(40):
        z = np.concatenate([rng.normal(3, 1, 24), rng.normal(1.5, 1, 240)])
        said += of_alert(told(), quarters(z), at(hours=-2), at(hours=4)).recovered
    assert said <= 2


def test_whoever_watches_is_told_what_it_waits_for_and_until_when():
    journal = Journal()
    journal.write(T0, opened("real"), alerted(), moved("declared"), moved("triaging"))
    journal.force(T0, moved("verifying"))
    waits = of_alert(alert() | {"fired_at": T0.isoformat()}, quarters(np.full(9, 1.7)), at(hours=-2))
    book = runbook()
    (begun,) = watch(journal.now, Signals(recoveries=(waits,)), book, at(hours=1))
    assert "more requests like the usual ones, until about 18 March 2013" in begun.because
    journal.write(at(hours=1), begun)
    ended = journal.now.watch_until
    verdict, again = watch(journal.now, Signals(recoveries=(waits,)), book, ended)
    assert "cannot be called well yet" in verdict.because
    assert "until about" in verdict.because
    assert again.because == verdict.because


def test_right_after_the_alert_the_wait_is_told_from_the_traffic_before_it():
    found = asked(hours(np.full(6, 4.0)))
    assert found.wait is not None
    assert found.wait.rows % 500 == 0
