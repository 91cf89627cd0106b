"""What the contract of an engine needs: events where it can read them, and its counts beside numpy's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from fireline.telemetry.packing import unpack
from fireline.telemetry.pushdown.canonical import of_batch
from fireline.telemetry.pushdown.dialects import Dialect, dialects
from fireline.telemetry.pushdown.further import further
from fireline.telemetry.pushdown.statement import statements, together
from fireline.telemetry.pushdown.stored import counts_rows, counts_table
from fireline.terms.counts import CountsRow
from fireline.terms.plan import Plan


@cache
def why_not(name: str) -> str:
    """Why an engine cannot run here; empty when it can."""
    try:
        found = dialects()[name].run("SELECT 1 AS one")
    except Exception as error:  # noqa: BLE001  whatever keeps an engine from running is the reason to skip
        return str(error)
    return "" if found.to_pylist() == [{"one": 1}] else f"{name} answered {found.to_pylist()}"


def cells(plan: Plan, rows: list[CountsRow]) -> Counter:
    """(late, scope, grain, series, cell, tick) -> count of stored rows, without zeros."""
    layouts = {layout.identity: layout for layout in plan.layouts}
    found: Counter = Counter()
    for row in rows:
        names = [(s.name, c) for s in layouts[row.layout].series for c in s.cells]
        counts = unpack(row.body, row.ticks)
        for tick, cell in zip(*np.nonzero(counts), strict=True):
            key = (row.late, row.scope, row.grain, *names[cell], row.first_tick + int(tick))
            found[key] += int(counts[tick, cell])
    return Counter({key: count for key, count in found.items() if count})


def counted(
    plan: Plan, sql: Dialect, batch: pa.Table, folder: Path, only: Collection[str] | None = None
) -> Counter:
    """What ``sql`` counts of canonical rows that lie in a file, of all layouts or ``only`` some."""
    path = folder / "batch.parquet"
    pq.write_table(batch, path)
    rows = of_batch(sql, sql.file(path), {f.name: f.type for f in batch.schema}, plan)
    asked = [said for name, said in statements(plan, sql, rows).items() if only is None or name in only]
    made = sql.run(together(asked))
    return cells(plan, counts_rows(plan, counts_table(made))) if len(made) else Counter()


def left_out(plan: Plan) -> set[tuple[str, str]]:
    """(series, cell) of layouts that SQL counts but for these."""
    return {
        (series.name, cell)
        for layout in plan.extras if layout.name in further()
        for series in layout.series for cell in series.cells
        if any(series.name == w or cell.startswith(w) for w in further()[layout.name].without)
    }  # fmt: skip


def without(found: Counter, cells: Collection[tuple[str, str]]) -> Counter:
    """``found`` but for ``cells``, (series, cell) each."""
    return Counter({key: n for key, n in found.items() if (key[3], key[4]) not in cells})


def differences(one: Counter, other: Counter) -> list[tuple]:
    """Where two countings differ, at most ten places."""
    return [
        (key, one[key], other[key]) for key in sorted(one.keys() | other.keys()) if one[key] != other[key]
    ][:10]
