"""The living loop dies and goes on: real processes, a real guard, a real pager, kill -9 at any moment.

What an uninterrupted story wrote is compared with what is written by one whose server, or whose database,
died again and again: the same alerts, measures, verdicts and moves at the same times of the drill's clock,
every acknowledged event in the lake and in the counts exactly once, no switch and no page twice. If a server
died between claiming a measure and its receipt, the next one waits for the lease: what follows comes a step
later, and only its order is compared.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.support import postgres
from tests.support.living_play import Scene, Taken, claims, gist_of, scene, story_of
from tests.support.processes import EDITS, Fate, Town

HOURS = 5.0
STORY = (
    "\nmonitors:",
    "\nmonitors:\n  - {monitor: score_drift, off: true, because: the story is of a missing feature}",
)
"""At two requests a minute the score would be watched for most of a day before it is called well again."""


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    return Town.make(tmp_path_factory.mktemp("town"), HOURS, edits=(*EDITS, STORY))


@dataclass(frozen=True)
class Told:
    """What a story came to."""

    incidents: list[dict[str, Any]]
    taken: Taken
    pages: list[str]
    sent: int

    @classmethod
    def of(cls, scene: Scene) -> Told:
        incidents = scene.play.through(HOURS)
        pages = [str(page["kind"]) for page in scene.pages]
        return cls(incidents, Taken.of(scene.server), pages, scene.play.sent)


@pytest.fixture(scope="module")
def whole(town: Town, tmp_path_factory: pytest.TempPathFactory) -> Told:
    """The uninterrupted story."""
    with scene(town, tmp_path_factory.mktemp("whole")) as up:
        return Told.of(up)


@pytest.fixture(scope="module")
def server() -> Iterator[postgres.Postgres]:
    yield from postgres.given()


def fates(seed: int, lives: int) -> list[Fate]:
    """How the first lives of a server end: at a write anywhere, among those of an incident, at any moment."""
    rng, found = Random(f"fates {seed}"), []
    for _ in range(lives):
        how = rng.choice(("write", "entry", "entry", "wall"))
        most = {"write": 700.0, "entry": 90.0, "wall": 3.5}[how]
        found.append((how, rng.uniform(1.5 if how == "wall" else 1.0, most)))
    return found


def is_as_if_nothing_had_died(told: Told, whole: Told) -> None:
    everything_counts_once(told)
    assert told.taken.labels == whole.taken.labels
    assert told.taken.switches == whole.taken.switches, "none put out twice"
    assert sorted(told.pages) == sorted(whole.pages), "nobody called twice"
    assert [i["state"] for i in told.incidents] == [i["state"] for i in whole.incidents]
    if claims(told.incidents) > claims(whole.incidents):  # it died with a measure in its hand
        assert [gist_of(i) for i in told.incidents] == [gist_of(i) for i in whole.incidents]
        return
    assert [i["alerts"] for i in told.incidents] == [i["alerts"] for i in whole.incidents]
    assert [story_of(i) for i in told.incidents] == [story_of(i) for i in whole.incidents]
    assert told.taken.rows == whole.taken.rows, "who answered what, under which switch, late or not"


def everything_counts_once(told: Told) -> None:
    assert len(told.taken.ids) == len(set(told.taken.ids)) == told.sent, "in the lake once"
    assert told.taken.counted == told.sent, "in the counts once"


def test_the_story_is_told_to_its_end(whole: Told) -> None:
    (incident,) = whole.incidents
    assert incident["state"] == "closed"
    kinds = [e["kind"] for e in incident["timeline"]]
    assert {"paged", "acked", "applied", "confirmed", "verdict", "kept", "review"} <= set(kinds)
    verdicts = [v["verdict"] for v in incident["verdicts"]]
    assert {"effective", "recovered"} <= set(verdicts)
    everything_counts_once(whole)
    assert len(whole.taken.labels) > 500
    assert whole.taken.switches == 2, "told to roll back, told to keep it so"
    assert whole.pages == ["page", "resolved"]


@pytest.mark.parametrize("seed", range(2))
def test_a_server_that_is_killed_goes_on(town: Town, whole: Told, tmp_path: Path, seed: int) -> None:
    with scene(town, tmp_path, fates(seed, 3)) as up:
        told = Told.of(up)
        assert up.keeper.deaths >= 2
    is_as_if_nothing_had_died(told, whole)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(2, 22))
def test_a_server_that_is_killed_often_goes_on(town: Town, whole: Told, tmp_path: Path, seed: int) -> None:
    with scene(town, tmp_path, fates(seed, 8)) as up:
        told = Told.of(up)
        assert up.keeper.deaths >= 5
    is_as_if_nothing_had_died(told, whole)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(5))
def test_a_server_on_postgresql_that_is_killed_goes_on(
    town: Town, whole: Told, tmp_path: Path, server: postgres.Postgres, seed: int
) -> None:
    with scene(town, tmp_path, fates(seed, 4), server.new_database()) as up:
        told = Told.of(up)
        assert up.keeper.deaths >= 2
    is_as_if_nothing_had_died(told, whole)


class Reaper(threading.Thread):
    """Kills the database at random moments and starts it again after a while, a few times."""

    def __init__(self, server: postgres.Postgres, seed: int, times: int) -> None:
        super().__init__(daemon=True)
        self.server, self.rng, self.times, self.deaths = server, Random(f"reaper {seed}"), times, 0

    def run(self) -> None:
        for _ in range(self.times):
            time.sleep(self.rng.uniform(0.8, 2.5))
            self.server.kill()
            self.deaths += 1
            time.sleep(self.rng.uniform(0.0, 1.0))
            self.server.again()


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(1, 6))])
def test_a_database_that_is_killed_costs_nothing(
    town: Town, whole: Told, tmp_path: Path, server: postgres.Postgres, seed: int
) -> None:
    with scene(town, tmp_path, db=server.new_database()) as up:
        reaper = Reaper(server, seed, 3)
        reaper.start()
        incidents = up.play.through(HOURS)
        reaper.join()
        assert (reaper.deaths, up.keeper.deaths) == (3, 0), "the server outlives its database"
        told = Told(incidents, Taken.of(up.server), [str(p["kind"]) for p in up.pages], up.play.sent)
    is_as_if_nothing_had_died(told, whole)
