"""Every figure equals its oracle to 1e-9; a figure read off bins holds the exact one within its stated
bound."""

import numpy as np
import pytest
from fairlearn import metrics as fair
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats
from scipy.spatial.distance import jensenshannon
from scipy.special import kolmogorov
from sklearn import metrics as sk
from sklearn.calibration import calibration_curve

from fireline.detect import metrics as ours
from fireline.detect.monitors.auc import binned_auc
from fireline.detect.tails import chi_square_tail, kolmogorov_tail


def close(value: float) -> object:
    return pytest.approx(value, rel=1e-9, abs=1e-9)


counts = hnp.arrays(np.int64, st.shared(st.integers(2, 20), key="cells"), elements=st.integers(0, 10_000))
filled = counts.filter(lambda c: c.sum() > 0)
# Few distinct values, so that ties happen.
values = hnp.arrays(np.float64, st.integers(1, 60), elements=st.integers(-20, 20).map(lambda v: v / 7))
shares = hnp.arrays(
    np.float64, st.shared(st.integers(1, 60), key="n"), elements=st.integers(0, 50).map(lambda v: v / 50)
)
truths = hnp.arrays(bool, st.shared(st.integers(1, 60), key="n"))


# -- PSI


@given(filled, filled)
def test_psi_is_the_symmetric_entropy_of_the_smoothed_shares(reference, current):
    usual = np.where(reference == 0, 0.5, reference).astype(float)
    pseudo = usual / usual.sum() * len(usual) * 0.5
    p, q = reference + pseudo, current + pseudo
    assert ours.psi(reference, current) == close(stats.entropy(p, q) + stats.entropy(q, p))


@given(filled)
def test_psi_of_equal_shares_is_nearly_nothing(reference):
    assert 0 <= ours.psi(reference, 3 * reference) < 0.35
    assert ours.psi(reference * 1000, 3000 * reference) < 1e-4


def test_cells_the_reference_never_fills_do_not_read_as_drift():
    rng = np.random.default_rng(3)
    usual = np.r_[np.full(7, 1 / 7), 0, 0, 0]
    reference = (usual * 70_000).astype(np.int64)
    read = [ours.psi(reference, rng.multinomial(100, usual)) for _ in range(400)]
    flat = [_flat_psi(reference, rng.multinomial(100, usual)) for _ in range(400)]
    assert np.mean(read) < 1.1 * ours.psi_noise(reference, np.full(10, 10)) < 0.5 * np.mean(flat)


def _flat_psi(reference, current):
    p, q = reference + 0.5, current + 0.5
    return stats.entropy(p, q) + stats.entropy(q, p)


@pytest.mark.parametrize("bins", [10, 16])
@pytest.mark.parametrize(("n", "m"), [(100, 1000), (300, 3000), (1000, 1000), (3000, 50_000)])
def test_without_drift_psi_over_its_noise_is_chi_square(bins, n, m):
    rng = np.random.default_rng(bins * n + m)
    usual = np.full(bins, 1 / bins)
    pairs = zip(rng.multinomial(m, usual, 4000), rng.multinomial(n, usual, 4000), strict=True)
    scaled = np.array([ours.psi(a, b) for a, b in pairs]) / (1 / n + 1 / m)
    beyond = (scaled > stats.chi2.ppf(0.95, bins - 1)).mean()
    assert 0.025 < beyond < 0.063  # 5 % nominal; smoothing makes small samples a little quieter, never louder
    assert 0.9 < scaled.mean() / (bins - 1) < 1.05


def test_noise_of_psi_is_stated_and_little_data_is_called_so():
    reference = np.array([500, 300, 200, 0])
    assert ours.psi_noise(reference, np.array([50, 30, 20, 0])) == close(2 * (1 / 100 + 1 / 1000))
    assert ours.enough_for_psi(reference, np.array([30, 30, 30, 0]))
    assert not ours.enough_for_psi(reference, np.array([29, 30, 30, 0]))
    assert np.isnan(ours.psi_noise(reference, np.zeros(4)))


# -- other distances of histograms


@given(filled, filled, st.sampled_from([np.e, 2, 10]))
def test_jensen_shannon_equals_scipys_distance_squared(p, q, base):
    expected = np.nan_to_num(jensenshannon(p, q, base=base))  # scipy gives NaN where rounding goes below 0
    assert ours.js_distance(p, q, base) ** 2 == close(expected**2)
    assert ours.js_divergence(p, q, base) == close(expected**2)


@given(filled, filled)
def test_jensen_shannon_in_bits_lies_between_0_and_1(p, q):
    assert 0 <= ours.js_divergence(p, q, 2) <= 1 + 1e-12


@given(values, values)
def test_ks_equals_scipy(x, y):
    assert ours.ks(x, y) == close(stats.ks_2samp(x, y).statistic)


@given(values, values)
def test_ks_of_bins_holds_the_exact_one(x, y):
    edges = np.linspace(-3, 3, 9)
    p, q = (np.histogram(v, edges)[0] for v in (x, y))
    found = ours.ks_of_bins(p, q)
    assert found.low - 1e-12 <= ours.ks(x, y) <= found.high + 1e-12


@given(values, values)
def test_ks_of_bins_is_exact_where_each_value_has_a_bin(x, y):
    distinct = np.unique(np.r_[x, y])
    p, q = (np.array([(v == d).sum() for d in distinct]) for v in (x, y))
    assert ours.ks_of_bins(p, q).value == close(ours.ks(x, y))


@given(values, values)
def test_wasserstein_equals_scipy(x, y):
    assert ours.wasserstein(x, y) == close(stats.wasserstein_distance(x, y))


@given(values, values)
def test_wasserstein_of_bins_is_off_by_a_bin_at_most(x, y):
    edges = np.linspace(-3, 3, 13)
    middles = (edges[1:] + edges[:-1]) / 2
    p, q = (np.histogram(v, edges)[0] for v in (x, y))
    found = ours.wasserstein(middles, middles, p, q)
    assert found == close(stats.wasserstein_distance(middles, middles, p, q))
    assert abs(found - ours.wasserstein(x, y)) <= edges[1] - edges[0] + 1e-12


@given(hnp.arrays(np.int64, st.tuples(st.integers(1, 5), st.integers(1, 5)), elements=st.integers(0, 500)))
def test_chi_square_equals_scipy(table):
    kept = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
    assume(kept.size)
    found, expected = ours.chi_square(table), stats.chi2_contingency(kept, correction=False)
    assert (found.statistic, found.degrees) == (close(expected.statistic), expected.dof)
    assert found.p == close(expected.pvalue)


@given(st.floats(0, 500), st.integers(1, 300))
def test_chi_square_tail_equals_scipy(statistic, degrees):
    assert chi_square_tail(statistic, degrees) == close(stats.chi2.sf(statistic, degrees))


@given(st.floats(0, 1), st.integers(1, 5000), st.integers(1, 5000))
def test_kolmogorov_tail_equals_scipy(distance, n, m):
    assert kolmogorov_tail(distance, n, m) == close(kolmogorov(distance * np.sqrt(n * m / (n + m))))


# -- scores and labels


@given(shares, truths)
def test_auc_with_ties_equals_sklearn(score, positive):
    assume(0 < positive.sum() < len(positive))
    assert ours.auc(score, positive) == close(sk.roc_auc_score(positive, score))


@given(shares, truths, st.integers(1, 12))
def test_auc_of_bins_holds_the_exact_one(score, positive, bins):
    assume(0 < positive.sum() < len(positive))
    edges = np.linspace(0, 1, bins + 1)
    negatives, positives = (np.histogram(score[c], edges)[0] for c in (~positive, positive))
    found = ours.auc_of_bins(negatives, positives)
    assert found.low - 1e-12 <= ours.auc(score, positive) <= found.high + 1e-12
    assert found.value == close(binned_auc(negatives[None], positives[None])[0][0])


def test_auc_from_200_score_bins_states_a_small_bound():
    rng = np.random.default_rng(0)
    positive = rng.random(50_000) < 0.2
    score = 1 / (1 + np.exp(-rng.normal(positive * 1.0, 1)))
    edges = np.quantile(score, np.linspace(0, 1, 201))
    negatives, positives = (np.histogram(score[c], edges)[0] for c in (~positive, positive))
    found = ours.auc_of_bins(negatives, positives)
    assert found.high - found.low < 0.006
    assert found.value == pytest.approx(ours.auc(score, positive), abs=1e-4)


@given(shares, truths)
def test_average_precision_equals_sklearn(score, positive):
    assume(positive.any())
    assert ours.average_precision(score, positive) == close(sk.average_precision_score(positive, score))


@given(shares, truths)
def test_log_loss_equals_sklearn(p, positive):
    assert ours.log_loss(p, positive) == close(sk.log_loss(positive, p, labels=[False, True]))


@given(shares, truths)
def test_brier_equals_sklearn(p, positive):
    assert ours.brier(p, positive) == close(sk.brier_score_loss(positive, p, labels=[False, True]))


@given(shares, truths, st.integers(1, 15))
def test_ece_equals_sklearns_calibration_curve_weighted_by_events(p, positive, bins):
    assume(0 < positive.sum() < len(positive))
    seen, said = calibration_curve(positive, p, n_bins=bins)
    edges = np.linspace(0, 1, bins + 1)
    inside = np.bincount(np.searchsorted(edges[1:-1], p), minlength=bins)
    expected = (np.abs(seen - said) * inside[inside > 0]).sum() / len(p)
    assert ours.ece(p, positive, bins) == close(expected)


@given(st.integers(0, 300), st.integers(1, 300), st.sampled_from([0.9, 0.95, 0.99]))
def test_win_rate_has_wilsons_interval(hits, n, confidence):
    assume(hits <= n)
    expected = stats.binomtest(hits, n).proportion_ci(confidence, method="wilson")
    found = ours.wilson(hits, n, confidence)
    assert (found.value, found.low, found.high) == (
        close(hits / n),
        close(expected.low),
        close(expected.high),
    )


# -- quantiles


@given(
    hnp.arrays(np.float64, st.integers(1, 200), elements=st.floats(0.5, 3000)),
    st.sampled_from([0, 0.5, 0.9, 0.95, 0.99, 1]),
)
def test_quantile_of_log_bins_holds_numpys_linear_one(sample, q):
    edges = 1.02 ** np.arange(400)  # 1 to 2,700: some values lie below, some above
    place = np.searchsorted(edges, sample, side="right") - 1
    cells = np.bincount(np.where(place < 0, 399, np.where(place > 398, 400, place)), minlength=402)
    found = ours.quantile_of_bins(edges, cells, q)
    exact = float(np.quantile(sample, q, method="linear"))
    assert found.low <= exact * (1 + 1e-12)
    assert exact <= found.high * (1 + 1e-12)
    if found.low >= 1 and found.high <= edges[-1]:
        assert found.value == pytest.approx(exact, rel=0.0101)


# -- groups


@st.composite
def audited(draw):
    """Choices, truths and groups [n]; each of two to four groups holds a positive and a negative."""
    held = [(g, truth) for g in range(draw(st.integers(2, 4))) for truth in (True, False)]
    rows = held + draw(st.lists(st.sampled_from(held), max_size=40))
    chosen = draw(hnp.arrays(bool, len(rows)))
    return chosen, np.array([truth for _, truth in rows]), np.array([g for g, _ in rows])


@settings(max_examples=12)
@given(audited())
def test_demographic_parity_equals_fairlearn(case):
    chosen, positive, group = case
    expected = fair.demographic_parity_difference(positive, chosen, sensitive_features=group)
    assert ours.demographic_parity_difference(chosen, group) == close(expected)


@settings(max_examples=12)
@given(audited())
def test_equal_opportunity_equals_fairlearn(case):
    chosen, positive, group = case
    expected = fair.equal_opportunity_difference(positive, chosen, sensitive_features=group)
    assert ours.equal_opportunity_difference(chosen, positive, group) == close(expected)


@settings(max_examples=12)
@given(audited())
def test_equalized_odds_equals_fairlearn(case):
    chosen, positive, group = case
    expected = fair.equalized_odds_difference(positive, chosen, sensitive_features=group)
    assert ours.equalized_odds_difference(chosen, positive, group) == close(expected)


def test_a_group_without_positives_says_nothing_of_opportunity():
    chosen, positive = np.array([1, 0, 1, 1], bool), np.array([1, 1, 1, 0], bool)
    assert ours.equal_opportunity_difference(chosen, positive, np.array(["a", "a", "b", "c"])) == 0.5


# -- nothing to go by


def test_without_data_there_is_no_figure():
    none, no = np.empty(0), np.empty(0, bool)
    zero = np.zeros(3, np.int64)
    found = [
        ours.js_divergence(zero, zero), ours.js_distance(zero, zero), ours.ks_of_bins(zero, zero).value,
        ours.chi_square(zero[None]).statistic, ours.ks(none, none), ours.wasserstein(none, none),
        ours.auc(none, no), ours.auc_of_bins(zero, zero).value, ours.average_precision(none, no),
        ours.log_loss(none, no), ours.brier(none, no), ours.ece(none, no), ours.wilson(0, 0).value,
        ours.quantile_of_bins(np.array([1.0, 2, 3, 4]), zero, 0.5).value,
        ours.demographic_parity_difference(no, none), ours.equalized_odds_difference(no, no, none),
    ]  # fmt: skip
    assert np.isnan(found).all()
