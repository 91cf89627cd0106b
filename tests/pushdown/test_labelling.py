"""Labels in a table of their own: an engine joins them as Fireline does, int for int."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fireline.clock import from_micros
from fireline.errors import InputError
from fireline.telemetry.labels import join_labels
from fireline.telemetry.pushdown.counting import Asked
from fireline.telemetry.pushdown.dialects import dialects
from fireline.telemetry.pushdown.stored import counts_rows
from fireline.telemetry.tally import outcome, tally_quality
from tests.pushdown.places import cells, differences
from tests.support import logs

AGE = timedelta(hours=2)
PLAN = logs.plan()


def book(label_time: str | None = "label_time"):
    made = logs.runbook(labels={"age": "2h"})
    columns = made.columns.model_copy(update={"label_time": label_time})
    return made.model_copy(update={"columns": columns})


def events(rng: np.random.Generator, n: int = 600) -> pa.Table:
    at = np.sort((logs.START + rng.integers(0, 6 * 3600, n)) * 1_000_000 + rng.integers(0, 1_000_000, n))
    table = logs.log(rng, at)
    versions = pa.array(rng.choice(["A", "B"], n))
    return table.set_column(table.column_names.index("version"), "version", versions)


def labels(rng: np.random.Generator, of: pa.Table, versioned: bool) -> pa.Table:
    """Some requests have none, some several, before, within and after the age; no two at one instant."""
    n = 2 * len(of)
    which = rng.integers(0, len(of), n)
    asked = of.column("time").cast(pa.int64()).to_numpy()[which]
    known = asked + rng.integers(-3_600, 4 * 3_600, n) * 1_000_000 + np.arange(n) % 1_000_000
    found = {
        "request_id": [of.column("request_id")[int(i)].as_py() for i in which],
        "label": pa.array(rng.integers(0, 2, n).astype(float), mask=rng.random(n) < 0.05),
        "label_time": pa.array(known, pa.timestamp("us", "UTC")),
    }
    if versioned:
        found["version"] = pa.array(rng.choice(["A", "B", ""], n), mask=rng.random(n) < 0.2)
    return pa.table(found)


def counted(sql, folder: Path, rows: pa.Table, told: pa.Table, **more: object):
    kept = rows.drop_columns([name for name in ("label", "row", "error") if name in rows.column_names])
    pq.write_table(kept, folder / "events.parquet")
    pq.write_table(told, folder / "labels.parquet")
    asked = Asked(
        book(), PLAN, sql, str(folder / "events.parquet"), labels=str(folder / "labels.parquet"), **more
    )
    found = dict(asked.counted())
    return cells(PLAN, counts_rows(PLAN, found["quality"])), set(found)


@pytest.mark.parametrize("versioned", [False, True])
def test_an_engine_joins_labels_as_fireline_does(sql, tmp_path, versioned):
    rng = np.random.default_rng(3)
    rows = events(rng)
    told = labels(rng, rows, versioned)
    there = told.filter(told.column("label").is_valid())
    joined = join_labels(rows, there, age=AGE)
    truth = outcome(PLAN, joined.column("label"), rows.column("prediction"))
    assert 0.2 < np.isnan(truth).mean() < 0.8
    found, layouts = counted(sql, tmp_path, rows, told)
    assert differences(found, cells(PLAN, tally_quality(PLAN, rows, truth))) == []
    assert "rates" in layouts


def test_with_ripe_only_cohorts_that_came_of_age_are_labelled_and_counted(sql, tmp_path):
    rng = np.random.default_rng(4)
    rows = events(rng)
    told = labels(rng, rows, False)
    there = told.filter(told.column("label").is_valid())
    first, last = ((logs.START // 3600 + hour) * 3_600_000_000 for hour in (1, 4))
    at = rows.column("time").cast(pa.int64()).to_numpy()
    cohort = rows.filter(pa.array((at >= first) & (at < last)))
    truth = outcome(PLAN, join_labels(cohort, there, age=AGE).column("label"), cohort.column("prediction"))
    since, until = from_micros(first) + AGE, from_micros(last) + AGE + timedelta(minutes=7)
    found, _ = counted(sql, tmp_path, rows, told, ripe=True, since=since, until=until)
    assert differences(found, cells(PLAN, tally_quality(PLAN, cohort, truth))) == []


@pytest.mark.parametrize(
    ("lost", "says"),
    [("label", "has no column 'label'"), ("label_time", "label_time"), ("request_id", "request_id")],
)
def test_a_table_that_cannot_be_joined_is_refused_with_its_column(tmp_path, lost, says):
    rng = np.random.default_rng(5)
    rows = events(rng, 50)
    with pytest.raises(InputError, match=says):
        counted(dialects()["duckdb"], tmp_path, rows, labels(rng, rows, False).drop_columns([lost]))


def test_events_that_hold_labels_are_refused(tmp_path):
    rng = np.random.default_rng(5)
    rows = events(rng, 50)
    told = labels(rng, rows, False)
    pq.write_table(rows.append_column("label", pa.array(np.ones(50))), tmp_path / "e.parquet")
    pq.write_table(told, tmp_path / "l.parquet")
    asked = Asked(
        book(), PLAN, dialects()["duckdb"], str(tmp_path / "e.parquet"), labels=str(tmp_path / "l.parquet")
    )
    with pytest.raises(InputError, match="themselves"):
        list(asked.counted())


def test_the_printed_sql_names_both_tables():
    for sql in dialects().values():
        said = Asked(book(), PLAN, sql, "ml.events", labels="ml.labels", ripe=True).written()
        assert said.count(sql.quote("labels")) == 1
        assert "ROW_NUMBER" in said
