"""The same inputs give the same bytes, also when the replay was killed on the way."""

from __future__ import annotations

import json
import os
import re
import signal
import weakref
from pathlib import Path
from random import Random
from typing import Any

import pytest

from fireline import replay
from fireline.ingest import Log
from tests.support.played import Played, broken, small

FILES = ("incidents.json", "summary.json")


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    return Played.make(tmp_path_factory.mktemp("log"), broken(small()))


@pytest.fixture(scope="module")
def whole(played: Played, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """An uninterrupted replay in a process of its own, and how many writes it made."""
    out = tmp_path_factory.mktemp("whole")
    ran = played.process(out)
    assert ran.returncode == 0, ran.stderr
    found = re.search(r"writes: (\d+)", ran.stdout)
    assert found is not None
    return out, int(found.group(1))


def said(out: Path) -> list[bytes]:
    return [(out / name).read_bytes() for name in FILES]


def test_the_log_has_something_to_tell(whole: tuple[Path, int]) -> None:
    incidents = json.loads((whole[0] / "incidents.json").read_text())
    assert any(incident["measures"] for incident in incidents), "else the tests here prove little"


def test_two_replays_into_two_folders_give_equal_bytes(
    played: Played, whole: tuple[Path, int], tmp_path: Path
) -> None:
    played.play(tmp_path / "elsewhere")
    assert said(tmp_path / "elsewhere") == said(whole[0])
    assert (tmp_path / "elsewhere/report.html").read_bytes() == (whole[0] / "report.html").read_bytes()


def test_the_rows_of_the_log_are_let_go_once_they_lie_in_the_lake(
    played: Played, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, held = replay.log_of, []

    def noted(*given: Any) -> Log:
        log = read(*given)
        held.append(weakref.ref(log))
        return log

    def still_there(*_: object) -> None:
        assert held[0]() is None

    monkeypatch.setattr(replay, "log_of", noted)
    logs = [path for path in played.files() if path != "--labels"]
    replay.run(played.runbook, logs, out=tmp_path, on_tick=still_there)
    assert len(held) == 1


@pytest.mark.parametrize("seed", [1])
def test_a_replay_that_was_killed_goes_on_to_the_same_bytes(
    played: Played, whole: tuple[Path, int], tmp_path: Path, seed: int
) -> None:
    rng, kills = Random(seed), 0
    while True:
        die_at = rng.randrange(1, whole[1] // 2) if kills < 3 else 0
        ran = played.process(tmp_path, die_at)
        if ran.returncode == 0:
            break
        assert ran.returncode == -signal.SIGKILL, ran.stderr
        kills += 1
    assert kills >= 2
    assert said(tmp_path) == said(whole[0])


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(40))
def test_a_replay_that_was_killed_often_goes_on_to_the_same_bytes(
    played: Played, whole: tuple[Path, int], tmp_path: Path, seed: int
) -> None:
    rng = Random(f"often {seed}")
    for _ in range(12):
        played.process(tmp_path, rng.randrange(1, whole[1] // 4))
    assert played.process(tmp_path).returncode == 0
    assert said(tmp_path) == said(whole[0])


def test_a_replay_whose_inputs_changed_starts_afresh(played: Played, tmp_path: Path) -> None:
    assert played.process(tmp_path, 60).returncode == -signal.SIGKILL
    before = (tmp_path / "state/inputs").read_text()
    events = played.folder / "events.parquet"
    os.utime(events, ns=(events.stat().st_atime_ns, events.stat().st_mtime_ns + 1))
    assert played.process(tmp_path, 2).returncode == -signal.SIGKILL
    assert (tmp_path / "state/inputs").read_text() != before
    assert len(list((tmp_path / "state/lake").rglob("*.parquet"))) <= 1, "nothing of the old state is left"


def test_a_state_of_other_code_is_not_taken_up(played: Played, tmp_path: Path) -> None:
    def state(die_at: int, version: str) -> str:
        assert played.process(tmp_path, die_at, version).returncode == -signal.SIGKILL
        return (tmp_path / "state/inputs").read_text()

    older = state(60, "")
    assert state(2, "") == older
    assert state(2, ".later") != older
