"""References as they come: an incident inside, a few days only, days missing, nothing that ever changes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fireline.detect.bank import Bank
from fireline.detect.calibrate import quieten
from fireline.detect.fit import Fit, fit, incidents_allowed
from fireline.detect.registry import kind_named, kinds
from fireline.detect.stretches import stretches
from fireline.terms.counts import MINUTE, QUARTER, SERVICE
from tests.support.references import DAYS, START, ages, errors, plan, wave

DAY = 1440


def learnt(name: str, counts: np.ndarray) -> Fit:
    kind = kind_named(name)
    grain = kind.laid_out(plan()).grains["service"]
    raw = fit(kind, plan(), counts, START // grain, grain)
    return quieten(kind, plan(), {SERVICE: raw}, {SERVICE: counts}, START // grain, grain)[SERVICE]


def alarms(name: str, found: Fit, counts: np.ndarray, grain: int, days: int = DAYS) -> list[tuple[int, int]]:
    """Stretches in which a monitor of ``found`` reaches a level a service may have, in ``counts`` that follow
    on ``days`` of reference."""
    bank = Bank(kind_named(name), plan(), {SERVICE: found})
    first = START // grain + days * 86_400 // grain
    level = 2e6 if grain == MINUTE else 3e5
    caps = bank.caps(np.full(len(bank.groups), level))
    reading = bank.read([counts], first, grain, caps)
    logs = np.where(reading.valid[..., None], reading.log_factors, 0.0)[:, : int(bank.sizes[0])]
    return stretches(logs.reshape(len(logs), -1), level, 3)


@pytest.mark.parametrize(("minutes", "share"), [(60, 0.4), (20 * 60, 0.05), (10, 1.0)])
@pytest.mark.parametrize("rate", [5, 50])
def test_an_incident_in_the_reference_does_not_dull_its_monitor(
    rate: int, minutes: int, share: float
) -> None:
    truth = np.full(DAYS * DAY, 0.01)
    truth[9 * DAY + 600 : 9 * DAY + 600 + minutes] = share
    calm = learnt("error_rate", errors(np.random.default_rng(3), 0.01, rate))
    hit = learnt("error_rate", errors(np.random.default_rng(3), truth, rate))
    assert 0.6 * minutes < hit.spared[0] < minutes + 240
    assert hit.inflation == pytest.approx(calm.inflation, rel=0.1)
    assert hit.base == pytest.approx(calm.base, rel=0.15)
    worse = alarms("error_rate", hit, errors(np.random.default_rng(4), 0.03, rate, 3), MINUTE)
    assert worse
    assert worse[0][0] < DAY


def test_storms_every_few_days_are_nature_and_widen() -> None:
    truth = np.full(DAYS * DAY, 0.01)
    for day in range(1, DAYS, 4):
        truth[day * DAY + 900 : day * DAY + 945] = 0.4
    found = learnt("error_rate", errors(np.random.default_rng(5), truth, 50))
    assert not found.spared.any()
    assert found.inflation[0] > 20


def test_an_input_that_wanders_has_crests_and_no_incidents() -> None:
    for seed in range(3):
        rng = np.random.default_rng((100, seed))
        found = learnt("numeric_drift", ages(rng, wave(rng, DAYS * 96, 0.97, 0.4), 20))
        assert not found.spared.any()


def test_a_silence_of_three_hours_does_not_hide_the_next() -> None:
    rng = np.random.default_rng(6)
    counts = errors(rng, 0.01, 50)
    counts[9 * DAY + 600 : 9 * DAY + 780] = 0
    found = learnt("silence", counts)
    assert alarms("silence", found, np.zeros((30, counts.shape[1]), np.int64), MINUTE)


def test_a_day_of_other_people_in_the_reference_does_not_hide_the_next() -> None:
    rng, shift = np.random.default_rng(7), np.zeros(DAYS * 96)
    shift[9 * 96 : 10 * 96] = 1.0
    found = learnt("numeric_drift", ages(rng, shift, 20))
    assert found.inflation.max() < 2
    assert alarms("numeric_drift", found, ages(rng, 0.4, 20, 2), QUARTER)


@pytest.mark.parametrize("days", [3, 7, 28])
def test_a_short_reference_is_less_sure_of_itself(days: int) -> None:
    short = learnt("error_rate", errors(np.random.default_rng(8), 0.01, 5, days))
    assert short.inflation[0] == pytest.approx(1 + 1 / days, rel=0.02)
    hits = 0.01 * 5 * days * DAY
    assert short.tolerance[0] == pytest.approx(max(1.25, 1 + 3.4 / np.sqrt(hits)), rel=0.1)


@pytest.mark.parametrize("days", [3, 7])
def test_a_short_reference_raises_no_alarm_about_more_of_the_same(days: int) -> None:
    loud = 0
    for seed in range(20):
        rng = np.random.default_rng((9, seed))
        found = learnt("error_rate", errors(rng, 0.004, 5, days))
        loud += bool(alarms("error_rate", found, errors(rng, 0.004, 5, 14), MINUTE, days))
    assert loud <= 1


@pytest.mark.parametrize("missing", [1, 10, 20])
def test_missing_days_leave_a_usable_base(missing: int) -> None:
    counts = errors(np.random.default_rng(10), 0.01, 20)
    counts[3 * DAY : (3 + missing) * DAY] = 0
    found = learnt("error_rate", counts)
    assert found.usable[0]
    assert found.base[:, 0] == pytest.approx(np.full(48, 0.01), rel=0.25)
    assert found.inflation[0] == pytest.approx(1 + 1 / (DAYS - missing), rel=0.03)


@settings(max_examples=25, deadline=None)
@given(
    name=st.sampled_from([kind.name for kind in kinds() if kind.monitors(plan())]),
    days=st.sampled_from([1, 2, 7]),
    level=st.sampled_from([0, 1, 40]),
    holes=st.integers(0, 3),
    seed=st.integers(0, 99),
)
def test_whatever_the_reference_the_fit_is_finite(
    name: str, days: int, level: int, holes: int, seed: int
) -> None:
    """Constant counts, empty ones, and days that are missing."""
    kind = kind_named(name)
    layout = kind.laid_out(plan())
    grain = layout.grains["service"]
    counts = np.full((days * 86_400 // grain, layout.width), level, np.int64)
    rng = np.random.default_rng(seed)
    for _ in range(holes):
        at = int(rng.integers(0, len(counts)))
        counts[at : at + len(counts) // 4] = 0
    found = fit(kind, plan(), counts, START // grain, grain)
    quiet = quieten(kind, plan(), {SERVICE: found}, {SERVICE: counts}, START // grain, grain)[SERVICE]
    for part in (quiet.base, quiet.base_variance, quiet.tau2, quiet.inflation, quiet.tolerance):
        assert np.isfinite(part).all()
    assert (quiet.inflation >= 1).all()
    assert (quiet.tolerance >= 0).all()


def test_a_reference_may_hold_one_incident_a_fortnight() -> None:
    assert [incidents_allowed(days * 86_400) for days in (3, 14, 27, 28, 90)] == [1, 1, 1, 2, 6]
