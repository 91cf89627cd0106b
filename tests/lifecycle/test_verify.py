"""Verdicts: what the shadow, a control or the series say of a measure, and what is missing where they
cannot."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from fireline.contain import advance, decide
from fireline.terms.incident import State
from fireline.verify import Comparison, control, judge_measure, series, series_figure, shadow, stats
from fireline.verify.wishes import wishes
from tests.lifecycle.make import Journal, act, alert, at, facts, runbook, triaging
from tests.lifecycle.traffic import Columns, answered_by, both, noisy, reference, traffic

SINCE, UNTIL = at(hours=0), at(hours=24)
REFERENCE = reference()


def served(n: int = 4000, seed: int = 1) -> Columns:
    return traffic(n, SINCE, 24, seed=seed)


def compared(bad: Columns, good: Columns, *alerts: dict[str, Any]) -> Comparison:
    live = answered_by(bad, "B")
    hidden = answered_by(good, "A", shadow=True)
    found = shadow(both(live, hidden), REFERENCE, good="A", bad="B", alerts=alerts or (alert(),), since=SINCE,
                   until=UNTIL, timezone="America/New_York")  # fmt: skip
    assert found is not None
    return found


def contained(family: str = "auc", **more: Any) -> Journal:
    journal = triaging()
    journal.write(at(hours=1), *decide(journal.now, facts(), runbook(), at(hours=1)))
    act(journal, at(hours=1))
    journal.write(at(hours=1), *advance(journal.now, at(hours=1)))
    assert journal.now.state is State.CONTAINED
    return journal


def verdict_on(evidence: Comparison | None) -> tuple[str, str]:
    journal = contained()
    drafts = judge_measure(journal.now, journal.now.measures[0], evidence, runbook(), at(hours=24))
    journal.write(at(hours=24), *drafts)
    assert judge_measure(journal.now, journal.now.measures[0], evidence, runbook(), at(hours=25)) == []
    return drafts[0].data["verdict"]["verdict"], drafts[0].because


def test_a_shadow_that_is_well_on_the_same_requests_makes_the_rollback_effective() -> None:
    good = served()
    kind, because = verdict_on(compared(good | {"score": noisy(good, 2)}, good))
    assert kind == "effective"
    assert because.startswith("The rollback to A would have helped: AUC 0.76 by A in its shadow against 0.6")
    assert because.endswith("(the same 4,000 requests).")


def test_a_shadow_that_is_as_bad_makes_it_ineffective() -> None:
    good = served()
    bad = noisy(good, 2)
    kind, because = verdict_on(compared(good | {"score": bad}, good | {"score": bad + 1e-9}))
    assert kind == "ineffective"
    assert "would not have helped: AUC 0.6" in because


def test_too_few_labels_leave_it_undecided_and_say_so() -> None:
    good = served()
    label = np.where(np.arange(4000) < 40, good["label"], np.nan)
    kind, because = verdict_on(
        compared(good | {"score": noisy(good, 2), "label": label}, good | {"label": label})
    )
    assert kind == "undecided"
    assert "of at least 20 labels of each kind are known" in because


def test_too_little_traffic_leaves_it_undecided_with_the_figures_so_far() -> None:
    good = served(120)
    kind, because = verdict_on(compared(good | {"score": noisy(good, 0.8)}, good))
    assert kind == "undecided"
    assert "more events are needed; so far AUC" in because


def test_without_a_shadow_nothing_is_claimed() -> None:
    assert shadow(answered_by(served(), "B"), REFERENCE, good="A", alerts=[alert()], since=SINCE, until=UNTIL,
                  timezone="UTC") is None  # fmt: skip
    kind, because = verdict_on(None)
    assert kind == "undecided"
    assert "no shadow answers of A on this traffic" in because


def test_half_the_harm_left_is_said() -> None:
    good = served(20_000)
    evidence = compared(good | {"score": noisy(good, 3)}, good | {"score": noisy(good, 0.8, seed=9)})
    kind, because = verdict_on(evidence)
    assert kind == "effective"
    assert "of the harm is left, so the version is not all of it" in because


def test_what_the_measure_makes_worse_is_said() -> None:
    good = served()
    failing = np.arange(4000) % 5 == 0
    kind, because = verdict_on(compared(good | {"score": noisy(good, 2)}, good | {"error": failing}))
    assert kind == "effective"
    assert "but beware, error rate 20 % by A in its shadow against 1.6 %" in because


def test_a_shadow_that_cannot_fail_is_no_witness_of_failures() -> None:
    good = served()
    broken = good | {"error": np.arange(4000) % 10 == 0}
    evidence = compared(
        broken, good | {"error": np.zeros(4000, bool)}, alert(family="error_rate", unit="share")
    )
    kind, because = verdict_on(evidence)
    assert kind == "undecided"
    assert "never fails in this log, so it says nothing of failures" in because
    kind, _ = verdict_on(compared(broken, good, alert(family="error_rate", unit="share")))
    assert kind == "effective"


def test_nulls_shifts_and_new_values_are_compared_per_feature() -> None:
    good = served()
    bad = good | {"x": np.where(np.arange(4000) % 2 == 0, np.nan, good["x"])}
    assert verdict_on(compared(bad, good, alert(family="null_rate", feature="x")))[0] == "effective"
    bad = good | {"x": good["x"] + 1}
    kind, because = verdict_on(compared(bad, good, alert(family="drift", feature="x")))
    assert kind == "effective"
    assert "drift of x" in because
    words = good["carrier"].copy()
    words[::3] = "??"
    for family in ("range", "drift"):
        evidence = compared(good | {"carrier": words}, good, alert(family=family, feature="carrier"))
        assert verdict_on(evidence)[0] == "effective"
        assert verdict_on(compared(good | {"carrier": words}, good | {"carrier": words},
                                   alert(family=family, feature="carrier")))[0] == "ineffective"  # fmt: skip


@pytest.mark.parametrize("family", ["accuracy", "calibration", "latency", "score_drift"])
def test_the_other_families_tell_good_from_bad(family: str) -> None:
    good = served(8000)
    bad = good | {"score": 1 - good["score"], "latency_ms": good["latency_ms"] * 3}
    assert verdict_on(compared(bad, good, alert(family=family)))[0] == "effective"
    same = compared(bad, bad, alert(family=family))
    assert verdict_on(same)[0] == "ineffective"


def test_a_family_no_counterfactual_can_show_is_said() -> None:
    good = served()
    kind, because = verdict_on(compared(good, good, alert(family="traffic")))
    assert kind == "undecided"
    assert "traffic: A's shadow cannot show it" in because


def test_harm_decides_before_its_signs() -> None:
    good = served()
    evidence = compared(good | {"score": noisy(good, 2)}, good, alert(), alert("alr-2", "drift", feature="x"))
    assert [f.family for f in evidence.drivers] == ["auc"]
    assert {f.family for f in evidence.figures} == {"auc", "drift", "error_rate", "score_drift"}


def test_a_figure_of_one_segment_looks_at_that_segment_only() -> None:
    good = served(9000)
    in_ua = good["carrier"] == "UA"
    bad = good | {"x": np.where(in_ua, np.nan, good["x"])}
    told = alert(family="null_rate", feature="x", segment={"carrier": "UA"})
    figure = compared(bad, good, told).figures[0]
    assert figure.pair is not None
    assert figure.pair.harmed == 1.0
    assert figure.pair.n_harmed == int(in_ua.sum())
    assert figure.name == "missing x in carrier UA"


def test_a_night_is_compared_with_nights() -> None:
    """The reference is weighted to the hours of the window: otherwise every night drifts."""
    ref = traffic(40_000, at(days=-14), 14 * 24, seed=5)
    hour = (ref["time"] // (3600 * 1_000_000)) % 24
    ref["x"] = hour + np.random.default_rng(2).normal(0, 0.5, len(hour))
    night = traffic(3000, at(hours=0), 3, seed=6)
    night["x"] = (night["time"] // (3600 * 1_000_000)) % 24 + np.random.default_rng(4).normal(0, 0.5, 3000)
    log = both(answered_by(night, "B"), answered_by(night, "A", shadow=True))
    told = [alert(family="drift", feature="x")]
    found = shadow(log, ref, good="A", alerts=told, since=at(), until=at(hours=3), timezone="UTC")
    assert found is not None
    pair = found.figures[0].pair
    assert pair is not None
    assert abs(pair.contained) < 0.05


def test_a_control_answers_for_other_requests() -> None:
    treated, untreated = served(seed=11), served(seed=12)
    evidence = control(
        treated,
        untreated | {"score": noisy(untreated, 2)},
        REFERENCE,
        alerts=[alert()],
        since=SINCE,
        until=UNTIL,
        timezone="UTC",
    )
    assert verdict_on(evidence)[0] == "effective"


def test_a_series_is_compared_before_and_after() -> None:
    rng = np.random.default_rng(3)
    before, after = rng.normal(0.10, 0.01, 20), rng.normal(0.021, 0.01, 20)
    told = alert(family="error_rate", seen=0.1, usual=0.02, unit="share")
    good = series_figure(told, before, after, 0.02, tolerance=0.005)
    assert verdict_on(series([good], SINCE, UNTIL))[0] == "effective"
    same = series_figure(told, before, rng.normal(0.10, 0.01, 20), 0.02, tolerance=0.005)
    assert verdict_on(series([same], SINCE, UNTIL))[0] == "ineffective"
    few = series_figure(told, before, after[:2], 0.02, tolerance=0.005)
    assert "only 2 of at least 3 ticks" in verdict_on(series([few], SINCE, UNTIL))[1]


def test_canary_alerts_are_about_the_figure_they_compared() -> None:
    told = alert(family="canary") | {"monitor": "canary_auc"}
    assert wishes([told])[0].family == "auc"


def test_the_auc_is_sklearns_and_its_error_is_honest() -> None:
    data = served(3000)
    positive = data["label"] > 0.5
    assert stats.auc(data["score"], positive) == pytest.approx(
        roc_auc_score(positive, data["score"]), abs=1e-12
    )
    gaps: list[float] = []
    ses: list[float] = []
    for seed in range(60):
        one = traffic(800, SINCE, 24, seed=100 + seed)
        worse: NDArray[Any] = noisy(one, 1, seed=seed)
        label = one["label"] > 0.5
        pair = stats.aucs(worse, one["score"], label, label, paired=True)
        assert pair is not None
        gaps.append(pair.contained - pair.harmed)
        ses.append(pair.gap_se)
    assert np.std(gaps) == pytest.approx(np.mean(ses), rel=0.3)


def test_psi_reads_nothing_without_drift_at_any_size() -> None:
    rng = np.random.default_rng(5)
    for n in (100, 1000, 10_000):
        found = [
            stats.psi(rng.multinomial(20_000, [0.1] * 10), rng.multinomial(n, [0.1] * 10)) for _ in range(200)
        ]
        values = np.array([value for value, _ in found])
        assert abs(values.mean()) < 0.5 * values.std()
        assert np.mean([se for _, se in found]) == pytest.approx(values.std(), rel=0.35)


def test_equal_versions_are_never_told_apart() -> None:
    """Going back and forth between equals never helps, and without harm nothing is said against it either."""
    for seed in range(20):
        good = served(1500, seed=200 + seed)
        evidence = compared(good | {"score": noisy(good, 0.05, seed)}, good)
        assert verdict_on(evidence)[0] != "effective"
        assert evidence.figures[0].well() is not False


def days_that_differ(seed: int, days: int, since: datetime) -> Columns:
    """Traffic whose AUC differs by day, as weather makes it, with no fault at all."""
    rng = np.random.default_rng(seed)
    parts = []
    for day in range(days):
        one = traffic(700, since + timedelta(days=day), 24, seed=1000 * seed + day)
        parts.append(one | {"score": noisy(one, rng.uniform(0, 2), seed=seed + day)})
    return both(*parts)


def test_a_bad_day_is_no_harm_where_days_differ_that_much() -> None:
    """The same day, served by a worse version: the shadow is judged against it and against days, not one
    number."""
    usual = days_that_differ(1, 20, at(days=-20))
    told = alert(seen=0.60, usual=0.70)
    unwell = 0
    for seed in range(2, 14):
        day = days_that_differ(seed, 1, at())
        log = both(answered_by(day, "B"), answered_by(day, "A", shadow=True))
        found = shadow(log, usual, good="A", alerts=[told], since=at(), until=at(days=1), timezone="UTC")
        assert found is not None
        assert found.figures[0].spread > 0.03
        unwell += found.figures[0].well() is False
    assert unwell <= 1


def test_a_version_that_reads_worse_on_every_day_is_told_from_the_days() -> None:
    usual = days_that_differ(1, 20, at(days=-20))
    for seed in range(2, 8):
        week = days_that_differ(seed, 4, at())
        log = both(
            answered_by(week, "B", score=noisy(week, 2.5, seed=99)), answered_by(week, "A", shadow=True)
        )
        told = alert(seen=0.63, usual=0.70)
        found = shadow(log, usual, good="A", alerts=[told], since=at(), until=at(days=4), timezone="UTC")
        assert verdict_on(found)[0] in ("effective", "undecided")
        assert found is not None
        assert found.figures[0].well() is not False


def test_alerts_against_another_version_need_no_reference() -> None:
    """On an easy day both are above usual, and the new one is still the worse."""
    easy = served(3000)
    log = both(answered_by(easy, "B", score=noisy(easy, 0.9)), answered_by(easy, "A", shadow=True))
    hard = REFERENCE | {"score": noisy(REFERENCE, 4)}
    told = alert(seen=0.70, usual=0.76) | {"version": "B", "against": "A"}
    found = shadow(log, hard, good="A", alerts=[told], since=SINCE, until=UNTIL, timezone="UTC")
    assert verdict_on(found)[0] == "effective"


def test_a_figure_the_measure_does_not_touch_is_said_to_have_another_cause() -> None:
    good = served(6000)
    slow = {"latency_ms": good["latency_ms"] * 4}
    evidence = compared(good | slow | {"error": np.arange(6000) % 4 == 0}, good | slow,
                        alert(family="error_rate", unit="share", seen=0.25, usual=0.02),
                        alert("alr-2", "latency"))  # fmt: skip
    kind, because = verdict_on(evidence)
    assert kind == "effective"
    assert "is usual: that has another cause" in because
    assert "slower than" in because
