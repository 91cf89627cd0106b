"""The real loop, stopped between any two writes: the same story as if nobody had stopped it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from fireline.drill.simulation import Part, Scene, Theatre, simulate
from fireline.drill.simulation.invariants import (
    nothing_is_done_twice,
    one_measure_in_flight,
    projections_equal_the_journal,
)
from fireline.sheet import Bookmark
from fireline.store import Store
from tests.simulation.looping import DONE, SCRIPTS, alerts, loop, script_of, told

SEEDS, SOAK_SEEDS = 120, int(os.environ.get("FIRELINE_SOAK_SEEDS", "3000"))
CAST = (Part("loop", loop),)


def done_once_or_never(scene: Scene, store: Store) -> Iterator[str]:
    """A real measure changes production once, a simulated one never."""
    if script_of(scene).real:
        yield from nothing_is_done_twice(scene, store)
    elif scene.plane.asked:
        yield f"a simulated measure reached production: {scene.plane.asked}"


def settled(scene: Scene, store: Store) -> bool:
    return store.get_state(DONE) is not None


class Uninterrupted:
    """What each script comes to when nothing goes wrong."""

    def __init__(self, theatre: Theatre) -> None:
        self.stories: dict[int, dict[str, Any]] = {}
        self.alerts: dict[int, list[str]] = {}
        self.effects: dict[int, Counter[str]] = {}
        for number in range(SCRIPTS):
            outcome = simulate(number, theatre, CAST, (self._look,), crash_at=-1, settled=settled)
            assert not outcome.problems, str(outcome)

    def _look(self, scene: Scene, store: Store) -> Iterator[str]:
        number = script_of(scene).number
        self.stories[number], self.alerts[number] = told(store), alerts(store)
        self.effects[number] = scene.plane.effects()
        yield from ()

    def equal(self, scene: Scene, store: Store) -> Iterator[str]:
        """Nothing is lost; and the journal is the same, entry for entry, where nothing outside may fail."""
        script = script_of(scene)
        if alerts(store) != self.alerts[script.number]:
            yield f"alerts differ: {alerts(store)} instead of {self.alerts[script.number]}"
        if script.real:
            return
        wanted, found = self.stories[script.number], told(store)
        for name in sorted(wanted.keys() | found.keys()):
            pairs = zip(wanted.get(name, []), found.get(name, []), strict=False)
            other = next((f"{a} became {b}" for a, b in pairs if a != b), None)
            if other or len(wanted.get(name, [])) != len(found.get(name, [])):
                yield f"the story of {name} differs: {other or 'it is longer or shorter'}"


@pytest.fixture(scope="module")
def theatre() -> Iterator[Theatre]:
    with Theatre() as opened:
        yield opened


@pytest.fixture(scope="module")
def calm(theatre: Theatre) -> Uninterrupted:
    return Uninterrupted(theatre)


def broken(theatre: Theatre, calm: Uninterrupted, seeds: range) -> list[str]:
    laws = (projections_equal_the_journal, done_once_or_never, one_measure_in_flight, calm.equal)
    played = (simulate(seed, theatre, CAST, laws, settled=settled) for seed in seeds)
    return [str(outcome) for outcome in played if outcome.problems]


def test_the_scripts_have_something_to_tell(calm: Uninterrupted) -> None:
    kinds = Counter(kind for story in calm.stories.values() for told in story.values() for kind, _, _ in told)
    assert kinds["requested"] >= 3
    assert kinds["applied"] >= 3
    assert kinds["review"] >= 2
    assert sum(sum(effects.values()) for effects in calm.effects.values()) >= 2, "real hands were asked"


@pytest.mark.parametrize("first", range(0, SEEDS, 40))
def test_the_loop_tells_the_same_story_wherever_it_is_stopped(
    theatre: Theatre, calm: Uninterrupted, first: int
) -> None:
    assert broken(theatre, calm, range(first, first + 40)) == []


def test_a_loop_that_forgets_how_far_it_was_is_found(
    theatre: Theatre, calm: Uninterrupted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Bookmark, "passed", lambda *_: False)
    assert any(broken(theatre, calm, range(first, first + 10)) for first in range(0, SEEDS, 10))


@pytest.mark.soak
@pytest.mark.parametrize("first", range(SEEDS, SEEDS + SOAK_SEEDS, 500))
def test_the_loop_tells_the_same_story_for_thousands_of_seeds(
    theatre: Theatre, calm: Uninterrupted, first: int
) -> None:
    assert broken(theatre, calm, range(first, first + 500)) == []
