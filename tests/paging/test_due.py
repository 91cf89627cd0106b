"""Who is called, when, and what next: the complaints of the field, one test each, and what always holds."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from fireline.errors import StateError
from fireline.terms.guards import MOVES
from fireline.terms.incident import State
from fireline.terms.page import CALLS, PageKind, PageState
from fireline.terms.timeline import Draft
from tests.lifecycle.make import T0, K, about, alerted, measure, moved, opened, performed
from tests.paging.duty import Night, acked, paging, severity


def test_the_first_page_alert_pages_the_first_step_at_once():
    assert Night().begin().after() == [("page", "ops")]


def test_nothing_is_said_twice():
    night = Night().begin()
    assert night.after() == [("page", "ops")]
    night.write(alerted("alr-2", "latency"))
    assert night.after() == []


def test_a_ticket_pages_nobody_and_is_told_of_once():
    assert Night().begin("ticket").through(hours=6) == []
    night = Night(paging(updates=["team"])).begin("ticket")
    assert night.through(hours=6) == [(0, "update", "team")]


def test_a_ticket_that_becomes_a_page_pages():
    night = Night().begin("ticket")
    assert night.after() == []
    night.write(alerted("alr-2", "latency"))
    assert night.after(minutes=4) == [("page", "ops")]


def test_what_is_only_replayed_calls_nobody():
    assert Night(paging(updates=["team"])).begin(mode="replay").through(hours=1) == []
    assert Night().begin(mode="drill").after() == [("page", "ops")]


def test_it_escalates_and_repeats_until_max():
    night = Night(paging(max=5)).begin()
    assert night.through(hours=3) == [
        (0, "page", "ops"),
        (5, "escalate", "boss"), (5, "escalate", "mail"),
        (10, "repage", "ops"), (10, "repage", "boss"), (10, "repage", "mail"),
        (15, "repage", "ops"), (15, "repage", "boss"), (15, "repage", "mail"),
        (20, "repage", "ops"), (20, "repage", "boss"), (20, "repage", "mail"),
    ]  # fmt: skip
    assert "the last call" in night.pages[-1].message.text
    assert "the last call" not in night.pages[0].message.text


def test_acknowledged_and_forgotten_is_paged_again():
    night = Night().begin()
    night.after()
    night.write(acked())
    assert night.through(minutes=29.5) == []
    assert night.after(minutes=1) == [("repage", "ops")]
    assert night.pages[-1].message.title == "STILL OPEN SEV2 flights: AUC fell"
    assert "ada took it 30 min ago, and it is not contained." in night.pages[-1].message.text
    assert night.after(minutes=5) == [("escalate", "boss"), ("escalate", "mail")]


def test_an_acknowledgement_rests_as_long_as_it_is_contained():
    night = Night().begin()
    night.after()
    night.write(acked())
    night.write(Draft(K.REQUESTED, "do", {"measure": measure(simulated=False)}), moved("containing"))
    night.write(*performed(), moved("contained"))
    assert night.through(hours=3) == []
    night.write(about(K.UNDONE))
    assert night.journal.now.state == "containing"
    assert night.after(minutes=1) == [("repage", "ops"), ("repage", "boss"), ("repage", "mail")]


def test_a_call_that_began_again_goes_on_until_somebody_answers_contained_or_not():
    night = Night().begin()
    night.after()
    night.write(acked())
    assert night.after(minutes=30) == [("repage", "ops")]
    night.write(Draft(K.REQUESTED, "do", {"measure": measure(simulated=False)}), moved("containing"))
    night.write(*performed(), moved("contained"))
    assert night.after(minutes=5) == [("escalate", "boss"), ("escalate", "mail")]


def test_acknowledging_is_not_silencing():
    night = Night().begin()
    night.after()
    night.write(acked())
    night.write(severity("SEV1"))
    assert night.after(minutes=1) == [("page", "ops")]
    assert "Severity raised from SEV2 to SEV1." in night.pages[-1].message.text


def test_severity_raised_calls_everybody_reached_so_far_and_holds_no_escalation_up():
    night = Night().begin()
    night.after()
    night.after(minutes=4)
    night.write(severity("SEV1"))
    assert night.through(minutes=1) == [(4, "page", "ops"), (5, "escalate", "boss"), (5, "escalate", "mail")]


def test_severity_that_wavers_does_not_page_again_and_again():
    night = Night(paging(max=2)).begin(level="SEV1")
    night.through(minutes=30)
    night.write(severity("SEV2"), severity("SEV1"))
    assert night.after() == []


def test_an_escalation_that_paused_resumes_with_what_is_due_now():
    """oncall#1206: paused while the server was down, and found 5.5 hours later."""
    night = Night().begin()
    night.after()
    assert night.after(hours=5.5) == [("escalate", "boss"), ("escalate", "mail")]
    assert night.after(minutes=5) == [("repage", "ops"), ("repage", "boss"), ("repage", "mail")]


def test_a_server_that_was_down_from_the_start_calls_all_steps_that_are_due_in_one_call():
    night = Night().begin()
    assert night.after(hours=1) == [("page", "ops"), ("page", "boss"), ("page", "mail")]


def resolve(night: Night) -> None:
    night.move("verifying")
    night.move("resolved", "Quiet through the watch period.")


def test_nothing_escalates_after_resolve():
    """OneUptime#1690."""
    night = Night().begin()
    night.after()
    resolve(night)
    assert night.after(minutes=5) == [("resolved", "ops")]
    assert night.through(hours=2) == []
    text = night.pages[-1].message.text
    assert text.splitlines()[0] == "Resolved: flights: AUC fell"
    assert "Quiet through the watch period." in text


def test_what_waits_is_dropped_when_it_ends_and_nobody_hears_of_what_nobody_heard_of():
    night = Night(sends=PageState.WAITING).begin()
    night.after()
    night.write(moved("cancelled", "A test of ours.", by="ada"))
    assert night.through(hours=1) == []
    assert [(p.state.value, p.last_error) for p in night.pages] == [("dropped", "it is cancelled")]


def test_a_merged_incident_says_where_it_goes_on():
    night = Night().begin()
    night.after()
    night.write(moved("merged", "The same change explains it.", into="inc-9"))
    assert night.after(minutes=1) == [("resolved", "ops")]
    assert "It goes on in inc-9." in night.pages[-1].message.text


def test_what_waits_is_dropped_when_somebody_answers():
    night = Night(sends=PageState.WAITING).begin()
    night.after()
    night.write(acked())
    night.after()
    assert [(p.state.value, p.last_error) for p in night.pages] == [("dropped", "ada has it")]


def test_a_call_that_waits_gives_way_to_the_next_one_on_its_channel():
    night = Night(sends=PageState.WAITING).begin()
    night.through(minutes=10)
    waiting = [(p.kind.value, p.channel) for p in night.pages if p.state is PageState.WAITING]
    assert waiting == [("repage", "ops"), ("repage", "boss"), ("repage", "mail")]


def test_a_relapse_pages_again_although_it_was_acknowledged():
    night = Night().begin()
    night.after()
    night.write(acked())
    night.move("verifying")
    assert night.after(minutes=1) == []
    night.write(moved("triaging", "The error rate is back."))
    assert night.after(minutes=1) == [("page", "ops")]
    assert "It is back." in night.pages[-1].message.text


def test_a_reopened_incident_pages_again_and_ends_again():
    night = Night().begin()
    night.after()
    resolve(night)
    night.after(minutes=1)
    night.write(moved("triaging", "Not over.", by="ada"))
    assert night.after(minutes=1) == [("page", "ops")]
    resolve(night)
    assert night.after(minutes=1) == [("resolved", "ops")]


def test_an_incident_reopened_before_its_end_was_told_is_not_called_over():
    night = Night().begin()
    night.after()
    resolve(night)
    night.sends = PageState.WAITING
    night.after()
    night.write(moved("triaging", "Not over.", by="ada"))
    night.after()
    states = [(p.kind.value, p.state.value) for p in night.pages]
    assert states == [("page", "sent"), ("resolved", "dropped"), ("page", "waiting")]


def test_a_step_that_reaches_nobody_falls_to_the_next_one_at_once():
    night = Night().begin()
    night.after()
    night.pages[0] = replace(night.pages[0], state=PageState.FAILED)
    assert night.after(seconds=1) == [("escalate", "boss"), ("escalate", "mail")]
    assert "Nobody could be reached on the step before." in night.pages[-1].message.text


def test_fireline_asking_calls_whoever_is_called_and_says_how_to_answer():
    night = Night().begin()
    night.after()
    night.write(acked())
    question = {"measure": measure(authority="ask", simulated=False), "default": "leave"}
    night.write(Draft(K.ASKED, "the table says ask", {**question, "due": "2013-03-18T06:15:00Z"}))
    assert night.after(minutes=1) == [("page", "ops")]
    text = night.pages[-1].message.text
    assert "YOUR DECISION: rollback of B to A? Unanswered by 02:15 it is left." in text
    assert "fireline approve inc-1" in text


def test_who_answers_a_question_is_awake():
    night = Night().begin()
    question = {"measure": measure(authority="ask", simulated=False), "default": "leave"}
    night.write(Draft(K.ASKED, "the table says ask", {**question, "due": "2013-03-18T06:15:00Z"}))
    night.after()
    night.write(about(K.APPROVED, by="ada"))
    assert night.through(minutes=20) == []


def test_fireline_itself_answers_for_nobody():
    night = Night().begin()
    night.write(Draft(K.ROLE, "by rota", {"role": "ops", "person": "Kim"}))
    night.after()
    assert night.after(minutes=5) == [("escalate", "boss"), ("escalate", "mail")]


def test_what_a_person_declares_calls_the_others_unless_it_is_small():
    def declared(level: str | None) -> Night:
        night = Night()
        begin = opened("real")
        night.write(Draft(begin.kind, begin.because, begin.data, by="ada"))
        night.write(moved("declared", by="ada"), *([severity(level)] if level else []))
        return night

    assert declared(None).after() == [("page", "ops")]
    assert declared("SEV1").after() == [("page", "ops")]
    assert declared("SEV3").through(hours=1) == []


def test_updates_keep_the_runbooks_cadence():
    night = Night(paging(updates=["team"], steps=[])).begin(level="SEV1")
    assert night.through(minutes=65) == [
        (0, "update", "team"),
        (30, "update", "team"),
        (60, "update", "team"),
    ]
    assert "Next update in 30 min." in night.pages[-1].message.text


def test_the_first_update_waits_a_little_for_the_severity():
    night = Night(paging(updates=["team"], steps=[])).begin(level=None)
    assert night.through(minutes=3) == [(2, "update", "team")]


# -- what always holds ---------------------------------------------------------------------------------------

HAPPENINGS = [
    lambda: alerted("alr-2", "latency"),
    lambda: severity("SEV1"),
    lambda: severity("SEV2"),
    lambda: acked(),
    lambda: about(K.APPROVED, by="ada"),
    lambda: moved("containing"),
    lambda: moved("verifying"),
    lambda: moved("resolved"),
    lambda: moved("learning"),
    lambda: moved("triaging", by="ada"),
    lambda: moved("cancelled", by="ada"),
    lambda: Draft(K.NOTE, "n", {"text": "n"}, by="ada"),
]
steps = st.lists(
    st.tuples(
        st.floats(0, 40), st.none() | st.sampled_from(HAPPENINGS), st.sampled_from(list(PageState)[2:])
    ),
    max_size=25,
)


def happen(night: Night, draft: Draft) -> None:
    """Write it if that can be; states follow each other as they may, whatever the guards ask for first."""
    if draft.kind is K.MOVED:
        if State(draft.data["to"]) in MOVES[night.journal.now.state]:
            night.journal.force(night.at, draft)
        return
    try:
        night.write(draft)
    except StateError:
        return


def play(night: Night, story) -> None:
    for minutes, happening, state in story:
        night.at += timedelta(minutes=minutes)
        if happening is not None:
            happen(night, happening())
        before, night.sends = night.sends, PageState.WAITING
        night.ask()
        night.sends = before
        for number, page in enumerate(night.pages):
            if page.state is PageState.WAITING:
                night.pages[number] = replace(page, state=state, attempts=1)


@given(steps, st.sampled_from(["page", "ticket"]), st.integers(2, 5))
def test_whatever_happens_no_key_is_there_twice_and_nothing_calls_after_the_end(story, urgency, most):
    night = Night(paging(updates=["team"], max=most)).begin(urgency)
    play(night, story)  # Night.ask itself asserts that no key is given twice
    assert max(Counter(page.key for page in night.pages).values(), default=1) == 1
    ended = night.journal.now.state in ("resolved", "learning", "cancelled")
    if ended:
        assert all(d.kind is PageKind.RESOLVED for d in night.ask())
        assert night.through(hours=3) == []
    assert all(len(page.message.title) <= 90 for page in night.pages)


@given(steps, st.integers(2, 6))
def test_an_unanswered_call_always_leads_to_the_next_one_until_max(story, most):
    night = Night(paging(max=most)).begin()
    play(night, story)
    night.write(severity("SEV1"), alerted("alr-9")) if night.journal.now.state == "triaging" else None
    if night.journal.now.state in ("resolved", "learning", "cancelled"):
        return
    before = len(night.pages)
    night.through(hours=2)
    calls = [page for page in night.pages[before:] if page.kind in CALLS]
    answered = night.journal.now.timeline and any(
        e.kind in (K.ACKED, K.APPROVED) for e in night.journal.entries
    )
    rests = answered and night.journal.now.state == "verifying"
    slots = {}
    for page in night.pages:
        slots.setdefault((page.plan["anchor"], page.plan["reason"]), set()).add(page.plan["n"])
    if calls or not rests:
        newest = max(slots, key=lambda pair: pair[1])
        assert len(slots[newest]) == most, "until max, and not once more"
    moments = sorted({page.created_at for page in calls})
    gaps = [later - sooner for sooner, later in itertools.pairwise(moments)]
    assert all(gap <= timedelta(minutes=5.5) for gap in gaps)


@given(st.lists(st.floats(0.1, 90), min_size=1, max_size=12))
def test_whoever_asks_when_gets_the_same_keys_for_the_same_calls(pauses):
    """Two servers over one store, asking at odd times, name each call alike."""
    one, other = Night().begin(), Night().begin()
    for minutes in pauses:
        one.at += timedelta(minutes=minutes)
        other.at = one.at
        assert [d.key for d in one.ask()] == [d.key for d in other.ask()]
    assert T0 < one.at
