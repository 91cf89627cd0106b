"""What is usual is learnt: the truth within its error, whatever one incident did, and silent on where it came
from."""

import warnings
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fireline.detect.bank import Bank
from fireline.detect.calibrate import QUIET, _loud, quieten
from fireline.detect.fit import Fit, _unsure, _untrimmed, fit
from fireline.detect.merging import choose_merge, merged
from fireline.detect.registry import kind_named
from fireline.terms.counts import MINUTE, QUARTER, SERVICE
from tests.support.references import DAYS, START, ages, errors, local_hour, plan, wave


def learnt(name: str, counts: np.ndarray) -> Fit:
    kind = kind_named(name)
    grain = kind.laid_out(plan()).grains["service"]
    return fit(kind, plan(), counts, START // grain, grain)


# -- the base


def test_rates_are_learnt_by_the_hour():
    rng = np.random.default_rng(0)
    hour = local_hour(MINUTE)
    truth = 0.02 * (1 + 0.6 * np.sin(2 * np.pi * hour / 24))
    found = learnt("error_rate", errors(rng, truth, 50))
    cells = np.arange(48)
    expected = 0.02 * (1 + 0.6 * np.sin(2 * np.pi * (cells % 24) / 24))
    days = np.where(cells < 24, 20, 8)
    error = np.sqrt(expected / (days * 60 * 50))
    assert (np.abs(found.base[:, 0] - expected) < 5 * error).all()


def test_a_rate_without_season_has_one_base():
    found = learnt("error_rate", errors(np.random.default_rng(1), 0.01, 5))
    assert found.base[:, 0] == pytest.approx(np.full(48, 0.01), rel=0.12)
    assert 1 <= found.inflation[0] < 1.3


def test_means_are_learnt_by_the_hour():
    rng = np.random.default_rng(2)
    shift = np.round(0.3 * np.sin(2 * np.pi * local_hour(QUARTER) / 24), 3)
    flat, moved = (learnt("numeric_drift", ages(rng, s, 20)).base[:, 0] for s in (0.0, shift))
    expected = 0.3 * np.sin(2 * np.pi * (np.arange(48) % 24) / 24)
    scale = np.polyfit(expected, moved, 1)[0]  # four bins see most of a shift, not all of it
    assert 0.8 < scale < 1.1
    error = 1.2533 / np.sqrt(300 * np.where(np.arange(48) < 24, 80, 32))
    assert (np.abs(moved - scale * expected) < 5 * error + 0.01).all()
    assert (np.abs(flat) < 5 * error).all()


@pytest.mark.parametrize("hours", [1, 6, 24])
def test_one_incident_does_not_move_the_base_of_a_rate(hours):
    truth = np.full(DAYS * 1440, 0.01)
    calm = learnt("error_rate", errors(np.random.default_rng(3), truth, 50))
    truth[9 * 1440 + 600 : 9 * 1440 + 600 + hours * 60] = 0.4
    hit = learnt("error_rate", errors(np.random.default_rng(3), truth, 50))
    assert hit.base == pytest.approx(calm.base, rel=0.1)


@pytest.mark.parametrize("hours", [1, 6, 24])
def test_one_incident_does_not_move_the_base_of_a_mean(hours):
    shift = np.zeros(DAYS * 96)
    calm = learnt("numeric_drift", ages(np.random.default_rng(4), shift, 20))
    shift[9 * 96 + 40 : 9 * 96 + 40 + hours * 4] = 2.0
    hit = learnt("numeric_drift", ages(np.random.default_rng(4), shift, 20))
    assert np.abs(hit.base - calm.base).max() < 0.05


def test_a_percentiles_share_is_known_and_not_learnt():
    kind = kind_named("latency")
    cells = plan().rates.series[0].cells
    counts = errors(np.random.default_rng(5), 0.0, 20)
    counts[:, cells.index("timed")] = counts[:, 0]
    counts[:, cells.index("slow")] = np.random.default_rng(6).binomial(counts[:, 0], 0.05)
    found = fit(kind, plan(), counts, START // MINUTE, MINUTE)
    assert (found.base[:, 0] >= 0.05).all()
    assert found.base[:, 1] == pytest.approx(np.full(48, 0.05), rel=0.1)


# -- its spread


def test_wandering_between_ticks_is_told_from_chance():
    rng = np.random.default_rng(7)
    calm = learnt("numeric_drift", ages(rng, 0.0, 20))
    wandering = learnt("numeric_drift", ages(rng, np.round(rng.normal(0, 0.2, DAYS * 96), 2), 20))
    assert calm.tau2[0] < 0.001
    assert wandering.tau2[0] == pytest.approx(0.04 * 0.85, rel=0.3)


def test_independent_ticks_are_not_inflated_and_long_waves_are():
    rng = np.random.default_rng(8)
    assert learnt("numeric_drift", ages(rng, 0.0, 20)).inflation.max() < 1.5
    assert learnt("numeric_drift", ages(rng, wave(rng, DAYS * 96, 0.98, 0.3), 20)).inflation[0] > 3


def test_clustered_errors_are_overdispersed():
    rng = np.random.default_rng(9)
    share = rng.gamma(0.3, 0.01 / 0.3, DAYS * 24).repeat(60)
    assert learnt("error_rate", errors(rng, share, 50)).inflation[0] > 3


# -- silent on its own reference


@cache
def harsh() -> dict[str, tuple[str, np.ndarray]]:
    rng = np.random.default_rng(10)
    quarters, minutes = DAYS * 96, DAYS * 1440
    storms = np.full(minutes, 0.01)
    for at in rng.choice(minutes - 120, 12):
        storms[at : at + rng.integers(5, 120)] = rng.uniform(0.05, 0.5)
    weekly = np.where((np.arange(quarters) // 96) % 7 == 2, 0.5, 0.0)
    return {
        "errors in storms": ("error_rate", errors(rng, storms, 20)),
        "errors with heavy tails": (
            "error_rate",
            errors(rng, (0.002 * rng.pareto(1.2, DAYS * 24)).repeat(60), 20),
        ),
        "errors that wander": ("error_rate", errors(rng, 0.02 * np.exp(wave(rng, minutes, 0.999, 0.8)), 20)),
        "ages with heavy tails": (
            "numeric_drift",
            ages(rng, np.round(0.05 * rng.standard_t(1.5, quarters), 2), 20),
        ),
        "ages that wander": ("numeric_drift", ages(rng, wave(rng, quarters, 0.97, 0.4), 20)),
        "ages that wander slowly": ("numeric_drift", ages(rng, wave(rng, quarters, 0.999, 0.4), 20)),
        "another crowd each Wednesday": ("numeric_drift", ages(rng, weekly, 20)),
        "traffic in waves": ("traffic", ages(rng, 0.0, 20 * np.exp(wave(rng, quarters, 0.98, 0.8)))),
        "countries in waves": ("category_drift", countries(rng, wave(rng, quarters, 0.98, 0.6))),
    }


def countries(rng: np.random.Generator, lean: np.ndarray) -> np.ndarray:
    n = rng.poisson(300, len(lean))
    counts = np.zeros((len(n), plan().shapes.width), np.int64)
    span = plan().shapes.span("feature:country")
    counts[:, span.start] = rng.binomial(n, 1 / (1 + np.exp(-lean)))
    counts[:, span.start + 1] = n - counts[:, span.start]
    return counts


@pytest.mark.parametrize("case", list(harsh()))
def test_every_monitor_is_silent_on_its_own_reference(case):
    name, counts = harsh()[case]
    kind = kind_named(name)
    grain = kind.laid_out(plan()).grains["service"]
    first = START // grain
    raw = fit(kind, plan(), counts, first, grain)
    quiet = quieten(kind, plan(), {SERVICE: raw}, {SERVICE: counts}, first, grain)[SERVICE]
    bank = Bank(kind, plan(), {SERVICE: quiet})
    assert not _loud(bank, {SERVICE: counts}, first, grain, {}).any()
    assert (quiet.inflation >= raw.inflation).all()


def test_what_is_quiet_already_is_left_as_it_is():
    counts = errors(np.random.default_rng(11), 0.01, 20)
    kind, first = kind_named("error_rate"), START // MINUTE
    raw = fit(kind, plan(), counts, first, MINUTE)
    assert quieten(kind, plan(), {SERVICE: raw}, {SERVICE: counts}, first, MINUTE)[SERVICE] is raw
    assert QUIET >= 10


# -- ticks judged as one


@given(st.integers(0, 400), st.integers(0, 60), st.sampled_from([1, 2, 4, 8, 16, 32, 96]))
def test_merged_ticks_hold_the_same_events_aligned_to_1970(first, length, merge):
    counts = np.random.default_rng(first + length).integers(0, 9, (length, 2))
    folded, start = merged(counts, first, merge)
    expected: dict[int, np.ndarray] = {}
    for i, row in enumerate(counts):
        expected[(first + i) // merge] = expected.get((first + i) // merge, 0) + row
    assert start == first // merge
    assert {start + i: row.tolist() for i, row in enumerate(folded) if row.any()} == {
        tick: row.tolist() for tick, row in expected.items() if row.any()
    }


@pytest.mark.parametrize(("rate", "merge"), [(10, 1), (0.7, 2), (0.15, 8), (0.001, 96)])
def test_thin_ticks_are_judged_together(rate, merge):
    kind = kind_named("numeric_drift")
    counts = ages(np.random.default_rng(12), 0.0, rate)
    assert choose_merge(kind, plan(), counts, QUARTER) == merge


# -- next to nothing to learn from


@pytest.mark.parametrize(
    "name", ["error_rate", "numeric_drift", "category_drift", "auc", "traffic", "silence"]
)
def test_an_empty_reference_makes_monitors_that_cannot_judge(name):
    kind = kind_named(name)
    layout = kind.laid_out(plan())
    grain = layout.grains["service"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = fit(kind, plan(), np.zeros((200, layout.width), np.int64), START // grain, grain)
    if name != "traffic":  # nothing is a number of requests too
        assert not found.usable.any()
    for part in (found.base, found.base_variance, found.tau2, found.inflation, found.tolerance):
        assert np.isfinite(part).all()
    assert (found.inflation >= 1).all()


def test_learning_changes_nobody_elses_warnings():
    before = list(warnings.filters)
    learnt("numeric_drift", ages(np.random.default_rng(13), 0.0, 5, days=7))
    assert warnings.filters == before


def test_an_inflated_fit_differs_in_its_inflation_only():
    found = learnt("numeric_drift", ages(np.random.default_rng(14), 0.0, 5, days=7))
    wider = found.inflated(np.array([2.0, 3.0]))
    assert (wider.inflation == found.inflation * [2, 3]).all()
    assert wider.base is found.base


def test_rare_hits_are_not_trimmed_away_and_their_base_is_not_taken_for_sure() -> None:
    rng = np.random.default_rng(5)
    hours = 28 * 24
    n = rng.poisson(10, hours)
    hits = rng.binomial(n, 0.002)[:, None]
    keep = _untrimmed(hits.astype(float), n[:, None].astype(float), 1)
    assert keep.all(), "an hour with a single hit is no incident"
    burst = hits.astype(float)
    burst[40] = 9
    assert _untrimmed(burst, n[:, None].astype(float), 1)[40] == 0
    total, few = np.array([6700.0]), np.array([0.002])
    assert _unsure(few, total, total, 1e-4)[0] > 1.9
    assert _unsure(few, 100 * total, 100 * total, 1e-4)[0] < 1.15
