"""Writing a played world to files, as a service's log would lie there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from fireline.drill.recording import Log, generate
from fireline.drill.world import World

Format = Literal["parquet", "csv", "jsonl"]


def write(world: World | Log, folder: str | Path, format: Format = "parquet") -> Log:
    """Write ``events.*``, ``labels.*`` (unless in the rows), ``changes.jsonl`` and ``truth.json`` into
    ``folder``; ``signals.jsonl`` and ``jobs.jsonl`` where the world has any.

    A world is generated first. The folder is made where there is none. Returns the log.
    """
    log = generate(world) if isinstance(world, World) else world
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    _table(log.events, target / f"events.{format}", format)
    if not log.world.labels_in_row:
        _table(log.labels, target / f"labels.{format}", format)
    _lines(log.changes, target / "changes.jsonl")
    if log.world.signals:
        _lines(log.signals, target / "signals.jsonl")
    if log.world.jobs:
        _lines(log.jobs, target / "jobs.jsonl")
    (target / "truth.json").write_text(json.dumps(log.truth, indent=2) + "\n")
    return log


def _lines(rows: list[dict[str, Any]], path: Path) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def _table(table: pa.Table, path: Path, format: Format) -> None:
    if format == "parquet":
        pyarrow.parquet.write_table(table, path, row_group_size=100_000)
    elif format == "csv":
        pyarrow.csv.write_csv(_flat(table), path)
    else:
        with path.open("w") as lines:
            for batch in table.to_batches(max_chunksize=20_000):
                for row in batch.to_pylist():
                    lines.write(json.dumps(row, default=lambda at: at.isoformat()) + "\n")


def _flat(table: pa.Table) -> pa.Table:
    """The table with vectors as JSON text: CSV has no lists."""
    for place, field in enumerate(table.schema):
        if pa.types.is_fixed_size_list(field.type):
            text = [json.dumps([round(float(x), 6) for x in row]) for row in table.column(place).to_pylist()]
            table = table.set_column(place, field.name, pa.array(text))
    return table
