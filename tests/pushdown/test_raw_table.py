"""A service's own table, its columns raw: an engine counts what intake makes of the same log."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from fireline.clock import from_micros
from fireline.ingest import log_of
from fireline.reference import learn_window
from fireline.telemetry.pushdown.counting import Asked
from fireline.telemetry.pushdown.stored import counts_rows
from fireline.telemetry.tally import tally
from tests.pushdown.places import cells, differences
from tests.support import logs

COLUMNS = {
    "time": "at", "request_id": "id", "version": "version", "latency_ms": "took", "latency_unit": "s",
    "features": {"x": "numeric"}, "feature_times": {"x": "x_at"}, "texts": ["prompt"],
    "answers": [], "groups": [], "source": "source",
}  # fmt: skip
FIRST = logs.START * 1_000_000
UNSQL = ("feature:prompt.words", "feature:prompt.language", "buckets")


def table(n: int = 2500) -> pa.Table:
    rng = np.random.default_rng(9)
    at = np.sort(rng.integers(0, 3 * 86_400, n)) * 1_000_000 + FIRST
    texts = ["How do I get home?", "Wie komme ich heim?", "駅はどこですか", "naïve café 🤦🏼‍♂️", "", "a" * 300]
    return pa.table({
        "at": pa.array(at, pa.timestamp("us", "UTC")),
        "id": [f"r{i}" for i in range(n)],
        "version": pa.array(rng.choice(["A", "B"], n)),
        "took": pa.array(rng.exponential(0.2, n), mask=rng.random(n) < 0.05),
        "x": pa.array(rng.normal(0, 1, n), mask=rng.random(n) < 0.05),
        "x_at": pa.array(at - rng.integers(0, 10**8, n), pa.timestamp("us", "UTC"), mask=rng.random(n) < 0.1),
        "prompt": pa.array(rng.choice(texts, n), mask=rng.random(n) < 0.05),
        "source": pa.array(rng.choice(["s1", "s2"], n)),
    })  # fmt: skip


def test_an_engine_counts_what_intake_makes_of_raw_columns(sql, tmp_path: Path):
    path = tmp_path / "events.parquet"
    pq.write_table(table(), path)
    book = logs.runbook(
        "unknown",
        columns=COLUMNS,
        labels=None,
        reference={"since": from_micros(FIRST), "until": from_micros(FIRST + 3 * 86_400 * 1_000_000)},
    )
    events = log_of(book, [path]).events(book.reference.since, book.reference.until)
    plan = learn_window(book, events, pa.table({})).plan
    found = dict(Asked(book, plan, sql, str(path)).counted())
    one = cells(plan, [row for counts in found.values() for row in counts_rows(plan, counts)])
    identities = {plan.layout(name).identity for name in found}
    expected = cells(plan, [row for row in tally(plan, events) if row.layout in identities])
    kept = {key: n for key, n in expected.items() if not _unmade(key)}
    assert differences(one, type(one)(kept)) == []
    assert {"rates", "shapes", "delays", "ages", "sources", "values"} <= set(found)
    names = {key[3] for key in one}
    assert "feature:prompt.length" in names
    assert not names & set(UNSQL), "what SQL does not make is not counted as missing either"
    assert not [key for key in one if key[4].startswith(("null:prompt.words", "null:prompt.language"))]


def _unmade(key: tuple) -> bool:
    series, cell = key[3], key[4]
    told = ("same", "null:prompt.words", "out:prompt.words", "null:prompt.language", "unseen:prompt.language")
    return series in UNSQL or cell.startswith(told)
