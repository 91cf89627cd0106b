"""Every figure equals its oracle to 1e-9; a figure read off bins holds the exact one within its stated
bound."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats
from scipy.spatial.distance import jensenshannon
from sklearn import metrics as sk

from fireline.detect import metrics as ours
from fireline.detect.monitors.auc import binned_auc


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


def test_noise_of_psi_is_stated():
    reference = np.array([500, 300, 200, 0])
    assert ours.psi_noise(reference, np.array([50, 30, 20, 0])) == close(2 * (1 / 100 + 1 / 1000))
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
def test_ks_of_bins_holds_the_exact_one(x, y):
    edges = np.linspace(-3, 3, 9)
    p, q = (np.histogram(v, edges)[0] for v in (x, y))
    found = ours.ks_of_bins(p, q)
    assert found.low - 1e-12 <= stats.ks_2samp(x, y, method="asymp").statistic <= found.high + 1e-12


@given(values, values)
def test_ks_of_bins_is_exact_where_each_value_has_a_bin(x, y):
    distinct = np.unique(np.r_[x, y])
    p, q = (np.array([(v == d).sum() for d in distinct]) for v in (x, y))
    assert ours.ks_of_bins(p, q).value == close(stats.ks_2samp(x, y, method="asymp").statistic)


# -- scores and labels


@given(shares, truths, st.integers(1, 12))
def test_auc_of_bins_holds_the_exact_one(score, positive, bins):
    assume(0 < positive.sum() < len(positive))
    edges = np.linspace(0, 1, bins + 1)
    negatives, positives = (np.histogram(score[c], edges)[0] for c in (~positive, positive))
    found = ours.auc_of_bins(negatives, positives)
    assert found.low - 1e-12 <= sk.roc_auc_score(positive, score) <= found.high + 1e-12
    assert found.value == close(binned_auc(negatives[None], positives[None])[0][0])


def test_auc_from_200_score_bins_states_a_small_bound():
    rng = np.random.default_rng(0)
    positive = rng.random(50_000) < 0.2
    score = 1 / (1 + np.exp(-rng.normal(positive * 1.0, 1)))
    edges = np.quantile(score, np.linspace(0, 1, 201))
    negatives, positives = (np.histogram(score[c], edges)[0] for c in (~positive, positive))
    found = ours.auc_of_bins(negatives, positives)
    assert found.high - found.low < 0.006
    assert found.value == pytest.approx(sk.roc_auc_score(positive, score), abs=1e-4)


# -- nothing to go by


def test_without_data_there_is_no_figure():
    zero = np.zeros(3, np.int64)
    found = [
        ours.js_divergence(zero, zero), ours.js_distance(zero, zero), ours.ks_of_bins(zero, zero).value,
        ours.auc_of_bins(zero, zero).value,
    ]  # fmt: skip
    assert np.isnan(found).all()
