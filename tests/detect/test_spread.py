"""The design effect: clustered events are told from independent ones, and from ticks that differ."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from fireline.detect.spread import between_ticks, design_effect, median

TICKS = 2_000


def sizes_of_a_day(rng: np.random.Generator) -> np.ndarray:
    """Events per tick, a fifth at night of what there is by day."""
    return np.maximum(rng.poisson(60 * (1 + 0.67 * np.sin(2 * np.pi * np.arange(TICKS) / 96))), 5)


def found(gaps: np.ndarray, variance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return design_effect(gaps, variance, np.nan_to_num(median(variance), nan=1.0))


@given(st.integers(0, 2**32), st.sampled_from([4, 6, 10]), st.sampled_from([0.0, 0.5, 1.0]))
@settings(max_examples=30)
def test_the_effect_of_clusters_is_found_beside_what_ticks_differ_by(seed, size, between):
    """Every cluster's events are alike: a mean of n has the variance of n / size."""
    rng = np.random.default_rng(seed)
    variance = 1 / sizes_of_a_day(rng)[:, None]
    tau2 = between * size * np.median(variance)
    effect, wander = found(rng.normal(0, np.sqrt(size * variance + tau2)), variance)
    assert size / 2 <= effect[0] <= 2 * size
    assert abs(effect[0] * np.median(variance) + wander[0] - size * np.median(variance) - tau2) < 0.25 * (
        size * np.median(variance) + tau2
    )


@given(st.integers(0, 2**32), st.sampled_from([0.0, 1.0, 5.0]))
@settings(max_examples=30)
def test_independent_events_have_none_however_much_ticks_differ(seed, between):
    rng = np.random.default_rng(seed)
    variance = np.repeat(1 / sizes_of_a_day(rng)[:, None], 5, axis=1)
    effect, _ = found(rng.normal(0, np.sqrt(variance + between * np.median(variance))), variance)
    assert effect.tolist() == [1.0] * 5


def test_an_incident_is_no_cluster_and_missing_ticks_say_nothing():
    rng = np.random.default_rng(7)
    variance = np.repeat(1 / sizes_of_a_day(rng)[:, None], 3, axis=1)
    gaps = rng.normal(0, np.sqrt(variance))
    gaps[400:440, 0] += 5.0  # ten hours of it, by night
    gaps[rng.random(TICKS) < 0.3, 1] = np.nan
    gaps[:, 2] = np.nan
    effect, tau2 = found(gaps, np.where(np.isfinite(gaps), variance, np.nan))
    assert effect.tolist() == [1.0, 1.0, 1.0]
    assert np.isfinite(tau2).all()


def test_clustered_events_leave_no_tick_wider_than_it_is_said_to_be():
    """By night as by day: tau2 alone would say too little by night and too much by day."""
    rng = np.random.default_rng(3)
    n = sizes_of_a_day(rng)
    gaps = rng.normal(0, np.sqrt(9 / n))[:, None]
    effect, tau2 = found(gaps, 1 / n[:, None])
    z = gaps[:, 0] / np.sqrt(effect[0] / n + tau2[0])
    assert 0.85 < z[n < 30].std() < 1.1
    assert 0.85 < z[n > 60].std() < 1.1
    alone = gaps[:, 0] / np.sqrt(1 / n + between_ticks(gaps, median(1 / n[:, None])))
    assert alone[n < 30].std() > 1.25
