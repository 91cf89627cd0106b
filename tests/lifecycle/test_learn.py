"""The review: only facts, in words people use, safe to show, with items born from what happened."""

from __future__ import annotations

import re
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from fireline.clock import iso
from fireline.contain import advance, decide
from fireline.learn import ReviewFacts, draft_review, render_html, render_markdown, wrap_up
from fireline.learn.guardrails import diff
from fireline.recover import next_step
from fireline.runbook.schema import Runbook
from fireline.terms.change import Change
from fireline.terms.incident import State
from fireline.terms.review import Review
from fireline.terms.timeline import Draft
from fireline.verify import Signals, watch
from tests.lifecycle.make import (
    T0,
    Journal,
    K,
    about,
    act,
    alerted,
    at,
    cause,
    facts,
    moved,
    opened,
    runbook,
    triaging,
    verdict,
)

HISTOGRAM = {
    "kind": "histogram",
    "title": "hour before and after",
    "because": "hour moved",
    "data": {
        "cells": ["0 to 5", "6 to 11", "12 to 23"],
        "before": [0.05, 0.40, 0.55],
        "after": [0.25, 0.30, 0.45],
        "unit": "share",
    },
}
CANARY = (Change(T0 - timedelta(hours=7), "deploy", "B to a 20 % canary", "flights", "B"),
          Change(T0 - timedelta(hours=1), "deploy", "B to everybody", "flights", "B"))  # fmt: skip


def story(severity: str = "SEV2", kind: str = "deploy", said: str = "effective", **more: Any) -> Journal:
    """A bad deploy, noticed at T0, a rollback two hours later."""
    journal = triaging()
    onset = {"earliest": iso(T0 - timedelta(hours=7)), "latest": iso(T0 - timedelta(hours=6, minutes=50))}
    journal.write(
        at(),
        Draft(K.SEVERITY, "Half of the users are hit.", {"severity": severity}),
        Draft(K.ONSET, "By scan.", onset),
        Draft(
            K.CAUSES,
            "Ranked.",
            {"causes": [cause(kind).as_json(), cause("attack", 0.01, rejected=True).as_json()]},
        ),
        Draft(K.EVIDENCE, "Frozen.", {"evidence": [more.get("histogram", HISTOGRAM)]}),
    )
    journal.write(at(hours=2), *decide(journal.now, facts(kind), runbook(), at(hours=2)))
    act(journal, at(hours=2))
    journal.write(at(hours=2), *advance(journal.now, at(hours=2)))
    if journal.now.measures:
        journal.write(at(hours=3), verdict(said, at(hours=3), journal.now.measures[0].id))
    return journal


def resolved(**more: Any) -> Journal:
    journal = story(**more)
    journal.write(at(hours=3), *next_step(journal.now))
    journal.write(at(hours=3), *watch(journal.now, Signals(), runbook(), at(hours=3)))
    journal.write(at(hours=27), verdict("recovered", at(hours=27), journal.now.measures[0].id),
                  about(K.KEPT, journal.now.measures[0].id), moved("resolved"))  # fmt: skip
    return journal


def known(**more: Any) -> ReviewFacts:
    given: dict[str, Any] = {
        "requests_affected": 12_345,
        "requests_total": 20_000,
        "requests_avoidable": 9_000,
        "changes": CANARY,
        "shadowed": True,
    }
    return ReviewFacts(at(hours=27), **(given | more))


def drafted(journal: Journal | None = None, book: Runbook | None = None, **more: Any) -> Review:
    return draft_review((journal or resolved()).now, book or runbook(), known(**more))


def items(review: Review) -> str:
    return "\n".join(f"{item.kind}: {item.what} {item.because}" for item in review.action_items)


def test_the_four_moments_are_told_with_how_long_each_took() -> None:
    review = drafted()
    told = {m.name: (m.at, m.after) for m in review.moments}
    assert told == {
        "onset": (iso(at(hours=-7)), ""),
        "detected": (iso(at()), "7 h after the earliest onset"),
        "contained": (iso(at(hours=2)), "2 h after it was detected"),
        "resolved": (iso(at(hours=27)), "1 day 1 h after it was contained"),
    }
    assert review.moments[0].because == "It began then or later, by 17 March 2013, 19:10 at the latest."
    assert review.moments[2].because == "In the replay: rollback to A would have been in force."
    assert review.figures == {"to_detect_s": 25_200.0, "to_contain_s": 7_200.0, "to_resolve_s": 97_200.0}


def test_the_summary_can_be_read_aloud() -> None:
    assert drafted().summary == (
        "AUC fell. It began on 17 March 2013, 19:00 (America/New_York) and was noticed 7 h later. "
        "The rollback to A would have held the harm 2 h after that. "
        "Likeliest cause: deploy (90 %); only version B is worse. 12,345 requests were affected."
    )


def test_harm_is_counted_and_said() -> None:
    told = drafted().harm
    assert told[0] == "12,345 requests were answered worse than usual, 62 % of all since the onset."
    assert told[1] == "9,000 of them came after the rollback to A was or would have been in force."
    assert "The AUC: 0.65, usually 0.72." in told
    assert "How many requests were affected?" in drafted(requests_affected=None).open_questions


def test_items_are_born_from_what_happened() -> None:
    told = items(drafted())
    assert "recover: Fix B and shadow it against the version that serves" in told
    assert "prevent: Let canaries run 7 h or longer" in told
    assert "The canary ran 6 h, and this fault showed 7 h after it began." in told
    assert "detect: Add an expectation on hour: the share of 0 to 5 is usually 5 %. It was 25 %" in told
    assert "contain: Let row 1 of the decision table ask or act, instead of only observing." in told
    assert "would have helped 2 h after the alert; 9,000 requests came after that." in told
    assert "process: Name somebody as ops in the runbook." in told
    assert "incident commander" not in told
    names = [item.id for item in drafted().action_items]
    assert len(set(names)) == len(names)
    assert {item.owner for item in drafted().action_items} == {"delays"}


def test_a_rollout_that_went_on_during_an_open_incident_is_an_item() -> None:
    later = (CANARY[0], Change(at(hours=5), "deploy", "B to everybody", "flights", "B"))
    assert "Hold a rollout while an incident is open on its version." in items(drafted(changes=later))
    one = (CANARY[0],)
    assert "Send every new version to a canary first." in items(drafted(changes=one))
    assert "canary" not in items(drafted(changes=()))


def test_what_is_missing_in_the_runbook_becomes_an_item() -> None:
    bare = runbook(last_known_good=None, ladder=[], ownership={})
    told = items(drafted(book=bare))
    assert "Name the last-known-good version" in told
    assert "Write a fallback ladder" in told
    assert "Name somebody as incident commander" in told
    assert "Let A answer a share of requests in the shadow." in items(drafted(shadowed=False))


def test_what_did_not_help_is_said_and_its_row_questioned() -> None:
    journal = story(said="ineffective")
    review = drafted(journal)
    assert "It is ineffective." in review.did_not_work
    assert "It went unnoticed for 7 h." in review.did_not_work
    assert "Change the row of the decision table that chose the rollback to A." in items(review)
    assert review.moments[2].at is None
    assert review.moments[3].because == "It is containing."
    assert "What holds the harm now?" in review.open_questions


def test_an_unanswered_question_leaves_an_item() -> None:
    journal = triaging("real")
    book = runbook(decisions=[{"action": "rollback", "authority": "ask"}])
    journal.write(at(), *decide(journal.now, facts(), book, at()))
    journal.write(at(minutes=15), *advance(journal.now, at(minutes=15)))
    review = draft_review(journal.now, book, ReviewFacts(at(hours=1)))
    assert "Find out why nobody answered" in items(review)
    assert any("Nobody answered within 15 min" in line for line in review.did_not_work)


def test_a_slice_nobody_watches_is_an_item() -> None:
    journal = resolved()
    journal.write(
        at(hours=27), Draft(K.SLICE, "There.", {"slice": {"carrier": "UA", "distance": [100, 450]}})
    )
    review = drafted(journal)
    assert "Watch carrier as a segment." in items(review)
    assert (
        "Only carrier UA and distance 100 to 450 was hit, and whole-service figures dilute that."
        in review.contributing
    )


def test_a_recovery_by_itself_is_not_claimed_as_ours() -> None:
    journal = triaging()
    journal.write(at(hours=5), verdict("recovered", at(hours=5)), moved("verifying"),
                  Draft(K.WATCH, "Watch.", {"until": iso(at(hours=6))}))  # fmt: skip
    journal.write(at(hours=6), verdict("recovered", at(hours=6)), moved("resolved"))
    review = drafted(journal)
    assert review.moments[2].because == "No measure of ours was needed: the service recovered by itself."
    assert "Write down what was done by hand" in items(review)
    assert "Find the cause" in items(review)


def test_relapses_are_in_the_story_and_the_first_triage_is_not() -> None:
    journal = resolved()
    journal.write(at(hours=40), moved("triaging", "The same alert is back."))
    told = [says for _, says in drafted(journal).timeline]
    assert "The same alert is back." in told
    assert not any("It goes on" in says and "triag" in says for says in told)
    assert any(says.startswith("Change (deploy): B to everybody") for says in told)
    assert drafted(journal).timeline == tuple(sorted(drafted(journal).timeline, key=lambda pair: pair[0]))


def test_a_long_story_is_cut_in_the_middle_and_says_so() -> None:
    journal = triaging()
    for minute in range(60):
        journal.write(at(minutes=minute), verdict("undecided", at(minutes=minute)))
    told = [says for _, says in drafted(journal).timeline]
    assert len(told) == 25
    assert any(re.fullmatch(r"\.\.\. \d+ more entries \.\.\.", says) for says in told)


def test_a_review_comes_back_from_json_as_it_was() -> None:
    review = drafted()
    assert Review.of_json(review.as_json()) == review


# --- guardrails
# -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "service: flights\nmonitors: []\nslos: []\n",
        "service: flights\nmonitors:\n  - monitor: auc\n    urgency: page\n\n# promises\nslos: []\n",
        "service: flights\nmonitors:\n- monitor: auc  # ours\n  urgency: page\nslos: []\n",
        "service: flights",
        "monitors:\n",
    ],
)
def test_the_proposed_guardrail_is_a_diff_that_applies(text: str, tmp_path: Path) -> None:
    patch = diff(resolved().now, runbook(), text)
    target = tmp_path / "runbook.yaml"
    target.write_text(text if text.endswith("\n") else text + "\n")
    (tmp_path / "change.diff").write_text(patch)
    subprocess.run(["git", "apply", "change.diff"], cwd=tmp_path, check=True, capture_output=True)
    after = yaml.safe_load(target.read_text())
    added = after["monitors"][-1]
    assert (added["monitor"], added["feature"], added["urgency"]) == ("drift", "hour", "page")
    before = yaml.safe_load(text)
    assert {k: v for k, v in after.items() if k != "monitors"} == {
        k: v for k, v in before.items() if k != "monitors"
    }
    assert "# ours" not in text or "# ours" in target.read_text()


def test_a_runbook_written_in_another_style_still_gets_its_section_shown() -> None:
    patch = diff(resolved().now, runbook(), "monitors: [{monitor: auc}]\n")
    assert "+  - monitor: drift" in patch


def test_what_is_proposed_is_a_runbook_and_is_proposed_once() -> None:
    text = "monitors: []\n"
    patch = diff(resolved().now, runbook(), text)
    rules = [{"monitor": "drift", "feature": "hour", "urgency": "page"}]
    assert patch
    assert diff(resolved().now, runbook(monitors=rules), text) == ""
    assert (
        diff(
            resolved(histogram={"kind": "note", "title": "n", "because": "b", "data": {}}).now,
            runbook(),
            text,
        )
        == ""
    )


def test_no_guardrail_is_proposed_for_what_the_world_does() -> None:
    journal = story(kind="natural_drift")
    assert diff(journal.now, runbook(), "monitors: []\n") == ""
    assert "expectation" not in items(drafted(journal))


# --- pages
# --------------------------------------------------------------------------------------------------------


def evil() -> Review:
    title = "<script>alert(1)</script> | `x` {{ 7 * 7 }} [a](javascript:b)\n# Not a heading"
    journal = Journal()
    journal.write(at(), Draft(K.OPENED, "Open.", {"service": "s|<b>", "mode": "replay", "title": title}))
    journal.write(at(), alerted(because="</pre><img src=x onerror=y>"))
    return draft_review(journal.now, runbook(), known(runbook_text="monitors: []\n"))


def test_html_shows_what_the_log_says_and_runs_none_of_it() -> None:
    page = render_html(evil())
    assert "<script>" not in page
    assert "<img" not in page
    assert "{{ 7 * 7 }}" in page
    assert "http" not in re.sub(r"<!doctype html>", "", page)


def test_markdown_keeps_its_form_whatever_the_log_says() -> None:
    page = render_markdown(evil())
    assert "<script>" not in page
    assert "\n# Not a heading" not in page
    assert re.search(r"(?<!\\)\]\(", page) is None
    assert "\\`x\\`" in page
    rows = [line for line in page.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {5}


def test_both_pages_say_the_same() -> None:
    review = drafted(runbook_text="service: flights\n")
    markdown, html = render_markdown(review), render_html(review)
    for words in (
        "Let canaries run 7 h or longer",
        "12,345 requests",
        "Proposed guardrails",
        "ruled out: attack",
    ):
        assert words in markdown
        assert words in html
    assert "```diff\n--- a/runbook.yaml" in markdown
    assert "\n\n\n" not in markdown


# --- wrapping up
# --------------------------------------------------------------------------------------------------


def test_wrapping_up_goes_step_by_step_and_waits_for_a_person_where_it_must() -> None:
    for severity, end in (("SEV3", State.CLOSED), ("SEV2", State.LEARNING)):
        journal = resolved(severity=severity)
        for _ in range(6):
            journal.write(at(hours=28), *wrap_up(journal.now, runbook(), known()))
        assert journal.now.state is end
        assert journal.now.review is not None
        assert journal.now.action_items
    journal.write(at(hours=29), Draft(K.REVIEW_APPROVED, "Read.", {"person": "Kim"}, "Kim"))
    journal.write(at(hours=30), *wrap_up(journal.now, runbook(), known()))
    assert journal.now.state is State.CLOSED
    assert wrap_up(journal.now, runbook(), known()) == []
    assert wrap_up(triaging().now, runbook(), known()) == []


def test_an_incident_that_is_hardly_known_can_be_drafted_too() -> None:
    journal = Journal()
    journal.write(at(), opened("real"))
    review = draft_review(journal.now, runbook(), ReviewFacts(at()))
    assert render_markdown(review)
    assert "When did it begin?" in review.open_questions
    assert "What caused it?" in review.open_questions
