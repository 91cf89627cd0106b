"""Figures of quality and fairness from counts equal scikit-learn's and fairlearn's; binned ones hold the
exact one within their bound."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from fairlearn import metrics as fair
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from fireline.detect import alike, metrics, scored
from fireline.detect.kinds import Array, Kind, Means
from fireline.detect.registry import kind_named
from fireline.telemetry.columns import Words
from fireline.telemetry.counters import Rows, declared
from fireline.telemetry.counters.rankings import ordered
from fireline.telemetry.layout import declare
from fireline.telemetry.tally import add_up, tally, tally_quality
from fireline.terms.counts import SERVICE
from fireline.terms.plan import Plan
from tests.support import logs, quality_town, town
from tests.support.quality_town import CLASSES, ITEMS

FIXED = 2e-6  # sums in millionths, and the probabilities' last digits


def counted(task: str, table: pa.Table, label: np.ndarray) -> tuple[Plan, dict[str, np.ndarray]]:
    """The plan of ``table`` and its counts of all hours added up, by layout."""
    book = quality_town.runbook(task, **quality_town.columns_of(task))
    plan = town.with_labels(declare(book, table), label)
    extras = declared(book, plan, Rows(table, Words(table), label), ("events", "cohorts"))
    plan = replace(plan, extras=extras)
    rows = tally(plan, table) + tally_quality(plan, table, label)
    first = logs.START // 3600
    found = {}
    for layout in (one for one in (plan.quality, *plan.extras) if 3600 in one.grains.values()):
        found[layout.name] = add_up(rows, layout, 3600, first, first + 14 * 24)[SERVICE].sum(axis=0)[None]
    return plan, found


def read(name: str, plan: Plan, counts: dict[str, np.ndarray]) -> Array:
    """The statistic of a kind, all channels."""
    kind: Kind = kind_named(name)
    ticks = kind.ticks(plan, counts[kind.layout])
    assert isinstance(ticks, Means)
    assert (ticks.variance[np.isfinite(ticks.value)] > 0).all()
    return ticks.value[0]


@pytest.fixture(scope="module", params=[1, 2])
def binary(request):
    table, label = quality_town.log("binary", request.param, 2.0, 0, 7)
    label[np.random.default_rng(0).random(len(label)) < 0.2] = np.nan
    plan, counts = counted("binary", table, label)
    known = np.isfinite(label)
    return plan, counts, {n: table.column(n).to_numpy()[known] for n in table.column_names}, label[known] == 1


# -- scores and labels


def test_losses_are_scikit_learns(binary):
    plan, counts, rows, truth = binary
    assert read("log_loss", plan, counts)[0] == pytest.approx(sk.log_loss(truth, rows["score"]), abs=FIXED)
    assert read("brier", plan, counts)[0] == pytest.approx(
        sk.brier_score_loss(truth, rows["score"]), abs=FIXED
    )


def test_precision_recall_and_f1_are_scikit_learns(binary):
    plan, counts, rows, truth = binary
    said = rows["prediction"] == 1
    wanted = sk.precision_recall_fscore_support(truth, said, average="binary")[:3]
    found = [read(name, plan, counts)[0] for name in ("precision", "recall", "f1")]
    assert found == pytest.approx(list(wanted), abs=1e-9)


def test_calibration_error_is_the_known_one_less_what_chance_reads(binary):
    plan, counts, rows, truth = binary
    p = rows["score"]
    place = np.clip(np.ceil(p * 10 - 1e-12) - 1, 0, 9).astype(int)
    chance = np.sqrt(2 / np.pi * np.bincount(place, p * (1 - p), 10)).sum() / len(p)
    assert read("ece", plan, counts)[0] + chance == pytest.approx(metrics.ece(p, truth), abs=1e-5)


def test_calibration_error_of_a_perfect_score_is_about_nothing_at_any_traffic():
    rng = np.random.default_rng(4)
    for n in (100, 1000, 10_000):
        read_ = []
        for _ in range(200):
            p = rng.beta(2, 3, n)
            gap = np.bincount((p * 10).astype(int), (rng.random(n) < p) - p, 10)
            spread = np.bincount((p * 10).astype(int), p * (1 - p), 10)
            read_.append((np.abs(gap).sum() - np.sqrt(2 / np.pi * spread).sum()) / n)
        assert abs(np.mean(read_)) < 0.004
    assert kind_named("ece").tolerance > 0.004


scores = st.lists(
    st.tuples(st.integers(0, 40), st.booleans()), min_size=2, max_size=80
).filter(lambda rows: any(y for _, y in rows))  # fmt: skip


@given(scores, st.sampled_from([1, 4, 15, 41]))
def test_average_precision_of_bins_holds_the_exact_one(rows, width):
    score, truth = np.array([s for s, _ in rows]), np.array([y for _, y in rows])
    place = score // width
    cells = [np.bincount(place[truth == y], minlength=42) for y in (False, True)]
    found = scored.average_precision_of_bins(*cells)
    exact = sk.average_precision_score(truth, score)
    assert found.low - 1e-9 <= exact <= found.high + 1e-9
    assert found.value == pytest.approx(sk.average_precision_score(truth, place), abs=1e-9)


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1))
def test_expected_auc_is_that_of_weighted_pairs(seed):
    rng = np.random.default_rng(seed)
    counts, shares = rng.integers(0, 50, 8), rng.random(8)
    counts[0] += 1
    place = np.arange(8)
    truth, weight = np.repeat([1, 0], 8), np.r_[counts * shares, counts * (1 - shares)]
    exact = sk.roc_auc_score(truth, np.tile(place, 2), sample_weight=weight)
    value, variance = scored.expected_auc(counts[None], shares)
    assert value[0] == pytest.approx(exact, abs=1e-9)
    assert variance[0] > 0


def test_expected_auc_varies_as_its_variance_says():
    rng = np.random.default_rng(3)
    shares, mix = np.linspace(0.02, 0.9, 12), rng.dirichlet(np.ones(12))
    counts = rng.multinomial(400, mix, 3000)
    value, variance = scored.expected_auc(counts, shares)
    assert value.std() == pytest.approx(np.sqrt(variance.mean()), rel=0.08)


def test_estimates_come_true_while_scores_mean_what_they_did(binary):
    plan, counts, rows, truth = binary
    assert read("estimated_auc", plan, counts)[0] == pytest.approx(
        sk.roc_auc_score(truth, rows["score"]), abs=0.01
    )
    assert read("estimated_accuracy", plan, counts)[0] == pytest.approx(
        sk.accuracy_score(truth, rows["score"] >= 0.5), abs=0.01
    )


def test_the_truth_given_the_score_reads_no_concept_drift_on_its_own_reference(binary):
    plan, counts, _, _ = binary
    assert np.abs(read("concept_drift", plan, counts)).max() < 0.003


# -- groups


def test_gaps_between_groups_are_fairlearns(binary):
    plan, counts, rows, truth = binary
    said, sex = rows["prediction"] == 1, rows["sex"]
    odds = read("equalized_odds", plan, counts)
    wanted = fair.equalized_odds_difference(truth, said, sensitive_features=sex)
    assert np.abs(odds).max() == pytest.approx(wanted, abs=1e-9)
    rates = fair.MetricFrame(
        metrics=fair.true_positive_rate, y_true=truth, y_pred=said, sensitive_features=sex
    )
    assert read("equal_opportunity", plan, counts)[0] == pytest.approx(
        rates.by_group["F"] - rates.by_group["M"], abs=1e-9
    )
    means = [(truth - rows["score"])[sex == group].mean() for group in ("F", "M")]
    assert read("group_calibration", plan, counts)[0] == pytest.approx(means[0] - means[1], abs=FIXED)


def test_selection_is_counted_of_all_events_labelled_or_not():
    table, label = quality_town.log("binary", 3, 2.0, 0, 7)
    label[:] = np.where(np.arange(len(label)) % 2, np.nan, label)
    plan, counts = counted("binary", table, label)
    said, sex = table.column("prediction").to_numpy() == 1, table.column("sex").to_numpy()
    wanted = fair.demographic_parity_difference(said, said, sensitive_features=sex)
    assert abs(read("demographic_parity", plan, counts)[0]) == pytest.approx(wanted, abs=1e-9)


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans(), st.booleans()), min_size=1, max_size=60))
def test_the_spread_over_groups_is_fairlearns(rows):
    group, said, truth = (np.array(part) for part in zip(*rows, strict=True))
    if len(np.unique(group)) < 2:
        assert np.isnan(alike.spread(np.array([3.0]), np.array([5.0])))
        return
    n = np.bincount(group, minlength=4)
    hits = np.bincount(group, said, 4)
    wanted = fair.demographic_parity_difference(truth, said, sensitive_features=group)
    assert alike.spread(hits, n) == pytest.approx(wanted, abs=1e-9)


# -- numbers, classes, rankings, preferences, business figures


def test_errors_of_numbers_are_scikit_learns():
    table, label = quality_town.log("regression", 4, 2.0, 0, 7)
    plan, counts = counted("regression", table, label)
    said, scale = table.column("prediction").to_numpy(), plan.error_scale
    wanted = sk.root_mean_squared_error(label, said) / scale
    assert read("rmse", plan, counts)[0] == pytest.approx(wanted, abs=FIXED)
    assert read("error_bias", plan, counts)[0] == pytest.approx((label - said).mean() / scale, abs=FIXED)


def test_several_classes_are_scikit_learns():
    table, label = quality_town.log("multiclass", 4, 2.0, 0, 7)
    plan, counts = counted("multiclass", table, label)
    truth, said = (table.column(n).to_numpy(zero_copy_only=False) for n in ("label", "prediction"))
    assert read("macro_f1", plan, counts)[0] == pytest.approx(
        sk.f1_score(truth, said, average="macro"), abs=1e-9
    )
    names = [monitor.feature for monitor in kind_named("class_recall").monitors(plan)]
    wanted = sk.recall_score(truth, said, labels=names, average=None)
    assert read("class_recall", plan, counts).tolist() == pytest.approx(wanted.tolist(), abs=1e-9)
    scores = np.stack([table.column(f"p_{name}").to_numpy() for name in CLASSES], axis=1)
    ordered_scores = scores[:, np.argsort(CLASSES)]
    assert read("log_loss", plan, counts)[0] == pytest.approx(
        sk.log_loss(truth, ordered_scores, labels=sorted(CLASSES)), abs=FIXED
    )


def test_rankings_are_scikit_learns():
    table, label = quality_town.log("ranking", 4, 0.5, 0, 7)
    plan, counts = counted("ranking", table, label)
    gain, score = label.reshape(-1, ITEMS), table.column("score").to_numpy().reshape(-1, ITEMS)
    assert read("ndcg", plan, counts)[0] == pytest.approx(sk.ndcg_score(gain, score, k=10), abs=FIXED)
    some = gain.sum(axis=1) > 0
    reciprocal = sk.label_ranking_average_precision_score(*_first_only(gain[some], score[some])) * some.mean()
    assert read("mrr", plan, counts)[0] == pytest.approx(reciprocal, abs=FIXED)
    assert read("hit_rate", plan, counts)[0] == pytest.approx(some.mean(), abs=1e-9)


def _first_only(gain: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Only the best placed relevant item of each query: its precision is the reciprocal rank."""
    best = np.where(gain > 0, score, -1).argmax(axis=1)
    only = np.zeros_like(gain)
    only[np.arange(len(gain)), best] = 1
    return only, score


@settings(max_examples=50)
@given(st.integers(0, 2**32 - 1))
def test_graded_and_long_rankings_are_scikit_learns(seed):
    rng = np.random.default_rng(seed)
    length = int(rng.integers(2, 25))
    gain = rng.integers(0, 4, (5, length)).astype(float)
    score = np.tile(-np.arange(length, dtype=float), (5, 1))
    _, figures = ordered(np.repeat(np.arange(5), length), gain.ravel())
    assert figures["ndcg"].mean() == pytest.approx(sk.ndcg_score(gain, score, k=10), abs=1e-9)


def test_a_query_without_any_label_is_not_judged_and_an_item_without_one_is_not_relevant():
    ranking = np.array([0, 0, 1, 1])
    first, figures = ordered(ranking, np.array([np.nan, np.nan, np.nan, 1.0]))
    assert first.tolist() == [2]
    assert figures["reciprocal"].tolist() == [0.5]


def test_the_rows_of_a_ranking_may_come_in_any_order():
    table, label = quality_town.log("ranking", 4, 0.5, 0, 7)
    plan, counts = counted("ranking", table, label)
    at = table.column("time").cast(pa.int64()).to_numpy()
    mixed = np.lexsort((np.random.default_rng(1).random(len(at)), at // 3_600_000_000))
    again = table.take(pa.array(mixed))
    rows = tally_quality(plan, again, label[mixed])
    first, layout = logs.START // 3600, plan.layout("rankings")
    found = add_up(rows, layout, 3600, first, first + 14 * 24)[SERVICE].sum(axis=0)
    assert np.array_equal(found, counts["rankings"][0])


def test_arms_are_compared_with_control():
    table, label = quality_town.log("binary", 4, 2.0, 0, 7)
    plan, counts = counted("binary", table, label)
    arm, outcome = (table.column(n).to_numpy(zero_copy_only=False) for n in ("arm", "outcome"))
    b, control = outcome[arm == "B"], outcome[arm == "control"]
    found = kind_named("kpi_difference").ticks(plan, counts["outcomes"])
    assert found.value[0, 0] == pytest.approx(b.mean() / control.mean() - 1, abs=1e-5)
    assert np.isnan(found.value[0, 1])
    error = np.sqrt(b.var() / len(b) + control.var() / len(control)) / control.mean()
    assert np.sqrt(found.variance[0, 0]) == pytest.approx(error, rel=0.02)
    assert read("kpi", plan, counts)[0] == pytest.approx(outcome.mean(), rel=1e-5)
    ratio = kind_named("sample_ratio").ticks(plan, counts["outcomes"])
    assert (ratio.hits[0, 0], ratio.n[0, 0]) == ((arm == "B").sum(), len(arm))
