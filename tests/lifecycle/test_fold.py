"""The fold: what each entry does to the incident, and that it is one whether read at once or piece by
piece."""

from __future__ import annotations

from functools import reduce
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from fireline.errors import StateError
from fireline.terms.fold import apply, fold
from fireline.terms.incident import OVER, State
from fireline.terms.standing import held, open_temporary, watch_passed
from fireline.terms.timeline import Draft, Entry, EntryKind
from fireline.terms.verdict import VerdictKind
from tests.lifecycle.make import (
    Journal,
    K,
    about,
    alert,
    alerted,
    at,
    measure,
    moved,
    opened,
    performed,
    triaging,
    verdict,
)

STATES = [s.value for s in State]
NAMES = ["msr-1", "msr-2", "msr-3"]


def said(kind: VerdictKind, minute: int, name: str | None) -> Any:
    return verdict(kind.value, at(minutes=minute), name).data["verdict"]


def data_of(kind: EntryKind) -> st.SearchStrategy[dict[str, Any]]:
    """Well-formed data of an entry of this kind, though seldom fitting the moment."""
    names = st.sampled_from(NAMES)
    measures = st.builds(measure, names, st.sampled_from(["rollback", "fallback"]), st.booleans())
    minutes = st.integers(0, 600)
    item = st.fixed_dictionaries({"id": st.sampled_from(["act-1", "act-2"]), "what": st.just("Add a check.")})
    shapes: dict[EntryKind, dict[str, st.SearchStrategy[Any]]] = {
        K.OPENED: {
            "service": st.just("flights"),
            "mode": st.sampled_from(["real", "replay"]),
            "title": st.just("t"),
        },
        K.ALERTED: {"alert": st.builds(alert, st.sampled_from(["alr-1", "alr-2"]))},
        K.SEVERITY: {"severity": st.sampled_from(["SEV1", "SEV2", "SEV3"])},
        K.ONSET: {"earliest": st.just("2013-03-18T05:00:00Z"), "latest": st.just("2013-03-18T05:30:00Z")},
        K.SLICE: {"slice": st.sampled_from([None, {"carrier": "UA"}])},
        K.CAUSES: {"causes": st.just([{"cause": "deploy", "score": 0.9, "because": "B alone is bad."}])},
        K.EVIDENCE: {
            "evidence": st.just([{"kind": "note", "title": "n", "because": "b", "data": {"text": "x"}}])
        },
        K.NEXT: {"checks": st.just(["Look at the new version."])},
        K.DECIDED: {"row": st.none(), "action": st.none(), "authority": st.just("observe")},
        K.ASKED: {"measure": measures, "default": st.just("do"), "due": st.just("2013-03-18T06:15:00Z")},
        K.REQUESTED: {"measure": measures},
        K.FAILED: {"measure": names, "permanent": st.booleans()},
        K.EFFECT: {"measure": names, "effect": st.just({"auc": 0.07})},
        K.VERDICT: {
            "verdict": st.builds(said, st.sampled_from(list(VerdictKind)), minutes, st.none() | names)
        },
        K.WAIVED: {"what": st.sampled_from(["contained", "closed"])},
        K.MOVED: {"to": st.sampled_from(STATES), "into": st.just("inc-9")},
        K.WATCH: {"until": minutes.map(lambda m: at(minutes=m).isoformat())},
        K.ROLE: {"role": st.just("ops"), "person": st.just("Kim")},
        K.REVIEW: {"review": st.fixed_dictionaries({"action_items": st.lists(item, max_size=2)})},
        K.ACTION_ITEM: {"item": item},
    }
    return st.fixed_dictionaries(shapes.get(kind, {"measure": names}))


drafts = st.sampled_from(list(EntryKind)).flatmap(
    lambda kind: st.builds(
        Draft,
        st.just(kind),
        st.sampled_from(["Because.", ""]),
        data_of(kind),
        st.sampled_from(["fireline", "Kim"]),
    )
)


class Life(RuleBasedStateMachine):
    """Anybody writes anything at any time; only what the guards allow is written."""

    def __init__(self) -> None:
        super().__init__()
        self.journal = Journal()
        self.minute = 0
        self.refused: StateError | None = None

    @initialize(mode=st.sampled_from(["real", "replay"]))
    def begin(self, mode: str) -> None:
        self.journal.write(at(), opened(mode), moved("declared"), moved("triaging"))

    @rule(minutes=st.integers(1, 200))
    def wait(self, minutes: int) -> None:
        self.minute += minutes

    @rule(draft=drafts)
    def anybody_writes(self, draft: Draft) -> None:
        before = self.journal.now
        try:
            after = self.journal.write(at(minutes=self.minute), draft)
        except StateError as error:
            self.refused = error
            return
        if before.state in OVER:
            assert after.state is before.state
        if draft.kind is K.ALERTED:
            assert after.state not in (State.RESOLVED, State.LEARNING, *OVER)
        if draft.kind is K.MOVED and after.state is State.RESOLVED:
            assert watch_passed(before)

    @rule(name=st.sampled_from(NAMES), upto=st.integers(1, 4), to=st.sampled_from(STATES))
    def act_goes_on(self, name: str, upto: int, to: str) -> None:
        """The likely way on, so that the rare states are reached too."""
        steps = [Draft(K.REQUESTED, "Needed.", {"measure": measure(name)}), *performed(name)]
        for draft in [*steps[:upto], moved(to, into="inc-9")]:
            self.anybody_writes(draft)

    @rule()
    def it_gets_better(self) -> None:
        now = at(minutes=self.minute)
        for draft in [verdict("recovered", now), moved("recovering"), moved("verifying"),
                      Draft(K.WATCH, "Watch.", {"until": now.isoformat()}), verdict("recovered", now),
                      about(K.KEPT, by="Kim"), moved("resolved"), moved("learning")]:  # fmt: skip
            self.anybody_writes(draft)

    @invariant()
    def a_no_says_what_to_do(self) -> None:
        assert self.refused is None or self.refused.todo

    @invariant()
    def contained_is_held(self) -> None:
        incident = self.journal.incident
        if incident and incident.state is State.CONTAINED:
            assert held(incident)

    @invariant()
    def one_measure_in_flight(self) -> None:
        incident = self.journal.incident
        if incident:
            assert sum(m.in_flight for m in incident.measures) <= 1

    @invariant()
    def nothing_ends_over_a_live_temporary_measure(self) -> None:
        incident = self.journal.incident
        if incident and incident.state in (State.RESOLVED, State.LEARNING, *OVER):
            assert not open_temporary(incident)

    @invariant()
    def closed_has_its_review(self) -> None:
        incident = self.journal.incident
        if incident and incident.state is State.CLOSED:
            assert incident.review is not None
            assert incident.review_approved or incident.severity not in ("SEV1", "SEV2")
            known = {item["id"] for item in incident.action_items}
            assert {item["id"] for item in incident.review["action_items"]} <= known

    @invariant()
    def the_journal_folds_to_the_projection(self) -> None:
        if self.journal.incident:
            assert fold(self.journal.entries) == self.journal.incident


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(drafts.filter(lambda d: d.kind is not K.OPENED), max_size=25), st.integers(0, 25))
def test_fold_reads_any_journal_and_is_incremental(found: list[Draft], cut: int) -> None:
    journal = Journal()
    journal.force(at(), opened())
    for minute, draft in enumerate(found):
        journal.force(at(minutes=minute), draft)
    whole = fold(journal.entries)
    cut = 1 + min(cut, len(found))
    assert reduce(apply, journal.entries[cut:], fold(journal.entries[:cut])) == whole
    assert whole.state is not State.CONTAINED or held(whole)
    assert whole.as_json()


def test_a_hole_in_the_journal_is_told() -> None:
    journal = triaging()
    with pytest.raises(StateError, match="entry 9 follows entry 4"):
        apply(journal.now, Entry("inc-1", 9, at(), K.NOTE, "Kim", "", {"text": "x"}))
    with pytest.raises(StateError, match="belongs to inc-2"):
        apply(journal.now, Entry("inc-2", 5, at(), K.NOTE, "Kim", "", {"text": "x"}))
    with pytest.raises(StateError, match="begins with note"):
        fold([Entry("inc-1", 1, at(), K.NOTE, "Kim", "", {"text": "x"})])
    with pytest.raises(StateError, match="at least one entry"):
        fold([])


def test_an_alert_told_twice_is_one_alert_and_revised() -> None:
    journal = triaging()
    incident = journal.write(at(minutes=5), alerted(evidence=9.9))
    assert [a["evidence"] for a in incident.alerts] == [9.9]


def test_containment_falls_back_when_its_measure_ends() -> None:
    journal = triaging()
    journal.write(
        at(), moved("containing"), Draft(K.REQUESTED, "B is bad.", {"measure": measure()}), *performed()
    )
    assert journal.write(at(), moved("contained")).state is State.CONTAINED
    assert journal.write(at(hours=1), about(K.EXPIRED)).state is State.CONTAINING


def test_containment_falls_back_when_its_measure_is_judged_useless() -> None:
    journal = triaging()
    journal.write(
        at(),
        moved("containing"),
        Draft(K.REQUESTED, "B is bad.", {"measure": measure()}),
        *performed(),
        moved("contained"),
    )
    assert journal.write(at(hours=1), verdict("ineffective", at(hours=1), "msr-1")).state is State.CONTAINING


def test_a_failure_that_may_pass_is_requested_again() -> None:
    journal = triaging()
    journal.write(
        at(),
        Draft(K.REQUESTED, "B is bad.", {"measure": measure()}),
        about(K.CLAIMED, worker="act"),
        about(K.FAILED, permanent=False),
    )
    assert journal.now.measures[0].state == "requested"
    assert journal.write(at(), about(K.FAILED, permanent=True)).measures[0].state == "failed"


def test_evidence_is_revised_until_something_is_touched_and_kept_from_then_on() -> None:
    def exhibit(n: int) -> Draft:
        note = {"kind": "note", "title": "what", "because": "seen", "data": {"text": n}}
        return Draft(K.EVIDENCE, "Seen.", {"evidence": [note]})

    journal = triaging()
    journal.write(at(), exhibit(1), exhibit(2))
    assert [e["data"]["text"] for e in journal.now.evidence] == [2]
    journal.write(
        at(), Draft(K.REQUESTED, "B is bad.", {"measure": measure()}), *performed(), exhibit(3), exhibit(3)
    )
    assert [e["data"]["text"] for e in journal.now.evidence] == [2, 3]


def test_an_approved_question_is_a_request_of_the_person_who_approved() -> None:
    journal = triaging("real")
    asked = {"measure": measure(simulated=False), "default": "leave", "due": at(minutes=15).isoformat()}
    journal.write(at(), Draft(K.ASKED, "B is bad.", asked))
    journal.write(at(minutes=4), about(K.APPROVED, by="Kim"))
    (found,) = journal.now.measures
    assert (found.state, found.approver, found.requested_at) == ("requested", "Kim", at(minutes=4))
