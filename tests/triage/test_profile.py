"""The profile likelihood: its interval holds the true onset, is narrow for clear steps and wider for
slopes."""

from __future__ import annotations

import numpy as np
import pytest

from fireline.triage.profile import Profile, cuts, event_profile, near, profile, rate_profile

TICKS = 500


def found_for(effect: np.ndarray, seed: int, infl: float = 1.0, **more: float) -> tuple[Profile, int]:
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=len(effect))
    rho = more.get("rho", 0.0)
    for t in range(1, len(noise)):
        noise[t] = rho * noise[t - 1] + np.sqrt(1 - rho**2) * noise[t]
    z = noise + effect
    spikes = int(more.get("spikes", 0))
    if spikes:
        z[rng.integers(0, len(z), spikes)] += 15
    level, fired = 0.0, len(z) - 1
    for t in range(int(np.argmax(effect > 0)), len(z)):
        level = max(0.0, level + min(z[t], 5) - 0.5)
        if level > 12:
            fired = t
            break
    z = z[: min(len(z), fired + 20)]
    return profile(z, np.ones(len(z)), infl, min(fired, len(z) - 1), min(fired, len(z) - 1)), fired


def step(tau: int, size: float) -> np.ndarray:
    return np.where(np.arange(TICKS) >= tau, size, 0.0)


def slope(tau: int, size: float, rise: int) -> np.ndarray:
    return size * np.clip((np.arange(TICKS) - tau + 1) / rise, 0, 1)


def coverage(cases: list[tuple[Profile, int]]) -> tuple[float, float]:
    inside, widths = [], []
    for made, tau in cases:
        first, last = made.span()
        inside.append(first - 1 <= tau <= last + 1)
        widths.append(last - first + 1)
    return float(np.mean(inside)), float(np.median(widths))


@pytest.mark.parametrize(
    ("size", "infl", "rho", "spikes", "widest"),
    [
        (1.0, 1.0, 0.0, 0, 60),
        (2.0, 1.0, 0.0, 0, 15),
        (4.0, 1.0, 0.0, 0, 5),
        (2.0, 3.0, 0.5, 0, 60),
        (2.0, 1.0, 0.0, 6, 20),
    ],
)
def test_the_interval_of_a_step_holds_the_onset(
    size: float, infl: float, rho: float, spikes: int, widest: float
) -> None:
    rng = np.random.default_rng(int(size * 10))
    cases = []
    for seed in range(80):
        tau = int(rng.integers(200, 300))
        cases.append((found_for(step(tau, size), seed, infl, rho=rho, spikes=spikes)[0], tau))
    inside, width = coverage(cases)
    assert inside >= 0.9
    assert width <= widest


def test_a_slope_is_dated_less_sharply_than_a_step_of_the_same_size() -> None:
    steps = [(found_for(step(250, 4.0), seed)[0], 250) for seed in range(40)]
    slopes = [(found_for(slope(250, 4.0, 100), seed)[0], 250) for seed in range(40)]
    assert coverage(slopes)[0] >= 0.85
    assert coverage(slopes)[1] > 4 * coverage(steps)[1]


def test_a_long_slope_is_called_one_and_a_step_is_called_a_step() -> None:
    def whole(effect: np.ndarray, seed: int) -> bool:
        z = np.random.default_rng(seed).normal(size=TICKS) + effect
        return profile(z, np.ones(TICKS), 1.0, TICKS - 1, TICKS - 1).is_step

    assert np.mean([whole(slope(150, 3.0, 216), seed) for seed in range(20)]) < 0.2
    assert np.mean([whole(step(250, 3.0), seed) for seed in range(20)]) >= 0.85


def test_an_effect_that_ended_is_still_dated_by_its_beginning() -> None:
    effect = np.where((np.arange(TICKS) >= 200) & (np.arange(TICKS) < 240), 3.0, 0.0)
    rng = np.random.default_rng(1)
    made = profile(rng.normal(size=TICKS) + effect, np.ones(TICKS), 1.0, 206, 206)
    first, last = made.span()
    assert first - 1 <= 200 <= last + 1


def test_empty_ticks_are_passed_over() -> None:
    rng = np.random.default_rng(2)
    z = rng.normal(size=TICKS) + step(250, 4.0)
    z[240:248] = np.nan
    first, last = profile(z, np.ones(TICKS), 1.0, 270, 270).span()
    assert first - 1 <= 250 <= last + 1


def test_rare_hits_are_dated_by_their_own_likelihood() -> None:
    inside = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        n = rng.poisson(4, TICKS).astype(float)
        rate = np.where(np.arange(TICKS) >= 250, 0.06, 0.005)
        hits = rng.binomial(n.astype(int), rate).astype(float)
        gain = rate_profile(hits, n, np.full(TICKS, 0.005), 1.0, 400)
        first, last = near(gain, 2.7)
        inside.append(first - 1 <= 250 <= last + 1)
    assert np.mean(inside) >= 0.9


def test_single_events_date_a_burst_of_nulls_between_two_of_them() -> None:
    values = np.array([0.0] * 50 + [1.0] * 30)
    first, last = near(event_profile(values, 0.001, 0.95, 0.0, binary=True), 3.0)
    assert 49 <= first <= last <= 50


def test_cuts_are_suffix_sums() -> None:
    each = np.array([1.0, -2.0, 3.0])
    assert cuts(each).tolist() == [2.0, 1.0, 3.0, 0.0]


@pytest.mark.parametrize("raised", [0.17, 0.5, 1.0])
@pytest.mark.parametrize("infl", [1.0, 8.0])
def test_what_never_happened_before_is_dated_sharply(raised: float, infl: float) -> None:
    rng = np.random.default_rng(5)
    n = rng.poisson(20, 600).astype(float)
    rate = np.where(np.arange(600) < 500, 0.0, raised)
    hits = rng.binomial(n.astype(int), rate).astype(float)
    gain = rate_profile(hits, n, np.zeros(600), infl, 550)
    first, last = Profile(gain, 1, float(gain.max())).span()
    assert first <= 500 <= last
    assert last - first <= 10
