"""The small service in spring: eight days on which x lies higher wait in the lake to be proposed as usual."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from fireline.live.past import take_past
from fireline.store import Store
from tests.support.living import BEGIN, RUNBOOK, Living, rows, write_book

DAYS = timedelta(days=8)
NOW = BEGIN + DAYS + timedelta(hours=1)
"""When its server begins."""


def shifted(since: datetime, until: datetime, rate: float = 1.0, **more: Any) -> list[dict[str, Any]]:
    """Traffic of that spring."""
    return [{**row, "x": row["x"] + 0.35} for row in rows(since, until, rate=rate, **more)]


def spring_book(folder: Path, runbook: str = RUNBOOK) -> Path:
    """The runbook with its baseline of winter, and the days of spring beside it."""
    place = write_book(folder)
    place.write_text(runbook)
    found = shifted(BEGIN, BEGIN + DAYS, rate=0.5)
    for row in found:
        row["time"] = datetime.fromisoformat(row["time"].replace("Z", "+00:00"))
    pq.write_table(pa.Table.from_pylist(found), folder / "spring.parquet")
    return place


def in_spring(book: Path, state: Path, database: str | Path | None = None, lake: Path | None = None) -> None:
    """The state of a server that knows those days."""
    state.mkdir(parents=True, exist_ok=True)
    with Store.open(database or state / "fireline.sqlite") as store:
        take_past(store, state, book, [book.parent / "spring.parquet"], None, lambda *_: None, lake)


def proposed(one: Living) -> str:
    """Those days proposed by a person; the proposal's id."""
    return one.pulse.usual.propose(BEGIN, BEGIN + DAYS, "ada", "spring").id
