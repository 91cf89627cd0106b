"""Containment: at most one measure, never a foolish one, and always the sentence why."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fireline.contain import Facts, advance, decide
from fireline.runbook.default_decisions import default_decisions
from fireline.runbook.schema import DecisionRow, Runbook
from fireline.terms.cause import CauseKind
from fireline.terms.change import Change
from fireline.terms.incident import State
from fireline.terms.severity import Severity
from fireline.terms.timeline import Draft
from fireline.terms.verdict import Verdict, VerdictKind
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

LADDER_ONLY = {"last_known_good": None}


def rows(*given: dict[str, Any]) -> dict[str, Any]:
    return {"decisions": list(given)}


def settle(journal: Journal, when: Any) -> None:
    while drafts := advance(journal.now, when):
        journal.write(when, *drafts)


def test_the_built_in_table_only_observes_and_knows_every_cause() -> None:
    rows = [DecisionRow.model_validate(row) for row in default_decisions()]
    assert {row.authority for row in rows} == {"observe"}
    named = {kind for row in rows for kind in row.when["cause"]}
    assert named == set(CauseKind)


def test_a_replay_that_observes_says_what_it_would_have_done_and_runs_it_through_the_ledger() -> None:
    journal = triaging()
    journal.write(at(minutes=2), *decide(journal.now, facts(), runbook(), at(minutes=2)))
    assert journal.kinds()[-3:] == ["decided", "moved", "requested"]
    (found,) = journal.now.measures
    assert found.because == (
        "Would have rolled back B to A at 02:02, because only version B is worse; "
        "A is known good: AUC 0.72 over six weeks."
    )
    assert (found.action, found.params, found.simulated) == ("rollback", {"from": "B", "to": "A"}, True)
    assert found.expected == "The AUC back from 0.65 to about 0.72."
    assert (
        found.dry_run
        == "All traffic goes to A; B, which answers 100 % of the traffic now, answers nothing any more."
    )
    was = "B answers 100 % of the calls"
    assert found.inverse == {"action": "restore", "params": {"measure": found.id, "was": was}}
    assert found.expires_at == at(minutes=2) + timedelta(days=7)
    act(journal, at(minutes=3))
    settle(journal, at(minutes=3))
    assert journal.now.state is State.CONTAINED
    assert decide(journal.now, facts(), runbook(), at(minutes=4)) == []


def test_a_real_incident_that_observes_says_it_once_and_touches_nothing() -> None:
    journal = triaging("real")
    for minute in (2, 3, 4):
        journal.write(at(minutes=minute), *decide(journal.now, facts(), runbook(), at(minutes=minute)))
    assert journal.kinds().count("decided") == 1
    assert not journal.now.measures
    assert "Would have rolled back B to A at 02:02" in journal.entries[-1].because


def test_a_measure_in_flight_stops_every_other_decision() -> None:
    journal = triaging()
    journal.write(at(), *decide(journal.now, facts(), runbook(), at()))
    assert decide(journal.now, facts("upstream_data"), runbook(), at(minutes=1)) == []


def ask(unanswered: str) -> Runbook:
    return runbook(**rows({"when": {"cause": ["deploy"]}, "action": "rollback", "authority": "ask",
                           "unanswered": unanswered, "answer_within": "15m"}))  # fmt: skip


@pytest.mark.parametrize("mode", ["real", "replay"])
def test_an_unanswered_question_is_done_where_the_runbook_says_so(mode: str) -> None:
    journal = triaging(mode)
    journal.write(at(), *decide(journal.now, facts(), ask("do"), at()))
    assert journal.entries[-1].data["due"] == "2013-03-18T06:15:00Z"
    assert "unanswered by 02:15 it is done" in journal.entries[-1].because
    settle(journal, at(minutes=14))
    assert journal.now.measures[0].state == "asked"
    settle(journal, at(minutes=15))
    (found,) = journal.now.measures
    assert (found.state, found.approver, found.simulated) == ("requested", "fireline", mode == "replay")
    assert journal.entries[-1].because == "Nobody answered within 15 min; the runbook says to do it then."


def test_an_unanswered_question_is_left_where_the_runbook_says_so_and_not_asked_again() -> None:
    journal = triaging("real")
    journal.write(at(), *decide(journal.now, facts(), ask("leave"), at()))
    settle(journal, at(minutes=15))
    assert journal.now.measures[0].state == "expired"
    journal.write(at(minutes=16), *decide(journal.now, facts(), ask("leave"), at(minutes=16)))
    assert journal.kinds().count("asked") == 1
    assert "nobody answered when it was asked for" in journal.entries[-1].because


def test_a_no_is_not_asked_again() -> None:
    journal = triaging("real")
    book = runbook(ladder=[], **rows({"action": "rollback", "authority": "ask"}))
    journal.write(at(), *decide(journal.now, facts(), book, at()))
    journal.write(at(minutes=3), about(K.DENIED, journal.now.measures[0].id, by="Kim"))
    journal.write(at(minutes=4), *decide(journal.now, facts(), book, at(minutes=4)))
    assert len(journal.now.measures) == 1
    assert "a person said no" in journal.now.decisions[-1]["because"]
    assert decide(journal.now, facts(), book, at(minutes=5)) == []


def test_auto_asks_nobody() -> None:
    journal = triaging("real")
    book = runbook(**rows({"action": "rollback", "authority": "auto"}))
    journal.write(at(), *decide(journal.now, facts(), book, at()))
    assert journal.entries[-1].kind is K.REQUESTED
    assert not journal.now.measures[0].simulated
    assert journal.now.measures[0].because.startswith(
        "To roll back B to A, at once, because only version B is worse"
    )


@pytest.mark.parametrize("kind", ["natural_drift", "concept_drift", "label_pipeline", "unknown"])
def test_where_no_measure_helps_the_decision_says_what_to_do_instead(kind: str) -> None:
    journal = triaging()
    (draft,) = decide(journal.now, facts(kind), runbook(), at())
    assert draft.kind is K.DECIDED
    assert draft.data["action"] is None
    assert draft.because.startswith("No measure, because only version B is worse. ")
    journal.write(at(), draft)
    assert decide(journal.now, facts(kind), runbook(), at(hours=1)) == []


def test_a_ticket_asks_for_no_measure() -> None:
    journal = Journal()
    journal.write(at(), opened(), alerted(urgency="ticket"), moved("declared"), moved("triaging"))
    (draft,) = decide(journal.now, facts(), runbook(), at())
    assert draft.data["action"] is None
    assert "nothing here pages" in draft.because


def test_a_ticket_that_pages_since_is_decided_anew_even_where_nothing_can_be_done() -> None:
    journal = Journal()
    journal.write(at(), opened(), alerted(urgency="ticket"), moved("declared"), moved("triaging"))
    guess = facts(score=0.4, new_version=None)
    journal.write(at(), *decide(journal.now, guess, runbook(), at()))
    assert decide(journal.now, guess, runbook(), at(minutes=1)) == []
    journal.write(at(minutes=2), alerted(urgency="page"))
    (draft,) = decide(journal.now, guess, runbook(), at(minutes=2))
    assert draft.data["action"] is None
    assert "nothing here pages" not in draft.because
    assert draft.because.endswith("A person must look at it.")


def test_a_guess_touches_nothing_unless_one_version_alone_is_bad() -> None:
    journal = triaging()
    (draft,) = decide(journal.now, facts(score=0.4, new_version=None), runbook(), at())
    assert draft.data["action"] is None
    assert "no more than a guess" in draft.because
    assert decide(journal.now, facts(score=0.4), runbook(), at())[-1].kind is K.REQUESTED


@pytest.mark.parametrize(
    ("book", "known", "says"),
    [
        (LADDER_ONLY, {}, "names no last-known-good"),
        ({"last_known_good": {"version": "B"}}, {}, "B is the version that is bad"),
        ({}, {"equally_bad": ("A",)}, "A is as bad as B on the same traffic"),
        ({}, {"shares": {"A": 1.0}}, "A answers everything already"),
    ],
)
def test_a_rollback_that_makes_no_sense_falls_down_the_ladder(
    book: dict[str, Any], known: dict[str, Any], says: str
) -> None:
    journal = triaging()
    drafts = decide(journal.now, facts(**known), runbook(**book), at())
    found = drafts[-1].data["measure"]
    assert (found["action"], found["params"]) == ("fallback", {"rung": "schedule-only", "from": "full"})
    assert says in found["because"]
    assert "Weather is not used" in found["dry_run"]
    assert found["inverse"]["params"]["was"] == "all calls from rung full"


@pytest.mark.parametrize(
    ("kind", "version", "alone", "action"),
    [("config", None, None, None), ("feature flag", None, None, None), ("deploy", None, None, "rollback"),
     ("config", "B", None, "rollback"), ("config", None, "B", "rollback")],
)  # fmt: skip
def test_a_change_of_settings_is_not_undone_by_an_older_version(
    kind: str, version: str | None, alone: str | None, action: str | None
) -> None:
    changed = replace(cause(), change=Change(T0, kind, "new provider", "flights", version))
    known = facts(causes=(changed,), new_version=alone, shares={"B": 1.0})
    drafts = decide(triaging().now, known, runbook(ladder=[]), at())
    assert drafts[0].data["action"] == action
    if action is None:
        assert f'{kind} "new provider" came with no version' in drafts[0].because
        assert "whoever made it takes it back" in drafts[0].because


def test_without_a_ladder_a_person_is_called_and_told_why() -> None:
    journal = triaging()
    (draft,) = decide(journal.now, facts(), runbook(ladder=[], **LADDER_ONLY), at())
    assert draft.data["action"] is None
    assert "no last-known-good" in draft.because
    assert "no fallback ladder" in draft.because
    assert draft.because.endswith("A person must look at it.")


def test_broken_inputs_fall_back_a_rung_and_never_to_a_version_that_reads_them_too() -> None:
    journal = triaging()
    ladder = [
        {"name": "full", "kind": "current"},
        {"name": "before", "kind": "last_known_good", "version": "A"},
    ]
    (draft,) = decide(journal.now, facts("upstream_data"), runbook(ladder=ladder), at())
    assert draft.data["action"] is None
    row = {"action": "fallback", "params": {"rungs": ["last_known_good"]}}
    (draft,) = decide(journal.now, facts("upstream_data"), runbook(ladder=ladder, **rows(row)), at())
    assert "reads the same inputs" in draft.because
    assert (
        decide(journal.now, facts("upstream_data"), runbook(), at())[-1].data["measure"]["params"]["rung"]
        == "schedule-only"
    )


def test_after_a_measure_that_did_not_help_the_next_step_is_another_one() -> None:
    journal = triaging()
    done = []
    for hour in range(4):
        journal.write(at(hours=hour), *decide(journal.now, facts(), runbook(), at(hours=hour)))
        act(journal, at(hours=hour, minutes=1))
        settle(journal, at(hours=hour, minutes=1))
        if len(journal.now.measures) == len(done):
            break
        found = journal.now.measures[-1]
        done.append((found.action, *sorted(found.params.items())))
        journal.write(
            at(hours=hour, minutes=30), verdict("ineffective", at(hours=hour, minutes=30), found.id)
        )
        settle(journal, at(hours=hour, minutes=31))
        assert journal.now.measures[-1].state == "undone"
        assert journal.now.state is State.CONTAINING
    assert [name for name, *_ in done] == ["rollback", "fallback", "fallback"]
    assert len(set(done)) == 3
    assert "no rung is left" in journal.now.decisions[-1]["because"]


def test_a_share_is_routed_and_given_back() -> None:
    journal = triaging()
    row = {"action": "route_share", "params": {"share": 0.05}}
    drafts = decide(journal.now, facts(shares={"A": 0.8, "B": 0.2}), runbook(**rows(row)), at())
    found = drafts[-1].data["measure"]
    assert found["params"] == {"version": "B", "share": 0.05, "to": "A"}
    assert found["inverse"]["params"]["was"] == "B answers 20 % of the calls"
    assert "left B only 5 % of the traffic" in found["because"]


def test_an_action_nobody_can_do_is_said() -> None:
    journal = triaging()
    (draft,) = decide(journal.now, facts(), runbook(**rows({"action": "reboot"})), at())
    assert "nothing can do `reboot`" in draft.because


def test_an_expired_measure_may_be_renewed() -> None:
    journal = triaging()
    journal.write(at(), *decide(journal.now, facts(), runbook(), at()))
    act(journal, at(minutes=1))
    settle(journal, at(minutes=1))
    settle(journal, at(days=7))
    assert journal.now.measures[0].state == "expired"
    assert journal.now.state is State.CONTAINING
    journal.write(at(days=7), *decide(journal.now, facts(), runbook(), at(days=7)))
    assert [m.action for m in journal.now.measures] == ["rollback", "rollback"]
    assert len({m.id for m in journal.now.measures}) == 2


def test_an_expired_measure_that_was_never_seen_to_help_is_not_asked_for_again() -> None:
    journal = triaging()
    journal.write(at(), *decide(journal.now, facts(), runbook(), at()))
    act(journal, at(minutes=1))
    settle(journal, at(minutes=1))
    (first,) = journal.now.measures
    found = Verdict(at(hours=1), VerdictKind.UNDECIDED, "Nothing tells.", first.id, True)
    journal.write(at(hours=1), Draft(K.VERDICT, "Nothing tells.", {"verdict": found.as_json()}))
    settle(journal, at(days=7))
    journal.write(at(days=7), *decide(journal.now, facts(), runbook(), at(days=7)))
    assert "rollback" not in [m.action for m in journal.now.measures[1:]]


def test_a_waiver_contains() -> None:
    journal = triaging("real")
    journal.write(
        at(), moved("containing"), Draft(K.WAIVED, "Shut at the gateway.", {"what": "contained"}, "Kim")
    )
    settle(journal, at())
    assert journal.now.state is State.CONTAINED
    assert journal.entries[-1].because == "Containment was waived by a person."


some_facts = st.builds(
    lambda kind, score, new, bad, shares, severity, rejected: Facts(
        causes=(cause("deploy", 0.1, rejected=True), cause(kind, score))
        if rejected
        else (cause(kind, score),),
        families=("auc",),
        severity=severity,
        new_version=new,
        equally_bad=bad,
        shares=shares,
    ),
    st.sampled_from([kind.value for kind in CauseKind]),
    st.floats(0, 1),
    st.sampled_from([None, "A", "B", "C"]),
    st.sampled_from([(), ("A",), ("A", "B")]),
    st.sampled_from([{}, {"A": 1.0}, {"A": 0.8, "B": 0.2}]),
    st.sampled_from(list(Severity)),
    st.booleans(),
)


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.tuples(some_facts, st.sampled_from(["effective", "ineffective", "undecided"])), max_size=5),
    st.sampled_from(["real", "replay"]),
    st.sampled_from(["observe", "ask", "auto"]),
)
def test_never_two_at_once_never_the_same_in_vain_and_never_to_a_bad_version(
    rounds: list[tuple[Facts, str]], mode: str, authority: str
) -> None:
    book = runbook()
    table = [row.model_copy(update={"authority": authority}) for row in book.decisions]
    book = book.model_copy(update={"decisions": tuple(table)})
    journal = triaging(mode)
    in_vain: list[tuple[str, str]] = []
    for hour, (known, said) in enumerate(rounds):
        now = at(hours=hour)
        drafts = decide(journal.now, known, book, now)
        assert all(draft.because.strip() for draft in drafts)
        assert sum(draft.kind in (K.REQUESTED, K.ASKED) for draft in drafts) <= 1
        journal.write(now, *drafts)
        settle(journal, now)
        for draft in drafts:
            if draft.kind in (K.REQUESTED, K.ASKED):
                measure = draft.data["measure"]
                target = str(measure["params"].get("to") or measure["params"].get("rung"))
                assert (measure["action"], target) not in in_vain
                assert target not in known.equally_bad
                assert measure["action"] != "rollback" or target != known.new_version
        settle(journal, now + timedelta(minutes=15))
        act(journal, now + timedelta(minutes=16))
        settle(journal, now + timedelta(minutes=16))
        for measure in journal.now.live_measures:
            journal.write(now + timedelta(minutes=20), verdict(said, now, measure.id))
            if said == "ineffective":
                in_vain.append((measure.action, str(measure.params.get("to") or measure.params.get("rung"))))
        settle(journal, now + timedelta(minutes=20))


@pytest.mark.parametrize("authority", ["auto", "ask"])
def test_a_measure_on_production_that_did_not_help_is_taken_back_before_the_next_step(authority: str) -> None:
    journal = triaging("real")
    book = runbook(
        **rows({"action": "rollback", "authority": authority}, {"action": "fallback", "authority": "auto"})
    )
    journal.write(at(), *decide(journal.now, facts(), book, at()))
    name = journal.now.measures[0].id
    if authority == "ask":
        journal.write(at(minutes=1), about(K.APPROVED, name, by="Kim"))
    act(journal, at(minutes=2))
    settle(journal, at(minutes=2))
    journal.write(at(hours=1), verdict("ineffective", at(hours=1), name))
    journal.write(at(hours=1), *advance(journal.now, at(hours=1)))
    undo = journal.now.measures[-1]
    assert (undo.action, undo.params["measure"]) == ("restore", name)
    assert undo.state == ("requested" if authority == "auto" else "asked")
    assert decide(journal.now, facts(), book, at(hours=1)) == []
    if authority == "ask":
        journal.write(at(hours=1), about(K.APPROVED, undo.id, by="Kim"))
    act(journal, at(hours=2))
    journal.write(at(hours=2), about(K.UNDONE, name))
    settle(journal, at(hours=2))
    assert journal.now.state is State.CONTAINING
    journal.write(at(hours=3), *decide(journal.now, facts(), book, at(hours=3)))
    assert journal.now.measures[-1].action == "fallback"
