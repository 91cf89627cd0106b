"""Logs of labelled services as files, with a fault from an hour on or none: what a replay is tried on."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from fireline.cli.entry import main
from tests.support import logs
from tests.support.quality_town import columns_of, log

DAYS, REFERENCE, BROKEN = 18, 14, 15.0
START = datetime.fromtimestamp(logs.START, UTC)


def replayed(
    folder: Path, task: str, fault: Any = None, rate: float = 3.0, **book: Any
) -> tuple[list[dict[str, Any]], str]:
    """Incidents of a replay of ``task``'s log, and the text of its report; ``fault`` edits the rows (a dict
    of arrays) from the day ``BROKEN`` on, where the mask [n] says."""
    table, _ = log(task, 11, rate, 0, DAYS)
    columns = {name: table.column(name).to_numpy(zero_copy_only=False).copy() for name in table.column_names}
    at = table.column("time").cast(pa.int64()).to_numpy()
    if fault is not None:
        fault(columns, at >= (logs.START + BROKEN * 86_400) * 1e6)
    events = pa.table({**{k: pa.array(v) for k, v in columns.items()}, "time": table.column("time")})
    known = pa.array(at + 3_600_000_000, pa.timestamp("us", tz="UTC"))
    pq.write_table(events.append_column("label_time", known), folder / "events.parquet")
    named = {k: v for k, v in columns_of(task).items() if k in columns or not isinstance(v, str)}
    runbook = {
        "service": "tests", "task": task, "ownership": {"team": "tests"},
        "columns": {"time": "time", "request_id": "request_id", "version": "version", "label": "label",
                    "label_time": "label_time", **named},
        "labels": {"age": "2h"},
        "reference": {"since": iso(0), "until": iso(REFERENCE)},
        **book,
    }  # fmt: skip
    path, out = folder / "runbook.yaml", folder / "out"
    path.write_text(yaml.safe_dump(runbook, sort_keys=False))
    events_path = str(folder / "events.parquet")
    assert main(["replay", str(path), "--events", events_path, "--out", str(out), "-q"]) == 0
    return json.loads((out / "incidents.json").read_text()), (out / "report.html").read_text()


def iso(day: float) -> str:
    """A day of the log."""
    return (START + timedelta(days=day)).strftime("%Y-%m-%dT%H:%M:%SZ")


def told(incidents: list[dict[str, Any]]) -> set[tuple[str, str, str]]:
    """(family, monitor, urgency) of every alert."""
    return {(a["family"], a["monitor"], a["urgency"]) for i in incidents for a in i["alerts"]}


def half(hit: np.ndarray, seed: int = 0) -> np.ndarray:
    """About half of the rows that are hit."""
    return hit & (np.random.default_rng(seed).random(len(hit)) < 0.5)
