"""Tidying up changes how much lies around, and nothing that is read."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fireline.clock import from_micros, micros
from fireline.live.adding import added
from fireline.live.tidying import STAY, Tidying
from fireline.recording import Archive
from fireline.runbook.schema import Columns, Reference, Runbook
from fireline.store import LakeFile, Store
from fireline.telemetry.lake import Lake
from fireline.telemetry.packing import pack, unpack
from fireline.terms.counts import CountsRow
from tests.support.incidents import T0

HOUR = timedelta(hours=1)
row_of = st.builds(
    lambda layout, scope, late, first, values: CountsRow(
        layout, 60, scope, first, len(values), late, pack(np.array(values, np.int64).reshape(len(values), 2))
    ),
    st.sampled_from(["a", "b"]),
    st.sampled_from(["service", "version=A"]),
    st.booleans(),
    st.integers(0, 400),
    st.lists(st.tuples(st.integers(0, 300), st.integers(-5, 70_000)), min_size=1, max_size=4),
)


def cells(rows: list[CountsRow]) -> dict[tuple[object, ...], int]:
    found: dict[tuple[object, ...], int] = {}
    for row in rows:
        for tick, values in enumerate(unpack(row.body, row.ticks)):
            for column, value in enumerate(values.tolist()):
                key = (row.layout, row.grain, row.scope, row.late, row.first_tick + tick, column)
                found[key] = found.get(key, 0) + value
    return {key: value for key, value in found.items() if value}


@given(st.lists(row_of, max_size=12))
def test_rows_added_up_say_the_same(rows: list[CountsRow]) -> None:
    few = list(added(rows))
    assert cells(few) == cells(rows)
    assert len(few) <= len(rows)


def test_rows_far_apart_are_not_stretched_over_the_gap() -> None:
    one = pack(np.ones((1, 2), np.int64))
    rows = [CountsRow("a", 60, "service", tick, 1, True, one) for tick in (0, 1, 1_000_000)]
    assert sorted((row.first_tick, row.ticks) for row in added(rows)) == [(0, 2), (1_000_000, 1)]


@pytest.fixture
def runbook() -> Runbook:
    return Runbook(
        service="pricing",
        columns=Columns(time="time"),
        reference=Reference(since=T0 - 28 * 24 * HOUR, until=T0),
    )


def test_many_files_become_one_and_the_rest_is_as_it_was(tmp_path: Path, runbook: Runbook) -> None:
    with Store.open(":memory:") as store:
        lake = Lake(tmp_path)
        for minute in range(90):
            at = T0 + timedelta(minutes=minute)
            table = pa.table({"time": pa.array([at], pa.timestamp("us", "UTC")), "n": [minute]})
            name = f"live-x-{minute:04d}"
            file = LakeFile("events", lake.write(name, "events", table), 1, micros(at), micros(at), "pricing")
            counts = [
                CountsRow(
                    "a", 60, "service", micros(at) // 60_000_000, 1, False, pack(np.ones((1, 1), np.int64))
                )
            ]
            with store.begin() as tx:
                tx.commit_batch(name, at=at, service="pricing", lake_file=file, counts=counts)
        archive, tidying = Archive(store, lake, "pricing"), Tidying(store, lake, runbook)
        end = T0 + 2 * HOUR
        before = archive.events(T0, end)
        rows = store.counts(60, 0, 1 << 40, layout="a", service="pricing")
        now = T0 + timedelta(minutes=95)
        assert tidying.tidy(now) == 1, "the hour that is not over is left alone"
        assert archive.events(T0, end).equals(before)
        after = store.counts(60, 0, 1 << 40, layout="a", service="pricing")
        assert cells(after) == cells(rows)
        assert len(after) < len(rows) / 2
        assert len(store.lake_files("events", 0, 1 << 62, "pricing")) == 90 - 60 + 1
        assert tidying.tidy(now) == 0
        tidying.tidy(now + STAY)
        assert len(list((tmp_path / "events").glob("*.parquet"))) == 31, (
            "what nobody lists is removed in the end"
        )
        assert archive.events(T0, end).equals(before)
        tidying.tidy(from_micros(micros(T0) + 3 * 3_600_000_000))
        assert archive.events(T0, end).equals(before)
