"""A server that pulls dies and goes on: real processes, kill -9 at any moment; nothing is lost or doubled.

The rows have no id of their own, so no dedup hides a row that was taken twice. A folder's files grow and a
topic on librdkafka's mock broker fills while the server is killed at writes and in between.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from fireline.clock import SystemClock, iso
from fireline.telemetry.lake import Lake
from tests.sources.wells.kafka import Topic
from tests.support.living import SERVICE, write_book
from tests.support.processes import Fate, Keeper, Server

PATIENCE = 60.0


class Streams:
    """Writes numbered rows of now to a growing file, to new files and to the topic."""

    def __init__(self, folder: Path, topic: Topic) -> None:
        self.folder, self.topic, self.sent = folder, topic, 0
        self.folder.mkdir()

    def rows(self, count: int) -> list[dict[str, Any]]:
        now = iso(SystemClock().now() - timedelta(seconds=1))
        found = [
            {"time": now, "version": "A", "x": float(self.sent + i), "score": 0.5, "status": 200}
            for i in range(count)
        ]
        self.sent += count
        return found

    def write(self, rng: Random) -> None:
        lines = [json.dumps(row) + "\n" for row in self.rows(rng.randrange(1, 400))]
        with (self.folder / "now.jsonl").open("a") as stream:
            cut = "".join(lines)
            at = rng.randrange(len(cut))
            stream.write(cut[:at])
            stream.flush()
            stream.write(cut[at:])
        (self.folder / f"{self.sent:07d}.jsonl").write_text(
            "".join(json.dumps(row) + "\n" for row in self.rows(rng.randrange(1, 200)))
        )
        for row in self.rows(rng.randrange(1, 200)):
            self.topic.write(row, partition=rng.randrange(3))


class Place:
    """What a server process wants to know of a town."""

    def __init__(self, folder: Path) -> None:
        self.runbook, self.service = write_book(folder), SERVICE


@pytest.fixture
def topic() -> Topic:
    library = pytest.importorskip("confluent_kafka", reason="confluent-kafka is not installed")
    return Topic(library, first=None)


def fates(seed: int, lives: int) -> list[Fate]:
    rng = Random(seed)
    how = [("write", float(rng.randrange(1, 60))), ("wall", rng.uniform(2.0, 4.5))]
    return [how[i % 2] if rng.random() < 0.8 else how[0] for i in range(lives)]


def lying(server: Server) -> Counter[int]:
    """How often each numbered row lies in the lake."""
    with server.store() as store:
        files = [file.file for file in store.lake_files("events", 0, 1 << 62, SERVICE)]
    table = Lake(server.data / "lake").read(files)
    return Counter(int(x) for x in table.column("x").to_pylist()) if len(table) else Counter()


@pytest.mark.parametrize("seed", [0, *(pytest.param(s, marks=pytest.mark.soak) for s in range(1, 8))])
def test_a_server_killed_while_it_pulls_takes_each_row_once(tmp_path: Path, topic: Topic, seed: int) -> None:
    place = Place(tmp_path / "book")
    text = place.runbook.read_text()
    place.runbook.write_text(
        text
        + f"""sources:
  - {{name: files, kind: folder, path: in/*.jsonl, every: 1s, settle: 1s}}
  - {{name: topic, kind: kafka, brokers: "{topic.brokers}", topic: events, every: 1s}}
"""
    )
    streams, rng = Streams(tmp_path / "book" / "in", topic), Random(f"rows {seed}")
    server = Server(place, tmp_path, drill=False)  # type: ignore[arg-type]
    lives = fates(seed, 3 if seed == 0 else 5)
    keeper = Keeper(server, lives)
    try:
        until = time.monotonic() + PATIENCE
        while keeper.deaths < len(lives) and time.monotonic() < until:
            streams.write(rng)
            time.sleep(0.25)
        streams.write(rng)
        while sum(lying(server).values()) < streams.sent and time.monotonic() < until:
            time.sleep(0.5)
    finally:
        keeper.close()
        server.stop()
    assert keeper.deaths == len(lives), server.log()
    assert lying(server) == Counter(range(streams.sent)), server.log()
