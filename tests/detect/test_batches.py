"""A batch beside the reference: alarms by what differs, never by how many rows there are."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2, ncx2

from fireline.detect.batches import TOLERATED, compare, level, words
from fireline.detect.metrics import psi
from fireline.detect.tails import chi_square_tail, noncentral_chi_square_tail
from fireline.telemetry.census import numeric_counts
from fireline.telemetry.layout import numeric_series


@given(st.integers(1, 40), st.floats(0, 50_000), st.floats(1e-6, 0.999))
def test_the_noncentral_tail_is_scipys(degrees, shift, p):
    exact = ncx2 if shift else chi2
    at = float(exact.isf(p, degrees, shift) if shift else exact.isf(p, degrees))
    within = 1e-6 if shift < 200 else 0.1
    assert noncentral_chi_square_tail(at, degrees, shift) == pytest.approx(p, rel=within)


def test_without_a_shift_it_is_the_chi_square_and_nothing_is_certain_below_zero():
    assert noncentral_chi_square_tail(7.0, 3, 0.0) == pytest.approx(chi_square_tail(7.0, 3))
    assert noncentral_chi_square_tail(0.0, 3, 5.0) == 1.0


def verdicts(rng: np.random.Generator, rows: int, shift: float, batches: int) -> list[str]:
    usual = rng.normal(0, 1, 200_000)
    series = numeric_series("feature:x", usual, "", 900)
    reference = numeric_counts(series, usual)
    alpha = level(1, 30, 10)
    return [
        compare(series, None, reference, numeric_counts(series, rng.normal(shift, 1, rows)), alpha).verdict
        for _ in range(batches)
    ]


@pytest.mark.parametrize("rows", [600, 5_000, 200_000])
def test_a_batch_of_any_size_without_drift_or_with_a_small_one_is_alike(rows):
    """A shift of .15 sd has a PSI of .02, which hundreds of thousands of rows tell from nothing, and nobody
    needs to know."""
    rng = np.random.default_rng(rows)
    assert set(verdicts(rng, rows, 0.0, 40)) == {"alike"}
    assert set(verdicts(rng, rows, 0.15, 40)) == {"alike"}


@pytest.mark.parametrize(("rows", "shift"), [(600, 0.8), (5_000, 0.4), (200_000, 0.3)])
def test_a_batch_that_drifted_is_unlike(rows, shift):
    assert set(verdicts(np.random.default_rng(rows), rows, shift, 20)) == {"unlike"}


def test_false_alarms_are_as_many_as_were_accepted():
    """With a true PSI of just what is tolerated the chance is uniform, so a share alpha is called unlike."""
    rng, usual = np.random.default_rng(1), np.full(10, 10_000)
    tilt = np.linspace(-1, 1, 10)
    shares = np.exp(tilt * 0.3518) / np.exp(tilt * 0.3518).sum()
    assert psi(usual, shares * 1e9) == pytest.approx(TOLERATED, rel=0.2)
    series = numeric_series("feature:x", np.arange(1000.0), "", 900)
    cells = np.zeros(series.width, np.int64)
    called = 0
    for _ in range(400):
        reference, now = cells.copy(), cells.copy()
        reference[:10], now[:10] = usual, rng.multinomial(3_000, shares)
        called += compare(series, None, reference, now, 0.05).verdict == "unlike"
    assert called / 400 < 0.12


def test_few_rows_are_said_to_be_few():
    assert set(verdicts(np.random.default_rng(2), 100, 3.0, 3)) == {"too few rows"}


def test_cells_are_said_as_people_say_them():
    series = numeric_series("feature:x", np.arange(1000.0), "", 900)
    said = [words(series, i) for i in range(series.width)]
    assert said[0] == "0 to 62.44"
    assert said[-3:] == ["below 0", "above 999", "missing"]
