"""Comparisons equal their oracles."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_auc_score

from fireline.triage.compare import (
    auc,
    bonferroni,
    gap_of_aucs,
    gap_of_means,
    gap_of_pairs,
    hanley,
    mean_of,
    placements,
    psi,
    tail,
)

RNG = np.random.default_rng(5)


@given(st.integers(0, 10_000), st.integers(5, 300), st.integers(1, 12))
@settings(max_examples=40, deadline=None)
def test_auc_equals_sklearn_with_ties_and_weights(seed: int, n: int, levels: int) -> None:
    rng = np.random.default_rng(seed)
    score = rng.integers(0, levels, n).astype(float)
    positive = rng.random(n) < 0.4
    weight = rng.random(n) + 0.1
    if positive.all() or not positive.any():
        assert np.isnan(auc(score, positive))
        return
    assert auc(score, positive) == pytest.approx(roc_auc_score(positive, score), abs=1e-12)
    weighted = roc_auc_score(positive, score, sample_weight=weight)
    assert auc(score, positive, weight) == pytest.approx(weighted, abs=1e-9)


def test_placements_of_the_positives_average_to_the_auc() -> None:
    score = np.round(RNG.normal(size=400), 1)
    positive = RNG.random(400) < 0.3
    placed = placements(score[positive], score[~positive])
    assert placed.mean() == pytest.approx(roc_auc_score(positive, score), abs=1e-12)


def test_paired_auc_gap_has_the_spread_seen_over_repetitions() -> None:
    gaps, errors = [], []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        label = rng.random(600) < 0.3
        base = rng.normal(size=600) + label
        other = base + rng.normal(0, 0.7, 600)
        gap = gap_of_aucs(other, label, base, label, same=True)
        gaps.append(gap.diff)
        errors.append(gap.se)
    assert np.std(gaps) == pytest.approx(np.mean(errors), rel=0.15)


def test_hanley_is_close_to_the_spread_of_independent_samples() -> None:
    found = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        label = rng.random(500) < 0.3
        found.append(auc(rng.normal(size=500) + label, label))
    assert np.std(found) == pytest.approx(np.sqrt(hanley(float(np.mean(found)), 150, 350)), rel=0.2)


def test_psi_equals_scipy_and_reads_its_noise_without_drift() -> None:
    p, q = np.array([400.0, 300, 200, 100]), np.array([100.0, 200, 300, 400])
    value, _ = psi(p * 1e6, q * 1e6)
    assert value == pytest.approx(stats.entropy(p, q) + stats.entropy(q, p), rel=1e-5)
    read = [
        psi(RNG.multinomial(2000, [0.1] * 10).astype(float), RNG.multinomial(500, [0.1] * 10).astype(float))
        for _ in range(200)
    ]
    assert np.mean([v for v, _ in read]) == pytest.approx(read[0][1], rel=0.15)


def test_an_empty_cell_is_neither_infinite_nor_lost() -> None:
    value, _ = psi(np.array([500.0, 500, 0]), np.array([0.0, 500, 500]))
    assert 2 < value < 20


def test_no_errors_of_fifty_are_not_certain() -> None:
    mean, variance, n = mean_of(np.zeros(50))
    assert (mean, n) == (0.0, 50)
    assert variance > 1e-4


def test_pairs_cancel_what_both_share() -> None:
    shared = RNG.normal(0, 5, 1000)
    new, old = shared + RNG.normal(0.2, 0.5, 1000), shared + RNG.normal(0, 0.5, 1000)
    assert gap_of_pairs(new, old).z > 5
    assert abs(gap_of_means(new, old).z) < 3


def test_bonferroni_widens_with_the_number_of_looks() -> None:
    assert bonferroni(1) == pytest.approx(stats.norm.ppf(1 - 0.005), abs=1e-9)
    assert bonferroni(1000) > bonferroni(10)
    assert tail(1.96) == pytest.approx(0.025, abs=1e-4)


def test_nothing_to_compare_is_said_and_not_guessed() -> None:
    assert not gap_of_means(np.array([np.nan]), np.array([1.0])).known
    assert gap_of_means(np.array([]), np.array([1.0])).z == 0.0
