"""Severity: the runbook's map first; else harm, size, share and exposure, with the sentence why."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from fireline.terms.severity import Severity
from fireline.terms.slo import Total
from fireline.triage.severity import Harm, effect_of, fastest, harm_of, judge_severity
from tests.triage.finding import found_by
from tests.triage.scenes import runbook

MINUTE = timedelta(minutes=1)
SLO = {"name": "answers", "indicator": "availability", "objective": 0.999}


def steady(share: float) -> Total:
    """Of a thousand events a minute this share was bad, in every window."""
    return lambda window: (share * 1000 * window / MINUTE, 1000 * window / MINUTE)


def judged(
    *findings: Any, share: float = 1.0, promised: Mapping[str, Total] | None = None, **book: Any
) -> tuple[Severity, str]:
    book_ = runbook(**book)
    return judge_severity(harm_of(findings, share, book_, promised or {}), book_)


def test_a_ticket_alone_is_the_lowest() -> None:
    severity, why = judged(found_by("drift", "age", urgency="ticket", seen=0.4, usual=0.0))
    assert severity is Severity.SEV3
    assert "tickets only" in why


def test_failing_answers_for_everybody_are_worse_than_for_few() -> None:
    errors = found_by("error_rate", seen=0.12, usual=0.006)
    assert judged(errors)[0] is Severity.SEV1
    assert judged(errors, share=0.03)[0].value > judged(errors)[0].value


def test_exposure_raises_and_lowers() -> None:
    worse = found_by("auc", seen=0.70, usual=0.75)
    low = judged(worse, exposure={"harm": "low"})[0]
    high = judged(worse, exposure={"harm": "high", "reversible": False, "autonomy": "alone"})[0]
    assert high.value < low.value


def test_a_burning_budget_is_said_with_its_objective_and_windows() -> None:
    errors = found_by("error_rate", seen=0.05, usual=0.005)
    severity, why = judged(errors, slos=[SLO], promised={"answers": steady(0.05)})
    assert severity is Severity.SEV1
    assert "The error budget of answers burns 50.0 times as fast as allowed over 1 h and 5 min" in why


def test_the_findings_own_rate_burns_nothing() -> None:
    """What counts is what was counted of the whole service, by the windows."""
    errors = found_by("error_rate", seen=0.5, usual=0.005, version="B")
    assert "budget" not in judged(errors, slos=[SLO])[1]
    assert "budget" not in judged(errors, slos=[SLO], promised={"answers": steady(0.0005)})[1]


def test_the_long_and_the_short_window_must_agree() -> None:
    over = {"answers": lambda window: (0.0, 9e3) if window <= timedelta(minutes=30) else (9e3, 9e4)}
    errors = found_by("error_rate", seen=0.05, usual=0.005)
    assert "over 1 day and 2 h" in judged(errors, slos=[SLO], promised=over)[1]


@pytest.mark.parametrize(("share", "worth"), [(0.0005, 0), (0.004, 0), (0.008, 1), (0.02, 2)])
def test_how_fast_a_budget_burns_raises_severity(share: float, worth: int) -> None:
    """Tickets' rates are said and raise nothing."""
    small = found_by("error_rate", seen=0.0012, usual=0.001)
    calm = {"exposure": {"harm": "low"}, "slos": [SLO], "promised": {"answers": steady(share)}}
    points = judged(small, share=0.3, **calm)[0]
    assert points is (Severity.SEV2 if worth else Severity.SEV3)
    assert judged(small, share=0.3, **{**calm, "exposure": {"harm": "high"}})[0] is (
        Severity.SEV1 if worth == 2 else Severity.SEV2
    )


def test_a_ticket_that_breaks_a_promise_fast_is_more_than_a_ticket() -> None:
    slo = {"name": "inputs", "indicator": "null_share", "of": "age", "objective": 0.999}
    nulls = found_by("null_rate", "age", urgency="ticket", seen=0.05, usual=0.001)
    other = found_by("null_rate", "temp", urgency="ticket", seen=0.05, usual=0.001)
    promised = {"inputs": steady(0.05)}
    assert judged(nulls, slos=[slo], promised=promised)[0] is not Severity.SEV3
    assert judged(other, slos=[slo], promised=promised)[0] is Severity.SEV3
    slow, why = judged(nulls, slos=[slo], promised={"inputs": steady(0.004)})
    assert slow is Severity.SEV3
    assert "The error budget of inputs burns 4.0 times" in why


def test_the_runbooks_map_decides_before_anything_else() -> None:
    rules = [
        {
            "when": {"family": ["auc"], "share_at_least": 0.5},
            "severity": "SEV1",
            "because": "Late crews cost a day.",
        },
        {"when": {}, "severity": "SEV3", "because": "The rest can wait."},
    ]
    hit = found_by("auc", seen=0.70, usual=0.75)
    assert judged(hit, severity=rules)[0] is Severity.SEV1
    assert "Late crews" in judged(hit, severity=rules)[1]
    assert judged(hit, share=0.1, severity=rules)[0] is Severity.SEV3


@pytest.mark.parametrize(
    ("when", "holds"),
    [
        ({"urgency": "page"}, True),
        ({"urgency": "ticket"}, False),
        ({"harm": ["medium"]}, True),
        ({"reversible": False}, False),
        ({"autonomy": ["supervised"]}, True),
        ({"effect_at_least": 5}, True),
        ({"effect_at_least": 50}, False),
        ({"burn_at_least": 14.4}, True),
        ({"burn_at_least": 60}, False),
        ({"family": ["error_rate", "auc"]}, True),
    ],
)
def test_every_condition_of_the_map_is_read(when: dict[str, Any], holds: bool) -> None:
    rules = [{"when": when, "severity": "SEV1"}, {"when": {}, "severity": "SEV3"}]
    errors = found_by("error_rate", seen=0.06, usual=0.006)
    severity, _ = judged(errors, severity=rules, slos=[SLO], promised={"answers": steady(0.05)})
    assert (severity is Severity.SEV1) is holds


def test_effects_are_relative_to_what_there_is_to_lose() -> None:
    assert effect_of(found_by("error_rate", seen=0.02, usual=0.01)) == pytest.approx(1.0)
    assert effect_of(found_by("auc", seen=0.6, usual=0.7)) == pytest.approx(0.5)
    assert effect_of(found_by("auc", seen=0.8, usual=0.7)) == 0.0
    assert effect_of(found_by("error_rate", seen=None, usual=None)) == 0.0
    assert effect_of(found_by("accuracy", seen=0.3, usual=0.2, unit="share wrong")) == pytest.approx(0.5)


def test_an_objective_counts_for_findings_of_its_kind() -> None:
    book, promised = runbook(slos=[SLO]), {"answers": steady(0.01)}
    found = fastest((found_by("error_rate", seen=0.01, usual=0.001),), book, promised)
    assert found is not None
    assert found.rate == pytest.approx(10)
    assert fastest((found_by("auc", seen=0.6, usual=0.7),), book, promised) is None


def test_a_groups_gap_is_of_the_column_that_names_it() -> None:
    slo = {
        "name": "alike",
        "indicator": "demographic_parity",
        "of": "sex",
        "objective": 0.9,
        "threshold": 0.1,
    }
    columns = {**runbook().columns.model_dump(exclude_defaults=True), "groups": ["sex", "age_band"]}
    book, promised = runbook(slos=[slo], columns=columns), {"alike": steady(0.7)}
    assert fastest((found_by("fairness", "sex=F"),), book, promised) is not None
    assert fastest((found_by("fairness", "age_band=old"),), book, promised) is None


def test_no_finding_is_no_harm() -> None:
    harm = Harm((), 0.0, 1.0, None, None)
    assert not harm.paged
    assert judge_severity(harm, runbook())[0] is Severity.SEV3
