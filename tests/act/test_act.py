from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from fireline.act import TRIES, SimulatedSwitchBoard, Worker, undoing
from fireline.clock import ManualClock
from fireline.drill.fakes import FakeDataPlane
from fireline.errors import FirelineError, StateError
from fireline.store import Store
from fireline.terms.measure import MeasureState
from fireline.terms.switch import Switch, Told
from fireline.terms.timeline import Draft, EntryKind
from tests.support.incidents import T0, about, after, measure, opened, requested

S = MeasureState


@dataclass
class Flaky(FakeDataPlane):
    """A data plane that can be told to fail: ``trouble`` is called before it obeys, ``lost`` after."""

    trouble: Callable[[], None] = lambda: None
    lost: Callable[[], None] = lambda: None
    looked: list[str] = field(default_factory=list)

    def put(self, switch: Switch, key: str) -> Told:
        self.trouble()
        told = super().put(switch, key)
        self.lost()
        return told


@dataclass
class Room:
    store: Store
    plane: Flaky
    clock: ManualClock

    def worker(self, name: str = "w1") -> Worker:
        return Worker(self.store, self.plane, self.clock, name)

    def request(self, name: str = "msr-1", **more: Any) -> None:
        with self.store.begin() as tx:
            tx.append("inc-1", requested(name, **more), self.clock.now())

    def write(self, *drafts: Draft) -> None:
        with self.store.begin() as tx:
            for draft in drafts:
                tx.append("inc-1", draft, self.clock.now())

    def kinds(self) -> list[str]:
        return [entry.kind.value for entry in self.store.entries("inc-1")]

    def state(self, name: str = "msr-1") -> MeasureState:
        return self.store.measure(name).state


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    with Store.open(tmp_path / "s.sqlite") as store:
        with store.begin() as tx:
            tx.append("inc-1", opened(), T0)
        yield Room(store, Flaky(), ManualClock(T0))
        assert store.verify_projection() == ()


def fail(error: BaseException) -> Callable[[], None]:
    def trouble() -> None:
        raise error

    return trouble


def test_what_was_requested_is_done_and_receipted(room: Room) -> None:
    room.request()
    room.clock.move_to(after(5))
    assert room.worker().work() == ("msr-1",)
    assert room.kinds() == ["opened", "requested", "claimed", "applied"]
    done = room.store.measure("msr-1")
    assert done.state is S.APPLIED
    assert done.receipt["version"] == 1
    assert done.inverse == {
        "action": "restore",
        "params": {"was": "all calls the usual way", "measure": "msr-1"},
    }
    (obeyed,) = room.plane.obeyed
    assert str(obeyed.switch) == "100% of all calls to version A"
    assert obeyed.switch.expires_at == done.expires_at
    assert room.worker().work() == ()


def test_a_worker_that_died_after_the_effect_does_not_do_it_again(room: Room) -> None:
    room.request()
    room.plane.lost = fail(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        room.worker("w1").work()
    room.plane.lost = lambda: None
    assert room.worker("w2").work() == (), "the lease has not lapsed"
    room.clock.advance(timedelta(minutes=2))
    assert room.worker("w2").work() == ("msr-1",)
    assert room.plane.effects() == {"msr-1": 1}
    assert room.store.measure("msr-1").receipt["already"] is True
    assert room.store.measure("msr-1").inverse["params"]["was"] == "all calls the usual way", (
        "the inverse is of what was before the first try"
    )


def test_what_may_succeed_later_is_tried_again_and_then_given_up(room: Room) -> None:
    room.request()
    room.plane.trouble = fail(TimeoutError("no answer"))
    waits = []
    while room.state() is not S.FAILED:
        assert room.worker().work() == ()
        asked = sum(kind == "failed" for kind in room.kinds())
        at = room.clock.now()
        while not room.store.claimable(room.clock.now()) and room.state() is S.REQUESTED:
            room.clock.advance(timedelta(seconds=30))
        waits.append((room.clock.now() - at).total_seconds())
        assert asked <= TRIES
    assert room.kinds().count("failed") == TRIES
    assert waits == [30, 60, 120, 240, 0]
    last = room.store.entries("inc-1")[-1]
    assert "Given up after 5 tries: TimeoutError: no answer" in last.because
    assert room.plane.effects() == {}


def test_what_cannot_succeed_fails_at_once_and_frees_the_slot(room: Room) -> None:
    room.request()
    room.plane.trouble = fail(FirelineError("there is no version A", todo="deploy it"))
    assert room.worker().work() == ()
    assert room.state() is S.FAILED
    assert room.store.entries("inc-1")[-1].because == "there is no version A -> deploy it"
    room.request("msr-2")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"action": "reboot"}, "there is no action 'reboot'"),
        ({"params": {}}, "rollback needs `to`"),
    ],
)
def test_a_measure_that_cannot_be_done_says_why_in_the_journal(
    room: Room, more: dict[str, Any], said: str
) -> None:
    room.request(**more)
    room.worker().work()
    assert room.state() is S.FAILED
    assert said in room.store.entries("inc-1")[-1].because


def test_a_worker_whose_lease_lapsed_finds_its_receipt_refused(room: Room) -> None:
    room.request()

    def slow() -> None:
        room.plane.trouble = lambda: None
        room.clock.advance(timedelta(minutes=3))
        assert room.worker("w2").work() == ("msr-1",)

    room.plane.trouble = slow
    assert room.worker("w1").work() == ()
    assert room.plane.effects() == {"msr-1": 1}
    assert room.kinds() == ["opened", "requested", "claimed", "claimed", "applied"]


def test_what_was_done_after_it_was_freed_is_told_to_people(room: Room) -> None:
    room.request()

    def slow() -> None:
        room.write(about(EntryKind.FREED))

    room.plane.trouble = slow
    assert room.worker().work() == ()
    assert room.kinds()[-1] == "note"
    said = room.store.entries("inc-1")[-1]
    assert "finished measure msr-1 after it was freed" in said.because
    assert said.data["receipt"]["version"] == 1


def test_a_freed_measure_cannot_overrule_the_one_that_followed(room: Room) -> None:
    room.request()

    def slow() -> None:
        room.plane.trouble = lambda: None
        room.write(about(EntryKind.FREED))
        room.request("msr-2", action="fallback", params={"rung": "rules"})
        assert room.worker("w2").work() == ("msr-2",)

    room.plane.trouble = slow
    assert room.worker("w1").work() == ()
    assert room.plane.effects() == {"msr-2": 1}
    assert room.state() is S.FREED


def test_what_nobody_did_in_time_is_not_done(room: Room) -> None:
    room.request(expires_at=after(60))
    room.clock.move_to(after(60))
    assert room.worker().work() == ()
    assert room.kinds() == ["opened", "requested", "expired"]
    assert room.plane.asked == {}


@pytest.mark.parametrize("reached", [True, False], ids=["after the plane obeyed", "before"])
@pytest.mark.parametrize("error", [TimeoutError("no answer"), KeyboardInterrupt()], ids=["line", "death"])
def test_what_was_tried_is_never_said_not_to_have_been_done(
    room: Room, reached: bool, error: BaseException
) -> None:
    room.request(expires_at=after(60))
    setattr(room.plane, "lost" if reached else "trouble", fail(error))
    with suppress(KeyboardInterrupt):
        room.worker("w1").work()
    room.plane.lost = room.plane.trouble = lambda: None
    room.clock.move_to(after(600))
    room.worker("w2").work()
    assert room.state() in (S.EXPIRED, S.FAILED)
    assert room.plane.effects() == ({"msr-1": 1} if reached else {})
    last = room.store.entries("inc-1")[-1].because
    assert "not done at all" not in last, "a broken line does not tell whether production obeyed"
    assert "if it began" in last


def test_a_claim_that_outlived_its_measure_is_given_up(room: Room) -> None:
    room.request(expires_at=after(60))
    room.plane.lost = fail(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        room.worker().work()
    room.clock.move_to(after(600))
    assert room.worker().work() == ()
    assert room.state() is S.FAILED
    assert "has ended by itself" in room.store.entries("inc-1")[-1].because


def test_a_measure_that_kills_its_workers_is_given_up(room: Room) -> None:
    room.request()
    room.plane.trouble = fail(KeyboardInterrupt())
    for _ in range(TRIES):
        with pytest.raises(KeyboardInterrupt):
            room.worker().work()
        room.clock.advance(timedelta(minutes=2))
    assert room.worker().work() == ()
    assert "claimed 5 times and never finished" in room.store.entries("inc-1")[-1].because


def test_a_simulated_measure_never_reaches_the_data_plane(room: Room) -> None:
    room.request(simulated=True)
    assert room.worker().work() == ("msr-1",)
    assert room.plane.asked == {}
    first = room.store.measure("msr-1")
    assert first.receipt["told"] == "Would have told the data plane: 100% of all calls to version A."
    room.write(about(EntryKind.CONFIRMED))
    room.request("msr-2", simulated=True, action="fallback", params={"rung": "rules"})
    room.worker().work()
    second = room.store.measure("msr-2")
    assert second.inverse["params"]["was"] == "100% of all calls to version A", (
        "it goes on from what would have been"
    )
    room.write(about(EntryKind.CONFIRMED, "msr-2"), about(EntryKind.UNDONE))
    room.request("msr-3", simulated=True, action="fallback", params={"rung": "cached"})
    room.worker().work()
    assert "version A" not in room.store.measure("msr-3").inverse["params"]["was"]


def test_a_simulated_measure_is_claimed_and_receipted_in_one(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So a replay that is killed and begun again tells the very same story."""
    room.request(simulated=True)
    with monkeypatch.context() as patched:
        patched.setattr(SimulatedSwitchBoard, "put", lambda *_: fail(KeyboardInterrupt())())
        with pytest.raises(KeyboardInterrupt):
            room.worker().work()
    assert room.kinds() == ["opened", "requested"]
    assert room.worker().work() == ("msr-1",)
    assert room.kinds() == ["opened", "requested", "claimed", "applied"]


def test_a_simulated_measure_that_cannot_be_done_fails_too(room: Room) -> None:
    room.request(simulated=True, action="reboot")
    assert room.worker().work() == ()
    assert room.kinds() == ["opened", "requested", "claimed", "failed"]


def test_taking_back_is_a_measure_of_its_own(room: Room) -> None:
    room.request()
    room.worker().work()
    room.write(about(EntryKind.CONFIRMED))
    room.clock.move_to(after(100))
    undo = undoing(room.store.measure("msr-1"), "A is no better", room.clock.now(), by="ada")
    room.write(Draft(EntryKind.REQUESTED, undo.because, {"measure": undo.as_json()}, by="ada"))
    assert room.worker().work() == (undo.id,)
    assert room.state() is S.UNDONE
    assert room.state(undo.id) is S.APPLIED
    now = room.plane.current("flights")
    assert now is not None
    assert now.routes == ()
    told = room.store.entries("inc-1")[-1]
    assert told.because == f"Taken back by {undo.id}: A is no better"


def test_what_nothing_takes_back_says_so(room: Room) -> None:
    with pytest.raises(StateError, match="nothing takes back measure msr-9"):
        undoing(measure("msr-9"), "x", T0)


def test_looking_at_the_data_plane_may_fail_too(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    room.request()
    with monkeypatch.context() as patched:
        patched.setattr(room.plane, "current", lambda service: fail(ConnectionError("refused"))())
        assert room.worker().work() == ()
    assert room.state() is S.REQUESTED
    assert "ConnectionError: refused" in room.store.entries("inc-1")[-1].because
    room.clock.advance(timedelta(seconds=30))
    assert room.worker().work() == ("msr-1",)
    assert room.store.measure("msr-1").inverse["params"]["was"] == "all calls the usual way"
