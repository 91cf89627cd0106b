"""While nothing is wrong a tick's factor is 1 on average at most; so a level A is reached in T ticks with P
<= T/A."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import stats

from fireline.detect.evalue import LAMBDAS, ODDS, caps, mean_log_factors, rate_log_factors, run

UNBOUND = np.array([np.inf])
shares = st.floats(1e-4, 1 - 1e-4)


def expected_rate_factors(n: int, p: float, p0: float, phi: float, cap: float, up: bool) -> np.ndarray:
    """Exact means [4] over every outcome of n trials with share p."""
    hits = np.arange(n + 1)[:, None]
    logs = rate_log_factors(
        hits, np.full_like(hits, n), np.full(hits.shape, p0), np.array([phi]), np.array([cap]), up
    )
    return np.exp(stats.binom.logpmf(hits, n, p)[..., None] + logs).sum(axis=(0, 1))


# -- rates


@given(
    st.integers(0, 400),
    shares,
    st.floats(0, 1),
    st.floats(1, 20),
    st.sampled_from([np.inf, 3.0]),
    st.booleans(),
)
@example(1, 1e-4, 1.0, 1.0, np.inf, True)
@example(400, 0.9999, 1.0, 1.0, np.inf, False)
def test_rate_factors_are_at_most_1_on_average_under_every_null(n, p0, part, phi, cap, up):
    p = p0 * part if up else 1 - (1 - p0) * part
    assert (expected_rate_factors(n, p, p0, phi, cap, up) <= 1 + 1e-9).all()


@given(st.integers(1, 200), shares, st.booleans())
def test_at_the_edge_of_the_null_they_are_exactly_1(n, p0, up):
    assert expected_rate_factors(n, p0, p0, 1.0, np.inf, up) == pytest.approx(np.ones(len(ODDS)), rel=1e-9)


@given(st.floats(0.001, 0.3), st.integers(50, 300))
def test_a_share_of_twice_the_odds_is_told_apart(p0, n):
    odds = 2 * p0 / (1 - p0)
    p = odds / (1 + odds)
    hits = np.arange(n + 1)[:, None]
    logs = rate_log_factors(hits, np.full_like(hits, n), np.full(hits.shape, p0), np.ones(1), UNBOUND)
    gain = (stats.binom.pmf(hits, n, p)[..., None] * logs).sum(axis=(0, 1))
    assert gain[ODDS.index(2.0)] > 0
    assert gain.argmax() == ODDS.index(2.0)


def test_up_and_down_mirror_each_other():
    hits, n = np.array([[3.0]]), np.array([[40.0]])
    up = rate_log_factors(hits, n, np.array([[0.1]]), np.ones(1), UNBOUND, up=True)
    down = rate_log_factors(n - hits, n, np.array([[0.9]]), np.ones(1), UNBOUND, up=False)
    assert up == pytest.approx(down, rel=1e-9)


# -- means


@given(st.floats(0, 3), st.sampled_from([np.inf, 2.0, 0.5]))
def test_mean_factors_are_at_most_1_on_average_within_the_tolerance(inside, cap):
    z = np.linspace(-14, 14, 20_001)[:, None]
    weights = stats.norm.pdf(z, loc=-inside) * (z[1] - z[0])
    factors = np.exp(mean_log_factors(z, np.array([cap])))
    assert ((weights[..., None] * factors).sum(axis=(0, 1)) <= 1 + 1e-6).all()


def test_at_the_edge_of_the_tolerance_they_are_exactly_1():
    z = np.linspace(-14, 14, 20_001)[:, None]
    weights = stats.norm.pdf(z) * (z[1] - z[0])
    factors = np.exp(mean_log_factors(z, UNBOUND))
    assert (weights[..., None] * factors).sum(axis=(0, 1)) == pytest.approx(np.ones(len(LAMBDAS)), abs=1e-6)


@given(st.floats(-1e6, 1e6), st.floats(0.1, 10), st.integers(0, 100))
def test_no_tick_says_more_than_its_cap(z, cap, hits):
    assert mean_log_factors(np.array([[z]]), np.array([cap])).max() <= cap
    n = np.array([[100]])
    for up in (True, False):
        logs = rate_log_factors(np.array([[hits]]), n, np.array([[0.2]]), np.ones(1), np.array([cap]), up)
        assert logs.max() <= cap


def reached(logs: np.ndarray) -> float:
    """What ``logs`` [T, branches] of one channel come to."""
    state = np.zeros((1, logs.shape[1]))
    valid = np.ones((len(logs), 1), bool)
    return float(run(logs[:, None, :], valid, state, np.zeros(1, int), np.ones(1, int))[-1, 0])


@given(st.floats(1e3, 1e8), st.integers(1, 200), st.integers(1, 5))
def test_as_many_loud_ticks_as_it_takes_fire_and_fewer_do_not(level, branches, k):
    cap = float(caps(np.array([level]), np.array([branches]), k)[0])
    everywhere = np.full((k, branches), cap)
    assert reached(everywhere) >= level * (1 - 1e-9)
    if k > 1:
        assert reached(everywhere[1:]) < level / 5, "not even a ticket"
    one = np.full((k, branches), -50.0)
    one[:, 0] = cap
    if cap * k >= np.log(level * branches) - 1e-9:  # few branches for such a level
        assert reached(one) >= level * (1 - 1e-9)


# -- the statistic


def simulated(kind: str, replicates: int, ticks: int, rng: np.random.Generator) -> np.ndarray:
    if kind == "means":
        return mean_log_factors(rng.normal(0, 1, (ticks, replicates)), np.full(replicates, np.inf))
    n = np.full((ticks, replicates), 50)
    return rate_log_factors(
        rng.binomial(n, 0.02), n, np.full(n.shape, 0.02), np.ones(replicates), np.full(replicates, np.inf)
    )


@pytest.mark.parametrize("kind", ["means", "rates"])
@pytest.mark.parametrize("together", [1, 4])
def test_a_level_is_reached_no_oftener_than_its_bound(kind, together):
    rng = np.random.default_rng(11)
    monitors, ticks = 400, 1500
    logs = simulated(kind, monitors * together, ticks, rng)
    groups = np.arange(monitors) * together
    state = np.zeros((monitors * together, 4))
    found = run(logs, np.ones(logs.shape[:2], bool), state, groups, np.full(monitors, together))
    for level in (3 * ticks, 10 * ticks):
        bound = ticks / level
        often = (found.max(axis=0) >= level).mean()
        assert often <= bound + 3 * np.sqrt(bound * (1 - bound) / monitors)


def test_dependent_monitors_keep_the_bound_together():
    """The union bound asks for no independence: twenty copies of one stream are as safe as one."""
    rng = np.random.default_rng(5)
    services, copies, ticks = 200, 20, 1000
    logs = np.repeat(simulated("means", services, ticks, rng), copies, axis=1)
    groups = np.arange(services * copies)
    found = run(
        logs, np.ones(logs.shape[:2], bool), np.zeros((len(groups), 4)), groups, np.ones(len(groups), int)
    )
    level = ticks * copies / 0.3
    paged = (found.max(axis=0) >= level).reshape(services, copies).any(axis=1).mean()
    assert paged <= 0.3 + 3 * np.sqrt(0.3 * 0.7 / services)


def test_without_data_evidence_stays_as_it_is():
    logs = np.full((5, 1, 4), 0.5)
    valid = np.array([[True], [True], [False], [False], [True]])
    stats_ = run(logs, valid, np.zeros((1, 4)), np.array([0]), np.array([1]))[:, 0]
    assert stats_[1] == stats_[2] == stats_[3]
    assert stats_[4] > stats_[3]


def test_evidence_is_the_mean_over_channels_and_alternatives():
    rng = np.random.default_rng(2)
    logs = rng.normal(0, 0.3, (40, 3, 4))
    r = np.zeros((3, 4))
    expected = []
    for tick in logs:
        r = (1 + r) * np.exp(tick)
        expected.append([r[:2].mean(), r[2].mean()])
    found = run(logs, np.ones((40, 3), bool), np.zeros((3, 4)), np.array([0, 2]), np.array([2, 1]))
    assert found == pytest.approx(np.array(expected), rel=1e-12)


def test_evidence_without_end_stays_a_number():
    """A silence of weeks multiplies on; the first event after it ends it with a factor of 0."""
    logs = np.concatenate([np.full((900, 1, 1), 5.0), np.full((1, 1, 1), -np.inf), np.zeros((3, 1, 1))])
    found = run(logs, np.ones((904, 1), bool), np.zeros((1, 1)), np.array([0]), np.array([1]))
    assert np.isfinite(found).all()
    assert found[899] > 1e100
    assert found[900] == 0
    assert found[903] == 3
