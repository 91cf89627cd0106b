"""Severity: the runbook's map first; else harm, size, share and exposure, with the sentence why."""

from __future__ import annotations

from typing import Any

import pytest

from fireline.terms.severity import Severity
from fireline.triage.severity import Harm, burn_of, effect_of, harm_of, judge_severity
from tests.triage.finding import found_by
from tests.triage.scenes import runbook

SLO = {"name": "answers", "indicator": "availability", "objective": 0.999}


def judged(*findings: Any, share: float = 1.0, **book: Any) -> tuple[Severity, str]:
    book_ = runbook(**book)
    return judge_severity(harm_of(findings, share, book_), book_)


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


def test_a_burning_budget_is_said() -> None:
    severity, why = judged(found_by("error_rate", seen=0.05, usual=0.005), slos=[SLO])
    assert severity is Severity.SEV1
    assert "budget burns 50 times" in why


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
        ({"burn_at_least": 1}, False),
        ({"family": ["error_rate", "auc"]}, True),
    ],
)
def test_every_condition_of_the_map_is_read(when: dict[str, Any], holds: bool) -> None:
    rules = [{"when": when, "severity": "SEV1"}, {"when": {}, "severity": "SEV3"}]
    severity, _ = judged(found_by("error_rate", seen=0.06, usual=0.006), severity=rules)
    assert (severity is Severity.SEV1) is holds


def test_effects_are_relative_to_what_there_is_to_lose() -> None:
    assert effect_of(found_by("error_rate", seen=0.02, usual=0.01)) == pytest.approx(1.0)
    assert effect_of(found_by("auc", seen=0.6, usual=0.7)) == pytest.approx(0.5)
    assert effect_of(found_by("auc", seen=0.8, usual=0.7)) == 0.0
    assert effect_of(found_by("error_rate", seen=None, usual=None)) == 0.0
    assert effect_of(found_by("accuracy", seen=0.3, usual=0.2, unit="share wrong")) == pytest.approx(0.5)


def test_burn_counts_only_objectives_of_its_kind() -> None:
    book = runbook(slos=[SLO])
    assert burn_of(found_by("error_rate", seen=0.01, usual=0.001), book) == pytest.approx(10)
    assert burn_of(found_by("auc", seen=0.6, usual=0.7), book) == 0.0


def test_no_finding_is_no_harm() -> None:
    harm = Harm((), 0.0, 1.0, 0.0, None)
    assert not harm.paged
    assert judge_severity(harm, runbook())[0] is Severity.SEV3
