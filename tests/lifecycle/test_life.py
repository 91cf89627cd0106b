"""Whole lives: from the first alert to the closed incident, through every step as the loop would call
them."""

from __future__ import annotations

from datetime import datetime, timedelta

from fireline.clock import iso
from fireline.contain import Facts, advance, decide
from fireline.learn import ReviewFacts, wrap_up
from fireline.recover import next_step
from fireline.runbook.schema import Runbook
from fireline.terms.change import Change
from fireline.terms.fold import fold
from fireline.terms.incident import Incident, State
from fireline.terms.timeline import Draft
from fireline.verify import Comparison, Recovery, Signals, judge_measure, judge_recovery, shadow, watch
from tests.lifecycle.make import T0, Journal, K, act, at, cause, facts, runbook, triaging
from tests.lifecycle.traffic import Columns, answered_by, both, noisy, reference, traffic

REFERENCE = reference(8000)


def fault_log(hours: float = 40, n: int = 5000) -> Columns:
    """B serves everything from T0 on and scores badly; A answers all of it in the shadow."""
    live = traffic(n, T0, hours, seed=21)
    return both(answered_by(live, "B", score=noisy(live, 2)), answered_by(live, "A", shadow=True))


def seen(log: Columns, incident: Incident, since: datetime, now: datetime) -> Comparison | None:
    return shadow(
        log, REFERENCE, good="A", bad="B", alerts=incident.alerts, since=since, until=now, timezone="UTC"
    )


def tick(
    journal: Journal,
    known: Facts,
    book: Runbook,
    log: Columns,
    now: datetime,
    recoveries: tuple[Recovery, ...] = (),
) -> None:
    """One tick as the loop does it: every step until it has nothing more to say."""
    facts_now = ReviewFacts(now, 4321, 9000, 4000, (Change(T0, "deploy", "model B", "flights", "B"),), True)
    for _ in range(20):
        incident = journal.now
        drafts: list[Draft] = advance(incident, now) or decide(incident, known, book, now)
        if not drafts:
            for measure in incident.measures:
                drafts = drafts or judge_measure(incident, measure, seen(log, incident, T0, now), book, now)
        drafts = drafts or judge_recovery(incident, recoveries, book, now) or next_step(incident)
        if not drafts and incident.state is State.VERIFYING:
            begun = next((e.at for e in reversed(incident.timeline) if e.kind is K.WATCH), now)
            comparison = seen(log, incident, begun, now) if now > begun else None
            drafts = watch(incident, Signals((), comparison, recoveries), book, now)
        drafts = drafts or wrap_up(incident, book, facts_now)
        if not drafts:
            act(journal, now)
            if journal.now is incident:
                return
            continue
        journal.write(now, *drafts)
    raise AssertionError(f"never comes to rest: {journal.kinds()[-10:]}")


def played(known: Facts, book: Runbook, log: Columns, hours: int = 32, severity: str = "SEV3") -> Journal:
    journal = triaging()
    onset = {"earliest": iso(T0 - timedelta(hours=1)), "latest": iso(T0)}
    ruled_out = cause("upstream_data", 0.01, "Inputs are whole.", rejected=True)
    causes = [cause("deploy", 0.93).as_json(), ruled_out.as_json()]
    journal.write(at(), Draft(K.SEVERITY, "Half of the users are hit.", {"severity": severity}))
    journal.write(at(), Draft(K.ONSET, "By scan.", onset), Draft(K.CAUSES, "Ranked.", {"causes": causes}))
    for hour in range(2, hours, 3):
        tick(journal, known, book, log, at(hours=hour))
    return journal


def states(journal: Journal) -> list[str]:
    return [e.data["to"] for e in journal.entries if e.kind is K.MOVED]


def test_a_bad_deploy_is_rolled_back_in_the_replay_watched_resolved_reviewed_and_closed() -> None:
    journal = played(facts(), runbook(), fault_log())
    assert states(journal) == [
        "declared",
        "triaging",
        "containing",
        "contained",
        "recovering",
        "verifying",
        "resolved",
        "learning",
        "closed",
    ]
    (measure,) = journal.now.measures
    assert measure.simulated
    assert measure.effect is not None
    assert [v["verdict"] for v in journal.now.verdicts] == ["undecided", "effective", "recovered"]
    assert journal.now.resolved_at == at(hours=29)
    assert journal.now.review is not None
    assert {i["id"] for i in journal.now.action_items} == {
        i["id"] for i in journal.now.review["action_items"]
    }
    assert fold(journal.entries) == journal.now


def test_a_sev1_waits_for_a_person_to_approve_its_review() -> None:
    journal = played(facts(), runbook(), fault_log(), severity="SEV1")
    assert journal.now.state is State.LEARNING
    journal.write(at(days=4), Draft(K.REVIEW_APPROVED, "Read and agreed.", {"person": "Kim"}, "Kim"))
    tick(journal, facts(), runbook(), fault_log(), at(days=4))
    assert journal.now.state is State.CLOSED


def test_where_the_old_version_is_as_bad_the_next_row_is_tried_and_the_fault_waits_for_people() -> None:
    live = traffic(5000, T0, 40, seed=22)
    bad = noisy(live, 2)
    log = both(answered_by(live, "B", score=bad), answered_by(live, "A", shadow=True, score=bad + 1e-9))
    journal = played(facts(), runbook(), log)
    assert [(m.action, m.state.value) for m in journal.now.measures][:1] == [("rollback", "undone")]
    assert journal.now.measures[1].action == "fallback"
    assert journal.now.verdicts[0]["verdict"] == "ineffective"
    assert journal.now.state in (State.CONTAINED, State.CONTAINING)


def test_natural_drift_gets_a_sentence_and_resolves_when_it_goes_away() -> None:
    known = facts("natural_drift")
    journal = triaging()
    log = fault_log()
    for hour in (2, 4, 6):
        tick(journal, known, runbook(), log, at(hours=hour))
    assert journal.kinds().count("decided") == 1
    back = Recovery(
        "alr-1", "auc", True, at(hours=7), 3.2, 2.9, "the AUC is back by more than half of the effect"
    )
    tick(journal, known, runbook(), log, at(hours=8), (back,))
    assert journal.now.state is State.VERIFYING
    tick(journal, known, runbook(), log, at(hours=33), (back,))
    assert journal.now.state is State.LEARNING or journal.now.state is State.CLOSED
    assert not journal.now.measures


def test_the_same_log_twice_gives_the_same_life() -> None:
    first, again = (played(facts(), runbook(), fault_log(), hours=30) for _ in range(2))
    assert first.entries == again.entries
    assert first.now.as_json() == again.now.as_json()
