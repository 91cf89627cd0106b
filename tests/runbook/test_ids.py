"""The request's id under a name of its own: taken where name and values agree, and said why."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fireline.cli import sample as sampling
from fireline.cli.sample import read_sample
from fireline.runbook.draft import draft
from fireline.runbook.infer import infer_columns

ROWS = 600
SINCE = datetime(2026, 3, 2, tzinfo=UTC)
UNTIL = SINCE + timedelta(days=30)


def log(**more: object) -> pa.Table:
    times = [SINCE + timedelta(minutes=7 * i) for i in range(ROWS)]
    return pa.table({"ts": times, "width": np.random.default_rng(3).normal(size=ROWS), **more})


def shuffled() -> list[int]:
    return [int(n) for n in np.random.default_rng(5).permutation(10 * ROWS)[:ROWS]]


@pytest.mark.parametrize(
    ("name", "values", "why"),
    [
        ("booking_no", shuffled(), "its name is that of a booking's id"),
        ("Belegnummer", shuffled(), None),
        ("beleg_nummer", shuffled(), "its name is that of a beleg's id"),
        ("ref", [f"A-{i + 10_000}" for i in range(ROWS)], "its numbers count up with time"),
        ("row.ref", [7 * i for i in range(ROWS)], "its name is that of a row's id"),
        ("lookup_uuid", [str(uuid.UUID(int=n)) for n in shuffled()], "random and long"),
        ("lookup_id", shuffled(), None),
        ("customer_no", shuffled(), None),
        ("customer_id", list(range(ROWS)), None),
        ("device_uuid", [str(uuid.UUID(int=n)) for n in shuffled()], None),
        ("end_user_id", [f"u{i}" for i in range(ROWS)], None),
        ("order_customer_id", shuffled(), None),
    ],
)
def test_a_name_that_speaks_of_a_request_or_values_that_are_made_for_each(name, values, why):
    columns, notes = infer_columns(log(**{name: values}))
    if why is None:
        assert columns.request_id is None
    else:
        assert columns.request_id == name
        assert why in notes[name]
        assert f"every value differs among {ROWS} rows" in notes[name]


def test_what_seems_an_id_is_said_with_how_to_name_it():
    _, notes = infer_columns(log(customer_no=shuffled()))
    assert "an id, but of a customer, who may come again" in notes["customer_no"]
    assert "--column request_id=customer_no" in notes["customer_no"]


def test_two_that_fit_are_none():
    columns, _ = infer_columns(log(booking_no=shuffled(), payment_no=shuffled()))
    assert columns.request_id is None


def test_an_id_that_is_unique_only_in_a_thinned_sample_is_none(tmp_path: Path, monkeypatch):
    """Every order asks twice: every other row has the same id, and a sample of them has each once."""
    monkeypatch.setattr(sampling, "ROWS", 1000)
    place = tmp_path / "events.parquet"
    times = [SINCE + timedelta(minutes=i) for i in range(8000)]
    ids = [f"o{i // 2}" for i in range(8000)]
    once = [f"p{i}" for i in range(8000)]
    width = np.random.default_rng(1).normal(size=8000)
    pq.write_table(pa.table({"ts": times, "width": width, "order_no": ids}), place)
    sample = read_sample([place], [], UNTIL)
    assert len(set(sample.events.column("order_no").to_pylist())) == len(sample.events) == 1000
    told = draft(sample.events, "s", UNTIL, consecutive=sample.consecutive, time="ts")
    assert told.runbook.columns.request_id is None
    assert "come again in consecutive rows" in told.text
    pq.write_table(pa.table({"ts": times, "width": width, "order_no": once}), place)
    sample = read_sample([place], [], UNTIL)
    told = draft(sample.events, "s", UNTIL, consecutive=sample.consecutive, time="ts")
    assert told.runbook.columns.request_id == "order_no"
    assert (
        "every value differs among 1,000 rows, 1,000 consecutive ones too; a copy is told by it" in told.text
    )
