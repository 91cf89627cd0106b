"""Fireline's processes, stopped anywhere: hundreds of seeds here, thousands in `make soak`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from fireline.drill.simulation import CAST, Life, Part, Scene, Theatre, simulate
from fireline.drill.simulation.__main__ import main
from fireline.store import Store
from tests.support.incidents import note, opened

SEEDS, CHUNK = 160, 40
SOAK_SEEDS, SOAK_CHUNK = int(os.environ.get("FIRELINE_SOAK_SEEDS", "3000")), 500


@pytest.fixture(scope="module")
def theatre() -> Iterator[Theatre]:
    with Theatre() as opened_theatre:
        yield opened_theatre


def broken(theatre: Theatre, first: int, count: int) -> list[str]:
    outcomes = (simulate(seed, theatre) for seed in range(first, first + count))
    return [str(outcome) for outcome in outcomes if outcome.problems]


@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
def test_the_invariants_hold_whatever_is_stopped_where(theatre: Theatre, first: int) -> None:
    assert broken(theatre, first, CHUNK) == []


@pytest.mark.soak
@pytest.mark.parametrize("first", range(SEEDS, SEEDS + SOAK_SEEDS, SOAK_CHUNK))
def test_the_invariants_hold_for_thousands_of_seeds(theatre: Theatre, first: int) -> None:
    assert broken(theatre, first, SOAK_CHUNK) == []


def each_crash_point(theatre: Theatre, seed: int, step: int) -> list[str]:
    points = simulate(seed, theatre, crash_at=-1).crash_points
    assert points > 100
    outcomes = (simulate(seed, theatre, crash_at=at) for at in range(0, points, step))
    return [str(outcome) for outcome in outcomes if outcome.problems]


def test_one_run_stopped_at_one_point_after_another(theatre: Theatre) -> None:
    assert each_crash_point(theatre, seed=5, step=31) == []


@pytest.mark.soak
@pytest.mark.parametrize("seed", [5, 6, 7, 8])
def test_one_run_stopped_at_every_single_point(theatre: Theatre, seed: int) -> None:
    assert each_crash_point(theatre, seed, step=1) == []


def test_a_seed_plays_the_same_run_every_time(theatre: Theatre) -> None:
    first = [simulate(seed, theatre) for seed in range(8)]
    again = [simulate(seed) for seed in range(8)]
    assert [outcome.trace for outcome in first] == [outcome.trace for outcome in again]
    assert first == again
    assert len({outcome.trace for outcome in first}) == 8


def test_the_storm_is_one() -> None:
    """A harness that never crashes anybody proves nothing."""
    with Theatre() as theatre:
        outcomes = [simulate(seed, theatre) for seed in range(30)]
    assert sum(outcome.crashes for outcome in outcomes) > 60
    assert sum(outcome.crashes == 0 for outcome in outcomes) >= 3, "some runs are not interrupted at all"


def test_a_process_of_ones_own_may_play_along(theatre: Theatre) -> None:
    lives: list[int] = []

    def diarist(life: Life) -> None:
        store = life.store()
        lives.append(life.born)
        while True:
            with store.begin() as tx:
                begun = tx.entries("diary")
                tx.append("diary", note(f"life {life.born}") if begun else opened("diaries"), life.now)
            life.rest()

    outcomes = [simulate(seed, theatre, cast=(*CAST, Part("diarist", diarist))) for seed in range(6)]
    assert [str(outcome) for outcome in outcomes if outcome.problems] == []
    assert max(lives) > 0, "it is stopped like every other process"


def test_another_play_with_its_own_end_and_its_own_invariant(theatre: Theatre) -> None:
    def counter(life: Life) -> None:
        store = life.store()
        while True:
            state = store.get_state("count")
            count = int(state.body) if state else 0
            if count < 10:
                with store.begin() as tx:
                    tx.put_state("count", count, str(count + 1).encode())
                    tx.append("diary", note(str(count)) if count else opened(), life.now)
            life.rest()

    def counted_once(scene: Scene, store: Store) -> Iterator[str]:
        texts = [entry.data["text"] for entry in store.entries("diary")[1:]]
        if texts != [str(number) for number in range(1, 10)]:
            yield f"counted {texts}"

    def done(scene: Scene, store: Store) -> bool:
        state = store.get_state("count")
        return state is not None and int(state.body) == 10

    parts = (Part("counter", counter),)
    outcomes = [simulate(seed, theatre, parts, (counted_once,), settled=done) for seed in range(40)]
    assert [str(outcome) for outcome in outcomes if outcome.problems] == []
    assert sum(outcome.crashes for outcome in outcomes) > 10


def test_a_process_that_breaks_is_a_problem_and_prints_the_command_that_replays_it(theatre: Theatre) -> None:
    def clumsy(life: Life) -> None:
        raise ZeroDivisionError

    outcome = simulate(11, theatre, cast=(*CAST, Part("clumsy", clumsy)))
    assert "clumsy broke" in outcome.problems[0]
    assert "python -m fireline.drill.simulation --seed 11" in str(outcome)


def test_the_command_plays_seeds(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seed", "3"]) == 0
    assert capsys.readouterr().out.startswith("seed 3: good")
    assert main(["--seed", "3", "--count", "2"]) == 0
    assert "2 seeds played, 0 broken" in capsys.readouterr().out
    assert main(["--seed", "3", "--crash-at", "40"]) == 0
    assert capsys.readouterr().out.startswith("seed 3 --crash-at 40: good")


def test_the_command_runs_as_a_module() -> None:
    environment = {**os.environ, "PYTHONPATH": "src"}
    command = [sys.executable, "-m", "fireline.drill.simulation", "--seed", "1"]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("seed 1: good")
