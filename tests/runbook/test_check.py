"""What a runbook still lacks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fireline.runbook.against import Known
from fireline.runbook.check import check
from fireline.runbook.load import parse
from fireline.runbook.problem import Level
from tests.support.books import READY

NOW = datetime(2026, 1, 30, tzinfo=UTC)


def found(text: str, **how: Any) -> dict[tuple[Level, str], str]:
    problems = check(parse(text), **{"baseline": True, "now": NOW, **how})
    return {(one.level, one.key): f"{one.line}: {one.says}" for one in problems}


def test_a_complete_runbook_lacks_nothing() -> None:
    assert found(READY) == {}


@pytest.mark.parametrize(
    ("old", "new", "level", "key", "says"),
    [
        ("role: incident commander", "role: ops", "error", "ownership.contacts", "incident commander"),
        ("reach: +1 555 0100", "reach: ''", "error", "ownership.contacts[0]", "Ada cannot be reached"),
        ("timezone: Europe/Paris\n", "", "error", "timezone", "no time zone"),
        (
            "known_by: AUC 0.8 in January, ",
            "",
            "error",
            "last_known_good.known_by",
            "how v1 is known to be good",
        ),
        ("action: rollback", "action: none", "error", "decisions", "no row does anything about a bad deploy"),
        ("    unanswered: do\n", "", "error", "decisions[0]", "when nobody answers"),
        ("watch: 24h", "watch: 0m", "error", "watch", "no watch period"),
        ("kind: rules", "kind: current", "error", "ladder", "no fallback ladder"),
        ("watch: 24h", "watch: 10m", "warning", "watch", "10 minutes is too short"),
        ("role: comms", "role: ops", "warning", "ownership.contacts", "nobody is named as comms"),
        (
            "purpose: Says what a room should cost tonight.\n",
            "",
            "warning",
            "purpose",
            "what the service is for",
        ),
        ("users: 40 hotels, ", "", "warning", "exposure.users", "who is hurt"),
        ("fails: closed", "because: x", "warning", "ladder", "fails open or closed"),
        ("severity: SEV1", "severity: SEV2", "warning", "severity", "nothing is ever a SEV1"),
        ("because: Undo first.", "because: ''", "warning", "decisions[0]", "does not say why"),
        ("  status: status\n", "", "warning", "slos[0]", "no column is mapped to `status`"),
        ("  version: version\n", "", "warning", "columns", "no version column"),
        ("  label_time: label_time\n", "", "warning", "columns.label", "no label time"),
        ('{channels: ["#prices"]}', "{channels: []}", "warning", "comms.channels", "no channel"),
        ("until: 2026-02-01", "until: 2026-01-05", "warning", "reference", "only 4 days: no weekday"),
        ("until: 2026-02-01", "until: 2026-01-12", "warning", "reference", "only 11 days: weekend"),
        ("until: 2026-02-01", "until: 2026-01-20", "hint", "reference", "19 days: enough"),
        ("authority: ask", "authority: observe", "hint", "decisions", "every row only observes"),
        ("Europe/Paris", "UTC", "hint", "timezone", "right only if"),
        ("retraining: 30d\n", "", "hint", "retraining", "how often"),
        ("segments: [country]", "segments: []", "hint", "columns.segments", "drown"),
    ],
)
def test_each_gap_is_named(old: str, new: str, level: Level, key: str, says: str) -> None:
    assert old in READY
    answer = found(READY.replace(old, new))
    assert says in answer[level, key]


def test_a_runbook_without_a_way_back_would_fail_a_sev1() -> None:
    text = "\n".join(line for line in READY.splitlines() if not line.startswith("last_known_good"))
    assert ("error", "last_known_good") in found(text)


def test_a_missing_baseline_is_an_error() -> None:
    assert "nothing can be judged" in found(READY, baseline=False)["error", "reference.baseline"]


def test_rungs_that_no_row_can_use_are_named_once() -> None:
    text = READY.replace("action: rollback", "action: fallback\n    params: {rungs: [cached, reduced]}")
    assert "no rung cached or reduced" in found(text)["warning", "ladder"]


def test_what_expired_is_measured_against_now_and_against_nothing_without_it() -> None:
    text = READY + "silences:\n  - {monitor: drift, until: 2026-01-20, because: holidays}\n"
    text += "  - {segment: {city: nice}, until: 2026-06-05, because: x}\n"
    answer = found(text)
    assert "does nothing" in answer["warning", "silences[0]"]
    assert "longer than anyone remembers" in answer["warning", "silences[1]"]
    assert "city is not a segment column" in answer["warning", "silences[1].segment"]
    assert ("warning", "silences[0]") not in found(text, now=None)


def test_a_last_known_good_older_than_the_retraining_is_a_warning() -> None:
    later = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=45)
    assert "v1 is 45 days old" in found(READY, now=later)["warning", "last_known_good.since"]
    assert found(READY.replace("retraining: 30d", "retraining: rarely"), now=later) == {}


def test_columns_are_held_against_the_log() -> None:
    log = [
        "time",
        "request_id",
        "version",
        "country",
        "score",
        "label",
        "label_time",
        "status",
        "latency",
        "weather",
    ]
    answer = found(READY, log=log)
    assert "no column rooms" in answer["error", "columns.features.rooms"]
    assert "no column latency_ms" in answer["error", "columns.latency_ms"]
    assert ("error", "columns.label") not in answer
    assert "weather" in answer["hint", "columns"] or "latency" in answer["hint", "columns"]


def test_names_are_held_against_what_there_is() -> None:
    known = Known(frozenset({"drift", "null_rate"}), frozenset({"rollback", "fallback"}))
    text = (
        READY.replace("action: rollback", "action: rolback")
        + "monitors: [{monitor: nul_rate, tolerance: 2}]\n"
    )
    answer = found(text, known=known)
    assert "there is no action rolback" in answer["error", "decisions[0].action"]
    assert "there is no monitor nul_rate" in answer["warning", "monitors[0].monitor"]
    assert found(READY + "monitors: [{monitor: drift, tolerance: 0.2}]\n", known=known) == {}


def test_problems_come_gravest_first_and_point_into_the_file() -> None:
    text = READY.replace("watch: 24h", "watch: 0m").replace("retraining: 30d\n", "")
    problems = check(parse(text), baseline=True)
    assert [one.level for one in problems] == ["error", "hint"]
    assert problems[0].line == text.splitlines().index("watch: 0m") + 1
    assert str(problems[0]).startswith(f"runbook.yaml:{problems[0].line}: `watch`: ")
