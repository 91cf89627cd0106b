"""Several services in one server: judged together, the trouble of one its own, nobody asked for nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from fireline.clock import ManualClock, SystemClock, micros
from fireline.live.book import open_books
from fireline.live.pulse import Book, Pulse
from fireline.live.running import Running
from fireline.store import Store
from tests.support.incidents import opened
from tests.support.living import BEGIN, JSONL, Living, lines, rows

MINUTE = timedelta(minutes=1)
NAMES = ("one", "two", "three")


def named(book: Path, name: str) -> Book:
    (one,) = open_books([book])
    plan = replace(one.baseline.plan, service=name)
    return replace(
        one,
        runbook=one.runbook.model_copy(update={"service": name}),
        baseline=replace(one.baseline, plan=plan),
    )


@pytest.fixture
def three(book: Path, tmp_path: Path) -> Running:
    store = Store.open(tmp_path / "s.sqlite")
    running = Running(store, tmp_path, [named(book, name) for name in NAMES], clock=ManualClock(BEGIN))
    running.start()
    return running


def play(running: Running, minutes: int, wrong: str = "") -> None:
    for _ in range(minutes // 5):
        since = running.clock.now()
        for name in NAMES:
            found = rows(since, since + 5 * MINUTE, wrong=0.4 if name == wrong else 0.01)
            running.take(name, "events", lines(found), JSONL, "", "")
        running.move_clock(since + 5 * MINUTE)


def judged(running: Running) -> dict[str, int]:
    return {name: pulse.judged for name, pulse in running.pulses.items()}


def test_all_are_judged_and_only_the_one_that_burns_has_an_incident(three: Running) -> None:
    play(three, 90, wrong="two")
    assert len(set(judged(three).values())) == 1
    assert three.store.incidents("two")
    assert not three.store.incidents("one")
    assert not three.store.incidents("three")


def test_the_trouble_of_one_is_its_own_and_passes(three: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    play(three, 30)
    before, ready = judged(three), Pulse.ready

    def broken(self: Pulse, complete: int) -> Any:
        if self.service == "two":
            raise ValueError("its lake is gone")
        return ready(self, complete)

    monkeypatch.setattr(Pulse, "ready", broken)
    three.clock.move_to(three.clock.now() + 5 * MINUTE)  # type: ignore[attr-defined]
    three.beat()
    three.beat()
    assert judged(three)["two"] == before["two"]
    assert judged(three)["one"] == judged(three)["three"] == before["one"] + micros_of(5 * MINUTE)
    assert "its lake is gone" in three.trouble("two")
    assert three.trouble("one") == ""
    monkeypatch.setattr(Pulse, "ready", ready)
    play(three, 10)
    assert len(set(judged(three).values())) == 1
    assert three.trouble("two") == ""


def micros_of(span: timedelta) -> int:
    return int(span.total_seconds()) * 1_000_000


def test_what_they_remember_is_the_same_after_a_kill(three: Running, book: Path, tmp_path: Path) -> None:
    play(three, 60, wrong="two")
    three.stop()
    again = Running(
        three.store, tmp_path, [named(book, n) for n in NAMES], clock=ManualClock(three.clock.now())
    )
    assert judged(again) == judged(three)
    for name in NAMES:
        assert again.pulses[name].judge.save() == three.pulses[name].judge.save()


def test_the_state_of_an_older_release_is_taken_up(living: Callable[..., Living]) -> None:
    one = living()
    one.play(BEGIN + timedelta(hours=1))
    judge, service = one.pulse.judge, one.pulse.service
    with one.store.begin() as tx:
        tx.put_state(f"judge:{service}", one.pulse.judged, judge.save())
    again = one.again()
    assert again.pulse.judged == one.pulse.judged
    assert again.pulse.judge.save() == judge.save()
    again.play(again.clock.now() + timedelta(minutes=24))
    assert again.again().pulse.judged == again.pulse.judged


def test_whoever_has_nothing_to_do_is_not_asked_again(book: Path, tmp_path: Path, monkeypatch: Any) -> None:
    class Standing(SystemClock):
        at = BEGIN

        def now(self) -> Any:
            return self.at

    store = Store.open(tmp_path / "s.sqlite")
    running = Running(store, tmp_path, [named(book, n) for n in NAMES], clock=Standing(), catch_up=0.0)
    asked: list[str] = []
    is_due = Pulse.is_due
    monkeypatch.setattr(Pulse, "is_due", lambda self: asked.append(self.service) or is_due(self))
    for _ in range(4):
        running.beat()
    asked.clear()
    running.beat()
    assert asked == []
    with store.begin() as tx:
        tx.append("inc-1", opened("two"), BEGIN)
    running.beat()
    assert set(asked) == {"two"}
    assert micros(BEGIN) == running.pulses["two"].judged
