"""What a person may tell Fireline: allowed and refused, in the words a person reads."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from fireline import commands
from fireline.clock import ManualClock
from fireline.errors import FirelineError, RunbookError, StateError, StoreError
from fireline.terms.incident import State
from fireline.terms.measure import MeasureState
from fireline.terms.timeline import Draft, EntryKind
from tests.support.rooms import Rooms

K = EntryKind
INC = "inc-1"


@pytest.fixture
def rooms() -> Rooms:
    """An incident in which a rollback is asked for."""
    made = Rooms()
    made.open_incident(INC)
    return made


def give(rooms: Rooms, name: str, *about: Any, **more: Any) -> Any:
    return getattr(commands, name)(rooms.store, rooms.clock, INC, *about, **more)


def refused(rooms: Rooms, name: str, *about: Any, kind: type[FirelineError] = StateError, **more: Any) -> str:
    """The refusal as people read it; nothing was written."""
    before = len(rooms.store.entries(INC))
    with pytest.raises(kind) as caught:
        give(rooms, name, *about, **more)
    assert len(rooms.store.entries(INC)) == before
    assert caught.value.todo
    return str(caught.value)


def last(rooms: Rooms) -> Any:
    return rooms.store.entries(INC)[-1]


def state(rooms: Rooms, measure: str = "msr-1") -> MeasureState:
    return next(m.state for m in rooms.store.incident(INC).measures if m.id == measure)


def act(rooms: Rooms) -> None:
    """Claims and applies what is requested, as act does, without a data plane."""
    now = rooms.clock.now()
    for measure in rooms.store.claimable(now):
        with rooms.store.begin() as tx:
            claim = tx.claim(measure.id, "tests", now, timedelta(minutes=1))
            assert claim is not None
            assert tx.applied(claim, {"switch": 9}, now, "Told the data plane.")


# -- words --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "about", "said"),
    [
        ("ack", ("ada",), "ada has it."),
        ("ack", ("ada", "on it"), "on it"),
        ("note", ("ada", "  asked the data team "), "asked the data team"),
        ("approve", (None, "ada"), "ada said yes."),
        ("deny", (None, "ada"), "ada said no."),
        ("deny", ("msr-1", "ada", "B must stay"), "B must stay"),
        ("free", (None, "ada"), "ada frees it: it hangs. What it did, if anything, is still in force."),
        ("take_role", ("ada", "ops"), "ada is ops."),
        ("take_role", ("ada", "incident commander", "joan"), "joan is incident commander."),
        ("waive", ("ada", "two calls a day"), "two calls a day"),
    ],
)
def test_a_command_is_an_entry_with_its_reason_and_who_gave_it(
    rooms: Rooms, name: str, about: tuple[Any, ...], said: str
) -> None:
    give(rooms, name, *about)
    assert last(rooms).because == said
    assert last(rooms).by == "ada"


@pytest.mark.parametrize(
    ("name", "about", "said"),
    [
        ("note", ("ada", "  "), "the note is empty -> write what you saw or did"),
        ("undo", (None, "ada"), f"incident {INC} has no measure that is applied or confirmed"),
        ("undo", ("msr-1", "ada"), "measure msr-1 is asked: there is nothing to take back"),
        ("keep", (None, "ada"), f"incident {INC} has no measure that is confirmed"),
        (
            "keep",
            ("msr-1", "ada"),
            "measure msr-1 is asked -> only a confirmed temporary measure can be kept",
        ),
        ("approve", ("msr-9", "ada"), f"incident {INC} knows no measure msr-9"),
        ("take_role", ("ada", "king"), "there is no role 'king' -> use one of: "),
        ("waive", ("ada", " "), "a waiver needs a reason"),
        ("move", ("ada", "triaging", ""), "a move needs a reason"),
        ("move", ("ada", "nowhere", "so"), "'nowhere' is not a state"),
        ("move", ("ada", "contained", "so"), "measure msr-1 (rollback) is asked, not confirmed in traffic"),
        ("resolve", ("ada",), "with measures in force or on the way"),
        ("approve_review", ("ada",), "there is no review to approve"),
    ],
)
def test_a_refusal_says_why_and_what_to_do(
    rooms: Rooms, name: str, about: tuple[Any, ...], said: str
) -> None:
    assert said in refused(rooms, name, *about)


def test_nothing_is_said_about_an_incident_nobody_knows(rooms: Rooms) -> None:
    with pytest.raises(StoreError, match="there is no incident inc-9"):
        commands.approve(rooms.store, rooms.clock, "inc-9", None, "ada")
    for command in (commands.ack, commands.waive):
        with pytest.raises(FirelineError):
            command(rooms.store, rooms.clock, "inc-9", "ada", "so")
    assert rooms.store.incidents() == [INC]


# -- measures -----------------------------------------------------------------------------------------------


def test_yes_and_no_are_said_once(rooms: Rooms) -> None:
    give(rooms, "approve", None, "ada")
    assert state(rooms) is MeasureState.REQUESTED
    assert "no measure that is asked" in refused(rooms, "approve", None, "joan")
    give(rooms, "deny", None, "joan", "stop")  # not begun yet
    assert state(rooms) is MeasureState.DENIED
    assert refused(rooms, "deny", "msr-1", "joan")


def test_an_applied_measure_is_taken_back_before_it_was_seen_in_traffic(rooms: Rooms) -> None:
    give(rooms, "approve", None, "ada")
    act(rooms)
    assert state(rooms) is MeasureState.APPLIED
    give(rooms, "undo", None, "joan", "the wrong call")
    freed, asked = rooms.store.entries(INC)[-2:]
    assert freed.because == "joan takes it back before live traffic was seen to obey it."
    assert (asked.kind, asked.because) == (K.REQUESTED, "the wrong call")
    back = rooms.store.incident(INC).measures[-1]
    undone = rooms.store.measure("msr-1").inverse
    assert (back.action, back.params, back.approver) == (undone["action"], undone["params"], "joan")
    assert refused(rooms, "undo", "msr-1", "joan")


def test_a_kept_measure_is_permanent_and_can_be_undone(rooms: Rooms) -> None:
    give(rooms, "approve", None, "ada")
    rooms.perform(INC)
    give(rooms, "keep", None, "ada")
    kept = rooms.store.incident(INC).measures[-1]
    assert (kept.action, kept.state, kept.because) == (
        "keep",
        MeasureState.REQUESTED,
        "ada keeps it for good.",
    )
    act(rooms)
    rooms.write(INC, Draft(K.KEPT, "It stays.", {"measure": "msr-1"}, by="ada"))
    rooms.write(INC, Draft(K.CONFIRMED, "All guards have heard.", {"measure": kept.id}))
    assert not rooms.store.measure("msr-1").temporary
    assert "permanent already" in refused(rooms, "keep", "msr-1", "ada")
    give(rooms, "undo", None, "ada", "B is fixed")  # the keep is an errand: only the rollback can be meant
    assert rooms.store.incident(INC).measures[-1].action == rooms.store.measure("msr-1").inverse["action"]


def test_one_change_at_a_time(rooms: Rooms) -> None:
    said = refused(rooms, "act_now", "ada", "rollback", {"to": "A"}, "now", kind=FirelineError)
    assert "msr-1" in said


def test_a_freed_measure_lets_another_begin(rooms: Rooms) -> None:
    give(rooms, "free", None, "ada")
    assert state(rooms) is MeasureState.FREED
    give(rooms, "act_now", "ada", "rollback", {"to": "A"}, "")
    mine = rooms.store.incident(INC).measures[-1]
    assert (mine.state, mine.because, mine.approver) == (MeasureState.REQUESTED, "ada asked for it.", "ada")
    assert mine.expires_at == rooms.clock.now() + timedelta(hours=24)
    assert mine.dry_run == "Send all calls to version A."


@pytest.mark.parametrize(("action", "params"), [("dance", {}), ("rollback", {}), ("fallback", {"rung": 7})])
def test_a_measure_that_cannot_be_done_is_not_requested(
    rooms: Rooms, action: str, params: dict[str, Any]
) -> None:
    give(rooms, "deny", None, "ada")
    refused(rooms, "act_now", "ada", action, params, "so", kind=RunbookError)


def test_acting_while_it_is_looked_into_is_containing(rooms: Rooms) -> None:
    store, clock = rooms.store, rooms.clock
    one = commands.declare(store, clock, "flights", "ada", "prices look absurd")
    assert one.state is State.TRIAGING
    found = commands.act_now(store, clock, one.id, "ada", "rollback", {"to": "A"}, "so", timedelta(hours=1))
    assert found.state is State.CONTAINING
    assert found.measures[0].expires_at == clock.now() + timedelta(hours=1)


# -- beginning and end --------------------------------------------------------------------------------------


def test_an_incident_is_declared(rooms: Rooms) -> None:
    one = commands.declare(
        rooms.store, rooms.clock, "flights", "ada", " prices look absurd ", "sev2", "drill"
    )
    assert (one.title, one.mode, one.state) == ("prices look absurd", "drill", State.TRIAGING)
    assert one.severity is not None
    assert one.severity.value == "SEV2"
    assert one.timeline[0].because == "ada declared it: prices look absurd"
    again = commands.declare(rooms.store, rooms.clock, "flights", "joan", "prices look absurd")
    assert again.id != one.id


@pytest.mark.parametrize(
    ("title", "severity", "said"),
    [
        ("  ", None, "an incident needs a title -> say in one sentence what is wrong"),
        ("x", "SEV9", "there is no severity 'SEV9' -> use one of: SEV1, SEV2, SEV3"),
    ],
)
def test_a_declaration_that_says_too_little_opens_nothing(
    rooms: Rooms, title: str, severity: str | None, said: str
) -> None:
    with pytest.raises(StateError) as caught:
        commands.declare(rooms.store, rooms.clock, "flights", "ada", title, severity)
    assert said in str(caught.value)
    assert rooms.store.incidents() == [INC]


def test_a_wrong_alarm_is_declined_with_the_reason() -> None:
    rooms = Rooms()
    rooms.open_incident(INC, asked=False)
    assert "nothing was done about it yet" in refused(rooms, "resolve", "ada")
    assert give(rooms, "resolve", "ada", "the campaign was planned").state is State.DECLINED
    assert last(rooms).because == "the campaign was planned"


def test_it_is_resolved_once_its_watch_period_has_passed(rooms: Rooms) -> None:
    give(rooms, "approve", None, "ada")
    rooms.perform(INC)
    assert refused(rooms, "resolve", "ada")
    rooms.write(INC, Draft(K.MOVED, "live traffic obeys it", {"to": "contained"}))
    rooms.write(INC, Draft(K.MOVED, "it helps", {"to": "recovering"}))
    rooms.recover(INC)
    assert "msr-1" in refused(rooms, "resolve", "ada"), "a temporary measure is still in force"
    rooms.write(INC, Draft(K.UNDONE, "B is fixed", {"measure": "msr-1"}))
    assert give(rooms, "resolve", "ada").state is State.RESOLVED
    assert last(rooms).because == "ada resolved it."


def test_a_watch_that_still_runs_is_waited_for(rooms: Rooms) -> None:
    give(rooms, "approve", None, "ada")
    rooms.perform(INC)
    rooms.write(INC, Draft(K.MOVED, "live traffic obeys it", {"to": "contained"}))
    rooms.write(INC, Draft(K.MOVED, "it helps", {"to": "recovering"}))
    rooms.recover(INC)
    rooms.clock = ManualClock(rooms.clock.now() - timedelta(minutes=1))
    rooms.write(INC, Draft(K.UNDONE, "B is fixed", {"measure": "msr-1"}))
    assert rooms.store.incident(INC).state is State.VERIFYING


def test_every_command_has_a_function() -> None:
    others = {"role": "take_role"}
    found: list[Callable[..., Any]] = [getattr(commands, others.get(n, n)) for n in commands.NAMES]
    assert all(one.__doc__ for one in found)


def test_what_was_declared_and_is_over_can_be_ended(rooms: Rooms) -> None:
    give(rooms, "deny", None, "ada", "not needed")
    assert "nothing is in force" in refused(rooms, "resolve", "ada")
    give(rooms, "resolve", "ada", "a rehearsal")
    assert rooms.store.incident(INC).state.value == "cancelled"
