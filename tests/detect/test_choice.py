"""Which monitors a service pays for: few by themselves, others when its runbook asks; and what each can and
cannot see."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from fireline.detect.choice import asked_for, judged, measures
from fireline.detect.grouping import Desk, signs
from fireline.detect.judge import Judge
from fireline.detect.kinds import Monitor
from fireline.detect.noticeable import noticeable
from fireline.detect.registry import kind_named, kinds
from fireline.runbook.schema import MonitorRule, Runbook
from fireline.terms.counts import SERVICE
from tests.support.quality_town import built, columns_of, runbook
from tests.support.town import Tables, Town

OPTIONAL = {
    "average_precision", "brier", "ece", "equal_opportunity", "estimated_accuracy", "f1", "group_calibration",
    "concept_drift", "hit_rate", "log_loss", "precision", "recall", "macro_f1", "mrr", "rmse",
}  # fmt: skip

QUALITY = {"auc", "accuracy", "calibration", "fairness", "kpi"}


def book(task: str = "binary", **more: Any) -> Runbook:
    """The town's runbook with more in it."""
    made = runbook(task, **columns_of(task))
    return Runbook.from_plain({**made.plain(), **more})


def watching(judge: Judge) -> set[str]:
    """The kinds that are judged."""
    return {court.bank.kind.name for court in judge.courts}


@pytest.mark.parametrize(
    ("task", "wanted"),
    [
        ("binary", {"auc", "accuracy", "calibration", "estimated_auc",
                    "demographic_parity", "equalized_odds", "kpi_difference", "sample_ratio"}),
        ("regression", {"absolute_error", "error_bias"}),
        ("multiclass", {"accuracy", "class_recall", "log_loss"}),
        ("ranking", {"ndcg", "auc", "calibration", "estimated_auc"}),
        ("llm", {"win_rate"}),
    ],
)  # fmt: skip
def test_a_service_is_watched_by_few_kinds_unless_it_asks(task, wanted):
    town, baseline = built(task)
    judge = Judge(baseline, book(task), town.at(28))
    assert {name for name in watching(judge) if kind_named(name).family in QUALITY} == wanted
    ours = {kind.name for kind in kinds() if kind.optional and kind.family in QUALITY}
    assert ours == OPTIONAL


def test_what_is_not_judged_costs_the_others_nothing():
    town, baseline = built("binary")
    levels = {}
    for name, rules in (("few", []), ("all", [{"monitor": n, "on": True} for n in sorted(OPTIONAL)])):
        judge = Judge(baseline, book(monitors=rules), town.at(28))
        levels[name] = {c.bank.kind.name: c.page[0] for c in judge.courts}
    assert set(levels["all"]) - set(levels["few"]) >= {"brier", "ece", "f1", "log_loss"}
    assert levels["all"]["auc"] > levels["few"]["auc"], "each monitor more makes the others a little duller"


def test_a_kind_is_switched_on_by_name_by_family_by_threshold_and_by_an_objective():
    parity = kind_named("equal_opportunity")
    assert not asked_for(parity, book())
    assert asked_for(parity, book(monitors=[{"monitor": "equal_opportunity", "on": True}]))
    assert asked_for(parity, book(monitors=[{"monitor": "fairness", "on": True}]))
    assert asked_for(parity, book(monitors=[{"monitor": "equal_opportunity", "threshold": 0.1}]))
    assert not asked_for(kind_named("f1"), book(monitors=[{"monitor": "accuracy", "on": True}]))
    promise = [{"name": "errors", "indicator": "rmse", "objective": 12.0}]
    assert asked_for(kind_named("rmse"), book("regression", slos=promise))


def test_a_rule_on_auc_is_not_about_other_figures_of_its_family():
    town, _ = built("binary")
    rule = MonitorRule(monitor="auc", threshold=0.7)
    assert measures(rule, kind_named("auc"), Monitor("auc", "score_label"), town.plan)
    for other in ("average_precision", "estimated_auc"):
        assert not measures(rule, kind_named(other), kind_named(other).monitors(town.plan)[0], town.plan)
    numbers, _ = built("regression")
    family = MonitorRule(monitor="accuracy", tolerance=0.1)
    errors = kind_named("absolute_error")
    assert measures(family, errors, errors.monitors(numbers.plan)[0], numbers.plan), (
        "nobody else is meant here"
    )


def test_a_judge_takes_up_a_state_only_of_the_same_monitors():
    town, baseline = built("binary")
    saved = Judge(baseline, book(), town.at(28)).save()
    assert Judge(baseline, book(), town.at(28)).restore(saved)
    assert not Judge(baseline, book(monitors=[{"monitor": "brier", "on": True}]), town.at(28)).restore(saved)


def test_every_watched_figure_says_what_it_would_notice():
    town, baseline = built("binary")
    rows = noticeable(Judge(baseline, book(), town.at(28)))
    assert {"demographic parity", "kpi difference", "estimated auc"} <= {row["monitor"] for row in rows}


# -- what each sees, and what it does not


def found(town: Town, baseline: Any, edit: Any = None, **more: Any) -> list[tuple[str, str]]:
    """(monitor, urgency) of what the desk tells of the six live days."""
    changed = town.edited(lambda tables: edit(town, tables)) if edit else town
    asks = book(**{"monitors": [{"monitor": "concept_drift", "on": True}], **more})
    judge, desk = Judge(baseline, asks, town.at(28)), Desk(asks, lambda finding: None)
    findings = judge.advance(changed.read, town.at(34), town.at(34))
    alerts = [desk.hear(finding, set()) for finding in findings]
    return [(a.finding.monitor, a.urgency) for a in alerts if a is not None]


def live(tables: Tables, layout: str) -> np.ndarray:
    return tables[layout, 3600][SERVICE][28 * 24 :]


def broken_labels(town: Town, tables: Tables) -> None:
    """A third of the positive labels come as negative: the scores are what they were."""
    counts = live(tables, "quality")
    good, bad = (counts[:, town.plan.quality.span(name)] for name in ("positives", "negatives"))
    lost = np.random.default_rng(0).binomial(good, 0.33)
    good -= lost
    bad += lost


def another_mix(town: Town, tables: Tables) -> None:
    """Only half of the low scores come, with the labels such scores always had: data drift, no more."""
    for layout, names in (("quality", ("positives", "negatives")), ("confidence", ("scores",))):
        counts = live(tables, layout)
        for name in names:
            span = town.plan.layout(layout).span(name)
            low = counts[:, span.start : span.start + (span.stop - span.start) // 2]
            low[:] = np.random.default_rng(0).binomial(low, 0.5)


def test_estimates_do_not_hear_of_broken_labels():
    town, baseline = built("binary")
    told = {name for name, _ in found(town, baseline, broken_labels)}
    assert {"auc", "concept_drift"} <= told
    assert not {"estimated_auc", "estimated_accuracy"} & told


def test_another_mix_of_scores_is_data_drift_and_no_concept_drift():
    town, baseline = built("binary")
    told = {name for name, _ in found(town, baseline, another_mix)}
    assert "concept_drift" not in told
    assert "estimated_auc" in told


def test_a_figure_without_control_is_a_ticket_and_an_arm_that_fell_pages():
    def lower(series: str, cell: str) -> Any:
        def edit(town: Town, tables: Tables) -> None:
            layout = town.plan.layout("outcomes")
            at = layout.offsets[series] + layout.by_name[series].cells.index(cell)
            counts = live(tables, "outcomes")
            counts[:, at] = counts[:, at] * 8 // 10

        return edit

    town, baseline = built("binary", arms=False)
    assert set(found(town, baseline, lower("all", "sum"))) == {("kpi", "ticket")}
    town, baseline = built("binary")
    assert set(found(town, baseline, lower("arms", "sum:B"))) == {("kpi_difference", "page")}
    rose = set(found(town, baseline, lower("arms", "sum:control")))
    assert rose == {("kpi_difference", "ticket")}, "B beside a control that fell"


def test_an_arm_the_reference_did_not_know_is_compared_from_its_first_hour():
    def joins(town: Town, tables: Tables) -> None:
        layout = town.plan.layout("outcomes")
        counts = live(tables, "outcomes")[:, layout.span("arms")]
        counts[:, 8:12] = counts[:, 4:8]  # as many as B
        counts[:, 10] = counts[:, 10] * 7 // 10  # of a lower figure

    town, baseline = built("binary")
    assert ("kpi_difference", "page") in found(town, baseline, joins)


def test_fairness_pages_only_where_the_runbook_says_so():
    def refused(town: Town, tables: Tables) -> None:
        layout = town.plan.layout("selection")
        counts = live(tables, "selection")
        at = layout.offsets["group:sex"] + layout.by_name["group:sex"].cells.index("chosen:F")
        counts[:, at] //= 2

    town, baseline = built("binary")
    assert set(found(town, baseline, refused)) == {("demographic_parity", "ticket")}
    rules = [{"monitor": "fairness", "urgency": "page"}]
    assert ("demographic_parity", "page") in found(town, baseline, refused, monitors=rules)


def test_signs_of_harm_are_named():
    assert signs() >= {"concept_drift", "estimated_accuracy", "estimated_auc", "kpi", "sample_ratio"}


def test_rare_positives_are_watched_by_average_precision():
    town, _ = built("binary")
    kind = kind_named("average_precision")
    rare = replace(town.plan.quality.by_name["labels"], shares=(1.0, 1.0, 0.05, 1.0, 0.9))
    series = tuple(rare if s.name == "labels" else s for s in town.plan.quality.series)
    plan = replace(town.plan, quality=replace(town.plan.quality, series=series))
    assert kind.by_itself(plan)
    assert not kind.by_itself(town.plan)
    assert kind in judged(plan, book())
