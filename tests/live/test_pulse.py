"""The loop over live traffic: nothing is heard twice, nothing that is due is missed, whoever dies when."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from fireline import commands
from fireline.clock import ManualClock, from_micros, micros
from fireline.live import pulse as module
from fireline.live import turns
from fireline.store.leases import give_up_lease
from fireline.terms.incident import State
from fireline.terms.measure import MeasureState
from fireline.terms.timeline import EntryKind
from tests.support.living import BEGIN, SERVICE, Living, rows

Make = Callable[..., Living]
K = EntryKind
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


class Killed(BaseException):
    """The process ends here."""


def shape(one: Living) -> list[tuple[str, str]]:
    """What the journal says, without who and when."""
    return [(e.kind.value, e.because.replace(e.by, "")) for e in one.incident.timeline]


# -- judged, heard ------------------------------------------------------------------------------------------


def test_what_was_found_is_heard_once_though_the_process_dies_in_between(
    living: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, torn = living("plain"), living("torn")
    tick = module.tick

    def dies(house: Any, found: Any) -> None:
        if found:
            raise Killed
        tick(house, found)

    for one in (plain, torn):
        one.play(BEGIN + HOUR, traffic=one.guarded())
    plain.play(BEGIN + 2 * HOUR, traffic=plain.guarded("B"))
    died = 0
    while torn.clock.now() < BEGIN + 2 * HOUR:
        until = torn.clock.now() + 12 * MINUTE
        with monkeypatch.context() as patched:
            patched.setattr(module, "tick", tick if died else dies)
            try:
                torn.play(until, traffic=torn.guarded("B"))
            except Killed:
                died += 1
        if died == 1 and not torn.store.incidents():
            assert torn.store.get_state(f"inbox:{SERVICE}") is not None
            since = torn.clock.now() - 12 * MINUTE
            torn = torn.again()
            torn.running.beat()
            assert torn.store.incidents()
            assert torn.pulse.inbox == []
            torn.send(torn.guarded("B")(since, torn.clock.now()))
            torn.running.beat()
    assert died
    assert shape(torn) == shape(plain)
    assert [e.at for e in torn.incident.timeline] == [e.at for e in plain.incident.timeline]


def test_dying_after_hearing_hears_nothing_again(burning: Living, monkeypatch: pytest.MonkeyPatch) -> None:
    before = shape(burning)
    burning.store.get_state(f"inbox:{SERVICE}")
    again = burning.again()
    again.running.beat()
    again.running.beat()
    assert shape(again) == before


def test_a_clock_that_was_set_back_hides_nothing(living: Make) -> None:
    """The host's time was corrected by a minute between two looks."""

    class Corrected(ManualClock):
        def move_to(self, at: datetime) -> None:
            self.at = at

    one = living(clock=Corrected(BEGIN))
    one.play(BEGIN + HOUR, traffic=one.guarded())
    found: list[Any] = []
    while not found:
        one.play(one.clock.now() + 12 * MINUTE, traffic=one.guarded("B"))
        found = one.store.incidents()
    alerts = len(one.incident.alerts)
    fleet = one.running.judging.fleet
    seen = fleet.advance

    def later(*about: Any) -> Any:
        return {service: [*found, *_like(one)] for service, found in seen(*about).items()}

    fleet.advance = later  # type: ignore[method-assign]
    one.clock.at = one.clock.at - MINUTE  # type: ignore[attr-defined]
    one.pulse.judged -= 5 * 60_000_000
    one.running.beat()
    assert len(one.incident.alerts) == alerts + 1


def _like(one: Living) -> list[Any]:
    """A finding of another monitor, as the judge would give it."""
    from dataclasses import replace

    from fireline.terms.alert import finding_of

    first = finding_of(one.incident.alerts[0])
    return [replace(first, family="null_rate", monitor="null_rate", feature="x", because="x is missing")]


def test_judging_begins_at_the_first_start_and_never_before(living: Make) -> None:
    one = living()
    assert from_micros(one.pulse.judged) == BEGIN
    one.send(rows(BEGIN - 14 * MINUTE, BEGIN, wrong=1.0))
    one.play(BEGIN + HOUR, traffic=one.guarded())
    assert one.store.incidents() == []
    assert from_micros(one.again().pulse.judged) == one.clock.now() - 15 * MINUTE


# -- somebody else leads ------------------------------------------------------------------------------------


def beside(first: Living, living: Make) -> Living:
    """A second server on the first one's store and lake, with a spool of its own."""
    (first.folder / "lake").mkdir(exist_ok=True)
    folder = first.folder.parent / "second"
    folder.mkdir()
    (folder / "lake").symlink_to(first.folder / "lake")
    return living("second", now=first.clock.now(), database=first.database)


def test_who_leads_again_goes_on_where_the_other_one_stopped(living: Make) -> None:
    first = living("first")
    first.play(BEGIN + HOUR, traffic=first.guarded())
    other = beside(first, living)
    other.running.beat()
    assert not other.running.leads
    give_up_lease(first.store, "loop", first.running._lessee)
    while not other.store.incidents():
        other.play(other.clock.now() + 12 * MINUTE, traffic=other.guarded("B"))
    assert other.running.leads
    first.clock.move_to(other.clock.now())  # type: ignore[attr-defined]
    first.running.beat()
    assert not first.running.leads
    give_up_lease(other.store, "loop", other.running._lessee)
    before, judged = shape(other), other.pulse.judged
    first.running.beat()
    assert first.running.leads
    assert first.pulse.judged == judged
    assert shape(first) == before
    first.play(first.clock.now() + HOUR, traffic=first.guarded("B"))
    assert shape(first)[: len(before)] == before
    assert len(first.store.incidents()) == 1


def test_what_others_count_on_the_same_store_is_judged_too(living: Make) -> None:
    leader = living("first")
    leader.play(BEGIN + HOUR, traffic=leader.guarded())
    follower = beside(leader, living)
    while not leader.store.incidents() and leader.clock.now() < BEGIN + 3 * HOUR:
        since, until = leader.clock.now(), leader.clock.now() + 12 * MINUTE
        follower.clock.move_to(until)  # type: ignore[attr-defined]
        follower.send(follower.guarded("B")(since, until))
        follower.running.beat()
        assert not follower.running.leads
        leader.to(until)
    assert "errors" in leader.incident.title or "version B" in leader.incident.title
    assert {a["family"] for a in leader.incident.alerts} == {"error_rate"}


def test_who_follows_counts_by_how_far_the_leader_has_judged(living: Make) -> None:
    leader = living("first")
    leader.play(BEGIN + HOUR, traffic=leader.guarded())
    follower = beside(leader, living)
    leader.play(BEGIN + 2 * HOUR, traffic=leader.guarded())
    follower.clock.move_to(leader.clock.now())  # type: ignore[attr-defined]
    follower.door.catching_up = (
        True  # held back: excused from arriving late, but not from its tick being over
    )
    held = follower.guarded()(BEGIN + 61 * MINUTE, BEGIN + 65 * MINUTE)
    follower.send([row | {"request_id": f"held-{row['request_id']}"} for row in held])
    follower.running.beat()
    assert not follower.running.leads
    assert follower.pulse.judged == leader.pulse.judged
    assert follower.pulse.counting.seen.late == follower.pulse.counting.seen.events > 0
    assert follower.pulse.counting.waits is False


# -- a person in the middle ---------------------------------------------------------------------------------


def the(one: Living) -> Any:
    return one.incident.measures[-1]


def approve(one: Living) -> None:
    commands.approve(one.store, one.clock, one.incident.id, None, "ada")
    one.running.wake()


def test_a_yes_is_done_at_once_and_confirmed_once_traffic_obeys(burning: Living) -> None:
    assert the(burning).state is MeasureState.ASKED
    approve(burning)
    assert the(burning).state is MeasureState.APPLIED
    switch = burning.running.board.current(SERVICE)
    assert switch is not None
    assert [r.version for r in switch.routes] == ["A"]
    before = burning.clock.now()
    burning.play(before + 2 * MINUTE, traffic=burning.guarded("B"))
    burning.to(burning.clock.now() + MINUTE)
    assert the(burning).state is MeasureState.CONFIRMED
    assert burning.incident.state is State.CONTAINED


def test_what_a_drills_clock_has_not_reached_confirms_nothing_also_after_a_restart(burning: Living) -> None:
    """Its calls are sent before the clock moves: a process that begins in between counts them at once."""
    approve(burning)
    now = burning.clock.now()
    burning.send(burning.guarded("B")(now, now + 5 * MINUTE))
    again = burning.again()
    again.running.beat()
    assert the(again).state is MeasureState.APPLIED
    again.to(now + 5 * MINUTE)
    assert the(again).state is MeasureState.CONFIRMED
    assert [e.at for e in again.entries(K.CONFIRMED)] == [now + 5 * MINUTE]
    again.store.close()


def test_a_no_leaves_production_alone_and_is_not_asked_again(burning: Living) -> None:
    commands.deny(burning.store, burning.clock, burning.incident.id, None, "ada", "B must stay")
    burning.running.wake()
    burning.play(burning.clock.now() + 2 * HOUR, traffic=burning.guarded("B"))
    assert burning.running.board.current(SERVICE) is None
    assert [m.state for m in burning.incident.measures] == [MeasureState.DENIED]


def test_an_ask_that_nobody_answers_follows_its_default(burning: Living) -> None:
    asked = burning.entries(K.ASKED)[0].at
    burning.to(asked + 29 * MINUTE)
    assert the(burning).state is MeasureState.ASKED
    burning.to(asked + 31 * MINUTE)
    assert the(burning).state is MeasureState.APPLIED
    assert "Nobody answered" in burning.entries(K.APPROVED)[0].because


def test_contained_undone_and_served_as_before(burning: Living) -> None:
    approve(burning)
    burning.play(burning.clock.now() + 12 * MINUTE, traffic=burning.guarded("B"))
    assert the(burning).state is MeasureState.CONFIRMED
    commands.undo(burning.store, burning.clock, burning.incident.id, None, "ada", "B is fixed")
    burning.running.wake()
    switch = burning.running.board.current(SERVICE)
    assert switch is not None
    assert switch.routes == ()
    burning.play(burning.clock.now() + 24 * MINUTE, traffic=burning.guarded("B", wrong=0.01))
    states = [m.state for m in burning.incident.measures]
    assert states == [MeasureState.UNDONE, MeasureState.CONFIRMED]


def test_kept_for_good_though_no_call_comes_and_undone_after_all(burning: Living) -> None:
    approve(burning)
    burning.play(burning.clock.now() + 12 * MINUTE, traffic=burning.guarded("B"))
    rollback = the(burning).id
    commands.keep(burning.store, burning.clock, burning.incident.id, None, "ada", "B is withdrawn")
    burning.running.wake()
    burning.running.wake()
    first, kept = burning.incident.measures
    assert (first.id, first.temporary, kept.state) == (rollback, False, MeasureState.CONFIRMED)
    switch = burning.running.board.current(SERVICE)
    assert switch is not None
    assert [r.expires_at for r in switch.routes] == [None]
    burning.to(burning.clock.now() + 10 * MINUTE)
    assert not [e for e in burning.entries(K.NOTE) if "Not confirmed" in e.because]
    commands.undo(burning.store, burning.clock, burning.incident.id, rollback, "ada", "it is fixed")
    burning.running.wake()
    switch = burning.running.board.current(SERVICE)
    assert switch is not None
    assert switch.routes == ()


def test_a_guard_that_has_not_heard_holds_a_keep_up(burning: Living) -> None:
    approve(burning)
    burning.play(burning.clock.now() + 12 * MINUTE, traffic=burning.guarded("B"))
    commands.keep(burning.store, burning.clock, burning.incident.id, None, "ada")
    burning.running.guards.heard(SERVICE, f"gate-1;version={the(burning).id and 1};stale=0")
    burning.running.wake()
    assert the(burning).state is MeasureState.APPLIED
    burning.running.guards.heard(SERVICE, "gate-1;version=99;stale=0")
    burning.running.wake()
    assert the(burning).state is MeasureState.CONFIRMED


def test_what_hangs_is_freed_and_another_may_begin(burning: Living) -> None:
    approve(burning)
    commands.free(burning.store, burning.clock, burning.incident.id, None, "ada")
    burning.running.wake()
    assert the(burning).state is MeasureState.FREED
    assert burning.store.measures(SERVICE, states=[MeasureState.APPLIED]) == []


def test_undone_before_it_was_seen_in_traffic(burning: Living) -> None:
    approve(burning)
    assert the(burning).state is MeasureState.APPLIED
    commands.undo(burning.store, burning.clock, burning.incident.id, None, "ada", "wrong call")
    burning.running.wake()
    switch = burning.running.board.current(SERVICE)
    assert switch is not None
    assert switch.routes == ()
    burning.play(burning.clock.now() + 12 * MINUTE, traffic=burning.guarded("B"))
    assert the(burning).action == "restore"
    assert the(burning).state is MeasureState.CONFIRMED


def test_a_measure_ends_by_itself_on_time_also_while_the_server_sleeps(burning: Living) -> None:
    approve(burning)
    burning.play(burning.clock.now() + 12 * MINUTE, traffic=burning.guarded("B"))
    ends = the(burning).expires_at
    assert ends is not None
    burning.to(ends - MINUTE)
    assert the(burning).state is MeasureState.CONFIRMED
    again = burning.again()
    again.to(ends + 7 * HOUR)
    (over,) = again.entries(K.EXPIRED)
    assert over.at == ends + 7 * HOUR
    assert next(m for m in again.incident.measures if m.action == "rollback").state is MeasureState.EXPIRED


# -- moments ------------------------------------------------------------------------------------------------


def test_check_times_are_caught_though_no_step_falls_on_them(burning: Living) -> None:
    approve(burning)
    burning.play(burning.clock.now() + 12 * MINUTE, traffic=burning.guarded("B"))
    opened = burning.incident.opened_at
    while not burning.entries(K.VERDICT) and burning.clock.now() < opened + 5 * HOUR:
        burning.play(burning.clock.now() + 7 * MINUTE, 7 * MINUTE, burning.guarded("B"))
    verdicts = burning.entries(K.VERDICT)
    assert verdicts, shape(burning)
    age = (verdicts[0].at - opened) / HOUR
    assert age != int(age), "no step fell on the hour"
    assert age - int(age) < 7 / 60, "the check was made by the first step after it"


def test_a_server_asleep_for_hours_goes_on_from_what_it_finds(burning: Living) -> None:
    before = shape(burning)
    since = burning.clock.now()
    burning.to(since + 9 * HOUR)
    assert shape(burning)[: len(before)] == before
    assert burning.pulse.judged == micros(since + 9 * HOUR - 15 * MINUTE)
    assert the(burning).state is MeasureState.APPLIED
    late = rows(since, since + 8 * HOUR, version="B")
    burning.send(late)
    burning.running.beat()
    assert burning.pulse.counting.seen.late == len(late)
    burning.play(burning.clock.now() + 24 * MINUTE, traffic=burning.guarded("B"))
    assert the(burning).state is MeasureState.CONFIRMED


def test_after_a_long_pause_each_beat_judges_a_day_and_keeps_it(
    living: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = living("one")
    one.play(BEGIN + HOUR, traffic=one.guarded())
    monkeypatch.setattr(turns, "AT_ONCE", micros(BEGIN + HOUR) - micros(BEGIN))
    one.running.turns.drill = False  # on a drill's clock whoever moves it waits for all of it
    one.clock.move_to(BEGIN + 6 * HOUR)
    seen = [one.pulse.judged]
    for _ in range(9):
        one.running.beat()
        seen.append(one.pulse.judged)
        kept = one.store.get_state(f"judge:{SERVICE}")
        assert kept is not None
        assert kept.tick == seen[-1]
    assert seen[-1] == one.pulse.complete()
    steps = [after - before for before, after in pairwise(seen)]
    assert max(steps) == turns.AT_ONCE
    assert sum(step > 0 for step in steps) >= 5


def test_another_baseline_starts_cold_from_now_on(burning: Living, tmp_path: Path) -> None:
    before = shape(burning)
    other = tmp_path / "other"
    shutil.copytree(burning.book.parent, other)
    text = (other / "runbook.yaml").read_text()
    place = other / "runbook.yaml"
    place.write_text(text.replace("features: {x: numeric}", "features: {x: numeric, score: numeric}"))
    write_book_again(place)
    cold = burning.again(place)
    assert cold.pulse.since == cold.pulse.judged == cold.pulse.complete()
    cold.running.beat()
    cold.to(cold.clock.now() + 5 * MINUTE)
    assert shape(cold)[: len(before)] == before
    assert len(cold.store.incidents()) == 1
    fresh = [e for e in cold.incident.timeline[len(before) :] if e.kind is K.ALERTED]
    assert [e for e in fresh if e.data["alert"].get("since", "") < cold.clock.now().isoformat()[:10]] == []


def write_book_again(place: Path) -> None:
    """A new baseline for a runbook that was changed."""
    from fireline.reference import take_baseline

    take_baseline(place, [place.parent / "past.parquet"])
