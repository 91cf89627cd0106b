"""`fireline collect`: a service without a log collects one, and a runbook is drafted from it."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from fireline.clock import ManualClock, SystemClock, iso
from fireline.errors import InputError
from fireline.guard import Guard
from fireline.live import collecting
from fireline.live.checkup import Checkup
from fireline.live.collecting import Collection
from fireline.live.door import ARROW
from fireline.live.keys import switch_key
from fireline.live.verdicts import verdicts
from fireline.runbook.load import load
from fireline.store import Store
from fireline.store.people import People
from fireline.web.auth import Access
from fireline.web.auth import tokens as token_making
from fireline.web.collector import create_collector
from tests.connect.conftest import lines, listening, typed

NOW = datetime(2026, 3, 18, 6, tzinfo=UTC)
LINES = "application/x-ndjson"


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path / "collected" / "pricing"


def collection(folder: Path) -> Collection:
    return Collection(folder, ManualClock(NOW))


def test_what_came_lies_in_a_file_a_day_and_the_same_batch_once(folder):
    one = collection(folder)
    body = lines([{"time": iso(NOW), "score": 0.5}, {"time": iso(NOW), "score": 0.6}])
    assert one.take("events", body, LINES, "k1").as_json()["taken"] == 2
    assert one.take("events", body, LINES, "k1").as_json()["duplicate_batch"]
    assert collection(folder).take("events", body, LINES, "k1").known  # also after a restart
    assert (folder / "events-2026-03-18.jsonl").read_bytes() == body


def test_what_a_crash_left_behind_unacknowledged_is_cut_off_and_may_come_again(folder):
    one = collection(folder)
    body = lines([{"time": iso(NOW), "n": i} for i in range(3)])
    one.take("events", body, LINES, "k1")
    with (folder / "events-2026-03-18.jsonl").open("ab") as stream:
        stream.write(body[:20])  # killed while writing
    with (folder / "taken.log").open("ab") as stream:
        stream.write(b'{"key": "k2", "fi')
    again = collection(folder)
    assert again.take("events", body, LINES, "k2").events == 3
    assert (folder / "events-2026-03-18.jsonl").read_bytes() == body + body
    assert collection(folder).rows == {"events": 6, "labels": 0}


def test_the_log_of_what_was_taken_stays_short_and_forgets_nothing_that_matters(folder, monkeypatch):
    monkeypatch.setattr(collecting, "MOST_LINES", 40)
    monkeypatch.setattr(collecting, "KEYS", 10)
    one, body = collection(folder), lines([{"time": iso(NOW)}])
    for i in range(100):
        one.take("events" if i % 3 else "labels", body, LINES, f"k{i}")
    assert len((folder / "taken.log").read_bytes().splitlines()) <= 41
    again = collection(folder)
    assert again.rows == one.rows == {"events": 66, "labels": 34}
    assert [again.take("events", body, LINES, f"k{i}").known for i in (99, 91)] == [True, True]
    assert (folder / "events-2026-03-18.jsonl").read_bytes() == body * 66
    again.take("events", body, LINES, "new")
    assert collection(folder).rows["events"] == 67


def test_arrow_and_what_is_no_json(folder):
    one = collection(folder)
    table = pa.table({"time": pa.array([NOW], pa.timestamp("us", "UTC")), "x": [1.5], "none": pa.nulls(1)})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    assert one.take("events", bytes(sink.getvalue()), ARROW).events == 1
    kept = json.loads((folder / "events-2026-03-18.jsonl").read_text())
    assert kept == {"time": "2026-03-18T06:00:00+00:00", "x": 1.5}
    answer = one.take("labels", b'{"request_id": "a", "label": 1}\nnope\n[1]\n', LINES)
    assert (answer.labels, answer.bad, [bad.row for bad in answer.quarantined]) == (1, 2, [2, 3])
    with pytest.raises(InputError):
        one.take("events", b"", LINES)


def test_from_nothing_to_a_runbook(tmp_path, folder, monkeypatch):
    """A guard delivers to a collector with the token it keeps, and `init` drafts from what was collected."""
    clock = ManualClock(NOW)
    one = Collection(folder, clock)
    with Store.open(tmp_path / "fireline.sqlite") as store:
        made, token = token_making.make("g", "guard", "pricing", SystemClock().now())
        People(store).add_token(made)
        with listening(create_collector(store, {"pricing": one}, Access())) as url:
            with pytest.raises(urllib.error.HTTPError):
                urllib.request.urlopen(f"{url}/v1/services/pricing/arrivals")
            guard = Guard("pricing", url=url, token=token, switch_key=switch_key(store, "pricing"),
                          describe=lambda answer: {"score": answer}, clock=clock, state=tmp_path / "g",
                          exercise=0.0, outbox={"bound": 100_000})  # fmt: skip
            price = guard.watch(version="A")(lambda km: 1 / (1 + np.exp(-km)))
            rng = np.random.default_rng(3)
            for i in range(4000):
                clock.advance(timedelta(minutes=5))
                km = float(rng.normal())
                price(km, key=f"r{i}", segments={"country": "nl" if i % 3 else "de"}, features={"km": km})
                guard.label(f"r{i}", int(rng.random() < 0.4))
            assert guard.flush(120.0)
            found = list(Checkup(url, "pricing", token, switch_key(store, "pricing")).run())
            assert "problem" not in {v.outcome for v in found}, found
            told = Checkup(url, "pricing", token)
            assert [v.check for v in told.run()][-1] == "switch key"
            (seen,) = verdicts(told.told or {}, guarded=True)
            assert "4,000 events and 4,000 labels" in seen.says
            guard.close()
    monkeypatch.chdir(tmp_path)
    until = (NOW + timedelta(days=13)).date().isoformat()
    assert typed("init", str(folder), "--service", "pricing", "--until", until, "-q") == 0
    drafted = load(tmp_path / "runbook.yaml")
    columns = drafted.columns
    assert (columns.time, columns.request_id, columns.version, columns.score) == (
        "time", "request_id", "version", "score",
    )  # fmt: skip
    assert columns.features["km"] == "numeric"
    assert columns.segments == ("country",)
    assert (columns.label, columns.rung, columns.shadow) == ("label", "rung", "shadow")
    assert columns.switch == "switch"  # no guard obeyed one yet; the first that does must be seen


def test_a_file_that_somebody_put_there_stays_as_it_is_and_a_full_disk_leaves_no_half_line(
    folder, monkeypatch
):
    one = collection(folder)
    (folder / "events-2026-03-01.jsonl").write_bytes(b'{"time": "2026-03-01"}\n')
    body = lines([{"time": iso(NOW)}])
    one.take("events", body, LINES, "k1")
    with (folder / "taken.log").open("ab") as stream:
        stream.write(b'{"key": "half')  # the disk was full in the middle of a line; then there was room
    one.take("events", body, LINES, "k2")
    again = collection(folder)
    assert again.take("events", body, LINES, "k2").known
    assert (folder / "events-2026-03-01.jsonl").read_bytes() == b'{"time": "2026-03-01"}\n'
    assert (folder / "events-2026-03-18.jsonl").read_bytes() == body * 2
