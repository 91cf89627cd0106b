"""What counting costs: the tally of a log beside a full scan of the same Parquet columns, in alternated runs.

    python -m bench tally [--rows 1000000] [--rounds 5] [--layouts] [--peers none] [--venvs out/venvs]

The log is 28 days of one service: 20 features (16 numeric, 4 categorical), a score, latency, errors, 5
segment columns and 2 versions; the tally counts all of it in every scope, in the layouts that every service
has and in the further ones (`telemetry/counters`) that its columns allow. The scan reads the same columns and
sums each of them (the lengths of words). Runs alternate, so that a busy machine slows both; the ratio is that
of the medians.

Then the job that drift tools do, PSI of 20 features against a frozen reference, beside Evidently and whylogs,
each in a virtual environment of its own (made under --venvs the first time); and ten times the rows in the
memory of one.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from bench import _psi
from fireline.runbook.schema import Runbook
from fireline.telemetry.columns import Words
from fireline.telemetry.counters import Rows, declared
from fireline.telemetry.layout import declare
from fireline.telemetry.tally import outcome, tally, tally_quality
from fireline.terms.plan import Plan

START = 1_709_510_400
DAYS = 28
REFERENCE = 100_000
PIECE = 1 << 17  # rows a piece, as the Parquet source reads them
SEGMENTS = {"country": 20, "device": 3, "carrier": 12, "plan": 4, "channel": 6}
WORDS = {"browser": 15, "city": 400}


def runbook() -> Runbook:
    """A runbook for the bench's log."""
    numeric = {f"x{i}": "numeric" for i in range(16)}
    words = dict.fromkeys(("device", "carrier", "browser", "city"), "categorical")
    return Runbook.model_validate(
        {
            "service": "bench",
            "task": "binary",
            "ownership": {"team": "bench"},
            "columns": {
                "time": "time",
                "version": "version",
                "score": "score",
                "label": "label",
                "latency_ms": "latency_ms",
                "segments": list(SEGMENTS),
                "features": numeric | words,
                "flags": ["toxic"],
            },
            "labels": {"age": "0m"},
            "reference": {"since": "2024-03-04T00:00:00Z", "until": "2024-04-01T00:00:00Z"},
        }
    )


def log(rows: int, seed: int = 0) -> pa.Table:
    """A canonical log in order of time."""
    rng = np.random.default_rng(seed)
    found = {
        "time": pa.array(
            np.sort(rng.integers(START, START + DAYS * 86_400, rows)) * 1_000_000,
            pa.timestamp("us", tz="UTC"),
        ),
        "version": words(rng, "v", 2, rows),
        "shadow": pa.array(np.zeros(rows, bool)),
        "score": pa.array(1 / (1 + np.exp(-rng.normal(-1, 1, rows)))),
        "latency_ms": pa.array(np.exp(rng.normal(4, 0.5, rows))),
        "error": pa.array(rng.random(rows) < 0.01),
        "toxic": pa.array(rng.random(rows) < 0.002),
        "label": pa.array((rng.random(rows) < 0.2).astype(np.float64)),
    }
    for name, size in (SEGMENTS | WORDS).items():
        found[name] = words(rng, name, size, rows)
    for i in range(16):
        values = rng.normal(0, 1, rows)
        if i % 4 == 1:
            values = np.where(values > 0, np.exp(values), 0)  # many zeros, a long tail
        if i % 4 == 2:
            values = np.round(values * 3)  # few values
        found[f"x{i}"] = pa.array(values, mask=rng.random(rows) < 0.01)
    return pa.table(found)


def words(rng: np.random.Generator, name: str, size: int, rows: int) -> pa.Array:
    """A column of words, the first ones commonest."""
    share = 1 / np.arange(1, size + 1)
    return pa.array([f"{name}{i}" for i in range(size)]).take(
        pa.array(rng.choice(size, rows, p=share / share.sum()))
    )


def planned(table: pa.Table) -> Plan:
    """The plan of such a log with every layout that its columns allow, as a baseline declares it."""
    book, sample = runbook(), table.slice(0, REFERENCE)
    plan = declare(book, sample)
    label = outcome(plan, sample.column("label"))
    extras = declared(book, plan, Rows(sample, Words(sample), label), ("events", "cohorts"))
    return replace(plan, extras=extras)


def count(plan: Plan, table: pa.Table) -> int:
    """The tally of the whole log, piece by piece; bytes to be stored."""
    size = 0
    for low in range(0, len(table), PIECE):
        piece = table.slice(low, PIECE)
        rows = tally(plan, piece) + tally_quality(plan, piece, outcome(plan, piece.column("label")))
        size += sum(len(row.body) for row in rows)
    return size


def scan_arrow(path: Path) -> float:
    """Every column read and summed by pyarrow."""
    table, total = pq.read_table(path), 0.0
    for column in table.columns:
        if pa.types.is_string(column.type):
            column = pc.binary_length(column)
        elif pa.types.is_timestamp(column.type):
            column = column.cast(pa.int64())
        total += float(pc.sum(column).as_py() or 0)
    return total


def scan_duckdb(path: Path, table: pa.Table) -> tuple[object, ...]:
    """Every column read and summed by DuckDB."""
    sums = []
    for field in table.schema:
        as_number = {pa.string(): "strlen({})", pa.bool_(): "{}::int"}.get(field.type, "{}")
        if pa.types.is_timestamp(field.type):
            as_number = "epoch_us({})"
        sums.append(f"sum({as_number.format(field.name)})")
    with duckdb.connect() as con:
        con.execute(f"set threads = {pa.cpu_count()}")
        return con.execute(f"select {', '.join(sums)} from '{path}'").fetchone() or ()


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds on the clock, and seconds of processor."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def main() -> None:
    """Runs everything in turn and prints medians side by side."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peers", choices=("all", "none"), default="all")
    parser.add_argument("--layouts", action="store_true", help="each further layout by itself, too")
    parser.add_argument("--venvs", type=Path, default=Path("out/venvs"))
    asked = parser.parse_args()
    whole(asked)
    if asked.peers == "all":
        for segmented in (False, True):
            with tempfile.TemporaryDirectory() as folder:
                found = _psi.compare(Path(folder), asked.venvs.absolute(), asked.rows, 3, segmented)
            _psi.show(found, segmented)


def whole(asked: argparse.Namespace) -> None:
    """The whole tally beside a scan, and in ten times the rows."""
    table = log(asked.rows)
    plan = planned(table)
    plain = replace(plan, extras=())
    scopes = 1 + len(plan.versions) + sum(len(values) for values in plan.segments.values())
    cells = sum(layout.width for layout in plan.layouts)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.parquet"
        pq.write_table(table, path)
        works: dict[str, Callable[[], object]] = {
            "tally, in memory": lambda: count(plan, table),
            "main layouts alone": lambda: count(plain, table),
            "scan, pyarrow": lambda: scan_arrow(path),
            "scan, duckdb": lambda: scan_duckdb(path, table),
            "read, then tally": lambda: count(plan, pq.read_table(path)),
        }
        for layout in plan.extras if asked.layouts else ():
            only = replace(plan, extras=(layout,))
            works[f"main and {layout.name}"] = partial(count, only, table)
        runs: dict[str, list[tuple[float, float]]] = {name: [] for name in works}
        for _ in range(asked.rounds):
            for name, work in works.items():
                runs[name].append(timed(work))
        print(
            f"{asked.rows:,} rows, {table.num_columns} columns, {scopes} scopes, {cells:,} cells a scope "
            f"and tick, "
            f"{count(plan, table) / 1e6:.1f} MB of counts, {path.stat().st_size / 1e6:.0f} MB of Parquet"
        )
        streamed = {times: streaming(path, times) for times in (1, 10)}
    median = {
        name: [statistics.median(part) for part in zip(*found, strict=True)] for name, found in runs.items()
    }
    print(
        f"{'':20}{'wall s':>9}{'cpu s':>9}{'x pyarrow':>11}{'x duckdb':>11}   (ratios of wall; in brackets "
        f"of cpu)"
    )
    for name, (wall, cpu) in median.items():
        ratios = [
            f"{wall / median[scan][0]:.1f} ({cpu / median[scan][1]:.1f})"
            for scan in ("scan, pyarrow", "scan, duckdb")
        ]
        print(f"{name:20}{wall:9.3f}{cpu:9.3f}{ratios[0]:>15}{ratios[1]:>15}")
    _psi.bar(
        "the whole tally within 10 x of DuckDB's scan (cpu)",
        median["tally, in memory"][1] / median["scan, duckdb"][1], at_most=10,
    )  # fmt: skip
    for rows, peak in streamed.values():
        print(f"streamed: {rows:,} rows, peak {peak} MB")
    _psi.bar("ten times the rows in at most 1.2 x the memory", streamed[10][1] / streamed[1][1], at_most=1.2)


def streaming(path: Path, times: int) -> tuple[int, int]:
    """Rows counted and peak megabytes of a process that reads ``path`` again and again."""
    command = ["nice", sys.executable, "-m", "bench._stream", str(path), str(times)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return int(said[0]), int(said[1])


if __name__ == "__main__":
    main()
