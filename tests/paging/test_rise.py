"""A severity that rises: it calls once more whoever has it, and stops when somebody answers that."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fireline.oncall.attention import ANSWERS, FIRELINE
from fireline.terms.page import CALLS
from tests.paging.duty import Night, acked, paging, severity
from tests.paging.test_due import play, steps


def test_who_acknowledges_the_rise_is_left_alone_until_it_wears_off():
    night = Night().begin(level="SEV3")
    night.after()
    night.write(acked())
    night.write(severity("SEV2"))
    assert night.after(minutes=1) == [("page", "ops")]
    night.write(acked())
    assert night.through(minutes=29.5) == []
    assert night.after(minutes=1) == [("repage", "ops")], (
        "the second acknowledgement wears off as the first did"
    )


def test_an_acknowledged_incident_whose_rise_nobody_answers_escalates_until_max():
    night = Night(paging(max=3)).begin()
    night.after()
    night.write(acked())
    night.write(severity("SEV1"))
    assert night.through(hours=3) == [
        (0, "page", "ops"),
        (5, "escalate", "boss"), (5, "escalate", "mail"),
        (10, "repage", "ops"), (10, "repage", "boss"), (10, "repage", "mail"),
    ]  # fmt: skip


def test_two_rises_at_once_are_one_call_and_a_fall_is_none():
    night = Night().begin(level="SEV3")
    night.after()
    night.write(acked())
    night.write(severity("SEV2"), severity("SEV1"))
    assert night.after() == [("page", "ops")]
    night.write(acked())
    night.write(severity("SEV2"))
    assert night.through(minutes=29) == []
    night.write(severity("SEV1"))
    assert night.after() == [], "as bad as it has been before is no rise"


def test_a_person_who_answered_before_the_rise_has_not_answered_the_rise():
    night = Night().begin()
    night.after()
    night.write(acked(), severity("SEV1"))
    assert night.after() == [("page", "ops")]
    night = Night().begin()
    night.after()
    night.write(severity("SEV1"), acked())
    assert night.after() == []


@given(steps, st.integers(2, 5))
def test_there_is_no_storm(story, most):
    """A reason calls at most ``max`` times, and so does an answer that wore off: whatever happens, however
    often it is asked."""
    night = Night(paging(max=most)).begin()
    play(night, story)
    night.through(hours=1)
    called = {(page.plan["anchor"], page.plan["n"]) for page in night.pages if page.kind in CALLS}
    answers = sum(e.kind in ANSWERS and e.by != FIRELINE for e in night.journal.entries)
    reasons = {page.plan["reason"] for page in night.pages if page.kind in CALLS}
    assert len(called) <= most * len(reasons)
    back = sum(e.kind == "moved" and e.data["to"] == "triaging" for e in night.journal.entries)
    assert len(reasons) <= 1 + 2 + answers + back, "the page, two rises, worn-off answers, relapses"
