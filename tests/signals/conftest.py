"""A small service with a log, its signals, and a runbook drafted from both."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fireline.cli.sample import read_sample
from fireline.clock import iso
from fireline.drill.worlds import World, write
from fireline.ingest import signals_log
from fireline.reference import take_baseline
from fireline.replay import run
from fireline.runbook.draft import draft
from fireline.runbook.load import load

START = datetime(2026, 1, 5, tzinfo=UTC)
LIVE = START + timedelta(days=4)
END = LIVE + timedelta(days=1)
ONSET = LIVE + timedelta(hours=9)
Row = dict[str, Any]


@dataclass(frozen=True)
class Small:
    """A folder with ``events.parquet``, and a runbook that declares ``signals`` (as YAML)."""

    folder: Path

    def book(self, more: str, signals: list[Row] | None = None) -> Path:
        """A runbook with ``more`` written under it and a baseline that knows the reference of ``signals``."""
        world = World(
            seed=5, days=5, reference_days=4, per_minute=3, features=4, segments=1, harmless_deploys=0
        )
        if not (self.folder / "events.parquet").exists():
            write(world, self.folder)
        events, labels = self.folder / "events.parquet", self.folder / "labels.parquet"
        sample = read_sample([events], [labels], LIVE, world.timezone)
        drafted = draft(
            sample.events, world.service, LIVE, labels=sample.labels, timezone=world.timezone,
            roles={"time": sample.time}, baseline="runbook.baseline.npz",
        )  # fmt: skip
        place = self.folder / "runbook.yaml"
        place.write_text(drafted.text + more, encoding="utf-8")
        known = signals_log(load(place), [self.put("past.jsonl", signals)])[0] if signals else None
        take_baseline(place, [events, labels], signals=known)
        return place

    def put(self, name: str, rows: list[Row]) -> Path:
        """``rows`` as a file of JSON lines."""
        path = self.folder / name
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return path

    def replay(self, place: Path, **files: Any) -> list[dict[str, Any]]:
        """The incidents of a replay."""
        out = self.folder / "out"
        run(place, [self.folder / "events.parquet", self.folder / "labels.parquet"], out=out, **files)
        found: list[dict[str, Any]] = json.loads((out / "incidents.json").read_text())
        return found


def every(step: timedelta, since: datetime, until: datetime) -> Iterator[datetime]:
    """Instants from ``since`` to before ``until``."""
    while since < until:
        yield since
        since += step


def calls(
    name: str, since: datetime, until: datetime, errors: Callable[[datetime], float], seed: int = 1
) -> list[Row]:
    """Two calls a minute, failing with the probability ``errors(at)``."""
    rng = np.random.default_rng(seed)
    return [
        {"at": iso(at), "kind": "call", "name": name, "ok": bool(rng.random() >= errors(at)),
         "latency_ms": 10.0,
         "message": f"timeout after {int(rng.integers(200, 900))} ms at 10.0.0.{int(rng.integers(1, 9))}"}
        for at in every(timedelta(seconds=30), since, until)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """A service that is well."""
    return Small(tmp_path_factory.mktemp("small"))
