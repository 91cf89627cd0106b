"""The assessment as a whole: on seeded incidents of every kind, with and without the deploy announced, with
five innocent changes around, and on weather that a harmless deploy falls into."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import timedelta
from functools import lru_cache
from typing import Any

import pytest

from fireline.terms.cause import CauseKind
from fireline.terms.severity import Severity
from fireline.triage.assess import assess
from fireline.triage.case import Assessment
from tests.triage.scenes import Plot, Scene, play

LABELLED = {"days": 26.0, "per_minute": 4.0, "now_hours": 6}

SCENES: dict[str, Plot] = {
    "deploy_code": Plot("deploy_code", 1, announced=False),
    "deploy_code at once": Plot("deploy_code", 2, canary=False, announced=False, innocents=5),
    "deploy_code with shadow": Plot("deploy_code", 3, shadow=0.5, innocents=5),
    "deploy_null": Plot("deploy_null", 4, innocents=5),
    "deploy_errors": Plot("deploy_errors", 5, announced=False),
    "deploy_latency": Plot("deploy_latency", 6, innocents=5),
    "config_errors": Plot("config_errors", 7, innocents=5),
    "upstream_null": Plot("upstream_null", 8, innocents=5),
    "upstream_null in the isles": Plot("upstream_null", 9, where={"region": "isles"}, size=2.0),
    "upstream_unit": Plot("upstream_unit", 10, harmless_deploy=True),
    "upstream_rename": Plot("upstream_rename", 11, innocents=5),
    "upstream_stuck": Plot("upstream_stuck", 12, harmless_deploy=True),
    "upstream_schema": Plot("upstream_schema", 13, innocents=5),
    "natural_ramp": Plot("natural_ramp", 14, innocents=5),
    "natural_campaign": Plot("natural_campaign", 15),
    "infra_host": Plot("infra_host", 16, innocents=5),
    "infra_slow": Plot("infra_slow", 17, harmless_deploy=True),
    "attack": Plot("attack", 18, innocents=5),
    "concept": Plot("concept", 19, innocents=5, **LABELLED),
    "labels_late": Plot("labels_late", 20, **LABELLED),
    "labels_flip": Plot("labels_flip", 21, innocents=5, **LABELLED),
}


@lru_cache(maxsize=64)
def scene(name: str) -> tuple[Scene, Assessment]:
    made = play(SCENES[name])
    assert made is not None, "no monitor fired"
    return made, assess(made.case)


def top(found: Assessment) -> Any:
    return next(c for c in found.causes if not c.rejected)


def test_the_likeliest_cause_is_the_true_one() -> None:
    wrong = {n: top(a).cause.value for n in SCENES for s, a in [scene(n)] if top(a).cause.value != s.truth}
    assert len(wrong) <= 1, wrong


def test_the_onset_lies_in_its_interval() -> None:
    steps = [n for n in SCENES if n not in ("natural_ramp", "concept")]
    out = [n for n in steps for s, a in [scene(n)] if not a.onset[0] <= s.onset <= a.onset[1]]
    assert len(out) <= 2, out


def test_the_onset_of_a_break_is_known_to_minutes() -> None:
    for name in ("upstream_null", "upstream_rename", "upstream_schema", "infra_slow"):
        _, found = scene(name)
        assert found.onset[1] - found.onset[0] <= timedelta(minutes=30), name


def test_a_slope_is_dated_by_a_wider_interval_than_a_step() -> None:
    slope, step = scene("natural_ramp")[1], scene("upstream_rename")[1]
    assert slope.onset[1] - slope.onset[0] > 10 * (step.onset[1] - step.onset[0])


def test_the_version_that_alone_is_bad_is_named_and_no_other() -> None:
    for name in ("deploy_code", "deploy_null", "deploy_errors", "deploy_latency", "deploy_code with shadow"):
        assert scene(name)[1].new_version == "B", name
    for name in ("upstream_unit", "upstream_stuck", "infra_slow", "natural_campaign"):
        assert scene(name)[1].new_version is None, name


def test_slices_are_named_where_the_fault_is_local() -> None:
    assert scene("upstream_null in the isles")[1].slice == {"region": "isles"}
    assert scene("infra_host")[1].slice == {"host": "h2"}
    assert scene("upstream_unit")[1].slice is None


def test_five_innocent_changes_are_listed_and_rejected_with_a_reason() -> None:
    _, found = scene("deploy_null")
    blamed = top(found).change
    assert blamed is not None
    assert blamed.version == "B"
    rejected = [c for c in found.causes if c.rejected and c.change is not None]
    assert len(rejected) >= 4
    assert all(len(c.because) > 20 for c in rejected)
    assert any("isles" in c.because for c in rejected)
    told = [c.because for n in SCENES for c in scene(n)[1].causes if c.rejected and c.change is not None]
    assert any("after the onset" in because for because in told)


def test_an_unannounced_deploy_is_blamed_by_the_versions_first_answer() -> None:
    _, found = scene("deploy_code at once")
    blamed = top(found).change
    assert blamed is not None
    assert blamed.inferred


def test_every_cause_says_why_and_what_to_look_at() -> None:
    for name in SCENES:
        _, found = scene(name)
        weighed = {c.cause.value for c in found.causes}
        assert weighed >= {cause.value for cause in CauseKind} - {"deploy"}, name
        best = top(found)
        assert best.because
        assert best.supports
        assert best.next_check
        assert abs(sum(c.score for c in found.causes) - 1) < 0.05, name


def test_scores_fall_and_the_rejected_stand_last() -> None:
    for name in SCENES:
        causes = scene(name)[1].causes
        kept = [c.score for c in causes if not c.rejected]
        assert kept == sorted(kept, reverse=True)
        assert [c.rejected for c in causes] == sorted(c.rejected for c in causes)


def test_no_matching_change_is_always_an_answer() -> None:
    for name in SCENES:
        assert any("no matching change" in c.because for c in scene(name)[1].causes), name


def test_checks_are_three_to_six_sentences_and_labels_come_first_only_where_they_are_not_as_usual() -> None:
    for name in SCENES:
        checks = scene(name)[1].checks
        assert 3 <= len(checks) <= 6, name
        assert all(c.endswith((".", "?")) for c in checks)
    well = scene("concept")[1].checks
    assert "Label completeness" not in well[0]
    assert well[-1].startswith("Labels were looked at and are as usual: ")
    assert scene("labels_flip")[1].checks[0].startswith("Label completeness by age first")


def test_exhibits_are_small_and_plain() -> None:
    for name in SCENES:
        _, found = scene(name)
        plain = json.loads(json.dumps([e.as_json() for e in found.evidence], allow_nan=False))
        kinds = {e["kind"] for e in plain}
        assert "metric" in kinds or not scene(name)[0].case.traces
        for exhibit in plain:
            assert exhibit["because"]
            if exhibit["kind"] == "metric":
                data = exhibit["data"]
                assert len(data["t"]) == len(data["seen"]) == len(data["low"]) == len(data["n"]) <= 600
            if exhibit["kind"] == "histogram":
                data = exhibit["data"]
                assert len(data["cells"]) == len(data["before"]) == len(data["after"]) <= 40
                assert sum(data["after"]) == pytest.approx(1, abs=0.02)


def test_the_version_table_shows_shadow_calls() -> None:
    _, found = scene("deploy_code with shadow")
    (table,) = [e for e in found.evidence if e.kind == "versions"]
    assert {(r["version"], r["shadow"]) for r in table.data["rows"]} >= {("B", False), ("A", True)}


def test_the_same_case_is_assessed_alike() -> None:
    made, found = scene("deploy_null")
    again = assess(made.case)
    assert repr(again) == repr(found)


def test_tickets_alone_are_the_lowest_severity() -> None:
    _, found = scene("upstream_rename")
    assert found.severity is Severity.SEV3


@pytest.mark.parametrize("seed", [1, 3])
def test_weather_that_a_harmless_deploy_falls_into_is_not_blamed_on_it(seed: int) -> None:
    made = play(Plot("none", seed, harmless_deploy=True, weather=2.5))
    assert made is not None
    found = assess(made.case)
    assert top(found).cause.value == "natural_drift"
    assert found.new_version is None


def test_the_less_there_is_the_less_is_said_and_nothing_fails() -> None:
    case = scene("deploy_null")[0].case
    nothing = replace(case, traces={}, changes=())
    assert assess(nothing).onset[0] <= nothing.trigger.at
    bare = {k: v for k, v in case.after.columns.items() if k in ("time", "warmth", "score")}
    poor = replace(case, after=type(case.after)(bare), before=type(case.before)({"time": case.before.time}))
    assert assess(poor).causes
    empty = replace(
        case, after=case.after.pick(case.after.time < 0), before=case.before.pick(case.before.time < 0)
    )
    assert assess(empty).causes


def test_an_assessment_takes_less_than_three_seconds() -> None:
    made = play(Plot("deploy_code", 31, per_minute=12.0, shadow=0.5))
    assert made is not None
    assert made.case.before.rows + made.case.after.rows > 280_000
    started = time.process_time()
    assess(made.case)
    assert time.process_time() - started < 3
