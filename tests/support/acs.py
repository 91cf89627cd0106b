"""Census rows with a model's predictions that hardly drift at all: a true null, which no alarm may ring on.

American Community Survey (Massachusetts, 2015-2018), who is employed, with predictions, as packed in
NannyML's wheel. The wheel is fetched and read, never installed. Its rows have no time but a year, and
households stand together, so the rows are shuffled and given invented times, Poisson with a daily rhythm:
nothing in the order means anything.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

WHEEL = "nannyml==0.13.1"
FOLDER = "nannyml/datasets/data"
NUMERIC = ("AGEP",)
CATEGORICAL = (
    "SCHL",
    "MAR",
    "RELP",
    "DIS",
    "ESP",
    "CIT",
    "MIG",
    "MIL",
    "ANC",
    "NATIVITY",
    "DEAR",
    "DEYE",
    "DREM",
    "SEX",
    "RAC1P",
)
DAY = 86_400_000_000


class Log(NamedTuple):
    """Paths of the event log and of the label log, and when the events begin."""

    events: Path
    labels: Path
    since: datetime


def event_log(folder: Path, *, days: int = 56, rows: int | None = None, seed: int = 0) -> Log:
    """Write the log into ``folder``; skips the test that asks for it when the wheel cannot be had."""
    table = _read(_wheel())
    rng = np.random.default_rng(seed)
    order = rng.permutation(table.num_rows)[: rows or table.num_rows]
    table = table.take(pa.array(order))
    since = datetime(2024, 1, 8, tzinfo=UTC)
    at = _times(rng, table.num_rows, days) + np.int64(since.timestamp()) * 1_000_000
    ids = pa.array([f"acs-{number}" for number in table["id"].to_pylist()])
    known = at + rng.integers(3_600, 12 * 3_600, table.num_rows) * 1_000_000
    events = {
        "time": _stamps(at),
        "request_id": ids,
        "version": pa.array(["1"] * table.num_rows),
        **{name: table[name] for name in NUMERIC + CATEGORICAL},
        "score": table["predicted_probability"],
        "prediction": table["prediction"],
    }
    labels = pa.table({"request_id": ids, "label": table["employed"], "label_time": _stamps(known)})
    folder.mkdir(parents=True, exist_ok=True)
    found = Log(folder / "events.parquet", folder / "labels.parquet", since)
    pq.write_table(pa.table(events), found.events)
    pq.write_table(labels.sort_by("label_time"), found.labels)
    return found


def _times(rng: np.random.Generator, n: int, days: int) -> np.ndarray:
    """``n`` sorted microseconds within ``days``, twice as busy at noon as at midnight."""
    drawn = rng.uniform(0, days, 3 * n)
    kept = drawn[rng.uniform(0, 1.34, 3 * n) < 1 - np.cos(2 * np.pi * drawn) / 3][:n]
    assert len(kept) == n
    return np.sort((kept * DAY).astype(np.int64))


def _stamps(at: np.ndarray) -> pa.Array:
    return pa.array(at, pa.int64()).cast(pa.timestamp("us", tz="UTC"))


def _wheel() -> Path:
    cache = Path(os.environ.get("FIRELINE_TEST_CACHE", Path.home() / ".cache" / "fireline-tests"))
    cache.mkdir(parents=True, exist_ok=True)
    if not list(cache.glob("nannyml-*.whl")) and (reason := _fetched(cache)):
        pytest.skip(f"the census rows could not be fetched ({WHEEL}): {reason}")
    return sorted(cache.glob("nannyml-*.whl"))[0]


def _fetched(cache: Path) -> str:
    """Fetch the wheel into ``cache``, whole or not at all: another process of the suite may do the same or be
    reading already. Why it could not be, or nothing."""
    with tempfile.TemporaryDirectory(dir=cache) as own:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", own, WHEEL]
        try:
            tried = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        except (OSError, subprocess.TimeoutExpired) as failed:
            return str(failed)
        found = list(Path(own).glob("nannyml-*.whl"))
        for wheel in found:
            wheel.replace(cache / wheel.name)
    return "" if found else (tried.stderr.strip().splitlines()[-1:] or ["pip gave no reason"])[0]


def _read(wheel: Path) -> pa.Table:
    with zipfile.ZipFile(wheel) as packed:

        def part(name: str) -> pa.Table:
            return pq.read_table(io.BytesIO(packed.read(f"{FOLDER}/employment_MA_{name}.pq")))

        later = part("analysis").join(part("analysis_target"), keys="id")
        first = part("reference")
        plain = pa.schema(
            [
                (name, pa.string() if pa.types.is_dictionary(kind) else kind)
                for name, kind in zip(first.schema.names, first.schema.types, strict=True)
            ]
        )
        both = [first.cast(plain), later.select(first.schema.names).cast(plain)]
    return pa.concat_tables(both).sort_by("id")
