"""``kill -9`` while a baseline is accepted: the old one or the new one is in force afterwards, whole, and
whoever accepts again gets the one there would have been."""

from __future__ import annotations

import json
import os
import shutil
import signal
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from fireline.baselines import decide
from fireline.clock import iso
from fireline.detect.baseline import Baseline
from fireline.runbook.schema import Runbook
from fireline.store import Store
from fireline.store.glance import TURN
from fireline.store.watch import watch
from tests.support.lives import Dying, life
from tests.support.living import BEGIN, SERVICE, SINCE, Living
from tests.support.processes import Gone, Server, ask, until
from tests.support.spring import NOW, proposed

IN_FORCE = f"/v1/services/{SERVICE}/baselines"


@dataclass(frozen=True)
class Spring:
    """A state with a proposal that waits, what would be learnt, and the writes an acceptance makes."""

    book: Path
    state: Path
    name: str
    learnt: Path
    writes: tuple[tuple[str, str], ...]

    def again(self, folder: Path) -> Path:
        """A copy of the state."""
        return Path(shutil.copytree(self.state, folder))

    def living(self, folder: Path) -> Living:
        """A process on that folder."""
        return Living(self.book, folder, NOW)


@pytest.fixture(scope="module")
def spring(spring_state: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Spring:
    folder = tmp_path_factory.mktemp("killed")
    book, state = spring_state[0], Path(shutil.copytree(spring_state[1], folder / "state"))
    one = Living(book, state, NOW)
    one.running.start()
    name = proposed(one)
    found = decide.waiting(one.pulse.usual.shelf(), name)
    _, baseline = decide.take(one.pulse.usual.own.runbook, one.pulse.archive, found)
    baseline.save(folder / "learnt.npz")
    one.running.stop()
    one.store.close()
    made = Spring(book, state, name, folder / "learnt.npz", ())
    trial, seen = made.living(made.again(folder / "trial")), []
    watch(trial.store.database, lambda *told: seen.append(told) if told[0] != "read" else None)
    trial.pulse.usual.accept(name, "ada", "")
    trial.store.close()
    return replace(made, writes=tuple(seen))


def kept(store: Store) -> tuple[Any, bytes | None, int]:
    """The shelf as it stands, the new baseline's file, and how often one was put in force."""
    shelf, turn = store.get_state(f"baselines:{SERVICE}"), store.get_state(TURN)
    assert shelf is not None
    said = json.loads(shelf.body)
    (one,) = said["proposals"]
    file = store.get_state(f"baseline:{SERVICE}:{one['id']}")
    return said, file.body if file else None, turn.tick if turn else 0


def is_whole(store: Store, name: str) -> bool:
    """Whether the new baseline is in force; and either it is, with all that belongs to it, or nothing is."""
    said, file, turn = kept(store)
    new = said["active"] == name
    assert [one["standing"] for one in said["proposals"]] == ["accepted" if new else "proposed"]
    assert [line["what"] for line in said["journal"]] == ["proposed", "accepted"][: 2 if new else 1]
    assert (bool(said["kept"]), file is not None, bool(said["begins"]), turn) == (new, new, new, int(new))
    return new


def taken_from(learnt: Path) -> Any:
    """What takes the place of learning: nothing is written while that goes on."""

    def take(runbook: Runbook, *about: Any) -> tuple[Runbook, Baseline]:
        return runbook, Baseline.load(learnt)

    return take


def accepts(book: Path, folder: Path, name: str, learnt: Path, left: int) -> None:
    """A life that ends at its ``left``-th write from the acceptance on."""
    decide.take = taken_from(learnt)
    one = Living(book, folder, NOW)
    Dying(one.store, left)
    one.running.decide_baseline(SERVICE, lambda usual: usual.accept(name, "ada", ""))
    os._exit(0)


def points(spring: Spring) -> list[int]:
    """Every write of an acceptance, and some of those that take it up."""
    return list(range(1, len(spring.writes) + 4))


def test_wherever_it_is_killed_one_of_the_two_is_in_force_whole(
    spring: Spring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decide, "take", taken_from(spring.learnt))
    commit = spring.writes.index(("after", "COMMIT")) + 1
    some = {1, commit - 1, commit, commit + 2, *Random(1).sample(points(spring), 2)}
    for left in sorted(some):
        folder = spring.again(tmp_path / f"at{left}")
        assert life(accepts, spring.book, folder, spring.name, spring.learnt, left) == -signal.SIGKILL
        one = spring.living(folder)
        new = is_whole(one.store, spring.name)
        assert new == (left >= commit), spring.writes[: left + 1]
        assert one.pulse.book.runbook.reference.since == (BEGIN if new else SINCE)
        before = kept(one.store)
        one.running.decide_baseline(SERVICE, lambda usual: usual.accept(spring.name, "ada", ""))
        one.running.beat()
        assert is_whole(one.store, spring.name)
        if new:
            assert kept(one.store) == before, "it was in force already"
        assert one.pulse.book.runbook.reference.since == BEGIN
        assert one.pulse.judged == one.pulse.usual.begins
        one.store.close()


@dataclass(frozen=True)
class Place:
    """What a server process wants to know of a town."""

    runbook: Path
    service: str = SERVICE
    begin: Any = NOW


@pytest.mark.parametrize("seed", [0, *(pytest.param(n, marks=pytest.mark.soak) for n in range(1, 6))])
def test_a_server_that_is_killed_again_and_again_while_it_accepts(
    spring: Spring, tmp_path: Path, seed: int
) -> None:
    """The command is given until it is answered; of three lives each ends at a write of the acceptance."""
    commit, rng = spring.writes.index(("after", "COMMIT")) + 1, Random(f"accept {seed}")
    fates = [rng.randrange(1, commit), commit - 1, commit]
    server = Server(Place(spring.book), tmp_path, name="data")  # type: ignore[arg-type]
    spring.again(server.data)
    for left in fates if seed else fates[1:]:
        server.start(f"accept:{left}")
        server.ready()
        with pytest.raises(Gone):
            ask(server.port, "POST", f"{IN_FORCE}/{spring.name}/accept", {"because": "spring"})
        assert server.process is not None
        assert server.process.wait(120) == -signal.SIGKILL
        with server.store() as store:
            assert is_whole(store, spring.name) == (left == commit)
    server.start()
    try:
        server.ready()
        with server.store() as store:
            before = kept(store)
        path = f"{IN_FORCE}/{spring.name}/accept"
        told = until(lambda: ask(server.port, "POST", path, {"because": "spring"}), "it is not accepted")
        assert told["active"] == spring.name
        ask(server.port, "POST", "/v1/drill/clock", {"to": iso(NOW.replace(hour=NOW.hour + 1))})
        with server.store() as store:
            assert kept(store) == before
            assert is_whole(store, spring.name)
        assert ask(server.port, "GET", f"/v1/services/{SERVICE}")["trouble"] == ""
    finally:
        server.stop()
