"""A log that says when each row arrived is replayed as a server would have met it."""

import json
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from fireline.ingest import open_log
from fireline.runbook.infer import infer_columns
from fireline.runbook.schema import Columns

START = datetime(2026, 3, 1, tzinfo=UTC)
COLUMNS = Columns(time="ts", arrived="ingested_at", request_id="id")


def iso(at):
    return at.isoformat().replace("+00:00", "Z")


def rows(n=300, lag=lambda i: timedelta(seconds=2)):
    """One request a minute; ``lag`` from each to its arrival, None where the log does not say."""
    found = []
    for i in range(n):
        at, waited = START + timedelta(minutes=i), lag(i)
        found.append({"ts": iso(at), "id": f"r{i}", "ingested_at": waited and iso(at + waited)})
    return found


def opened(tmp_path, found, columns=COLUMNS):
    path = tmp_path / "events.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in found))
    return open_log([path], columns)


def stalled(i):
    """The stream stands still from minute 100 to 200: three rows of four wait for its end."""
    return timedelta(minutes=200 - i) if 100 <= i < 200 and i % 4 else timedelta(seconds=2)


def test_rows_of_a_stalled_stream_are_late_whatever_order_the_file_has(tmp_path):
    found = rows(lag=stalled)
    for order in (found, sorted(found, key=lambda row: row["ingested_at"]), found[::-1]):
        log = opened(tmp_path, order)
        late = {row["request_id"] for row in log.events().to_pylist() if row["late"]}
        assert late == {f"r{i}" for i in range(100, 195) if i % 4}
        assert log.rows == 300
        assert not any("sorted" in note for note in log.notes)


def test_what_usually_arrives_late_is_said_with_what_to_do(tmp_path):
    log = opened(tmp_path, rows(lag=lambda i: timedelta(minutes=30)))
    assert any("allowed_lateness" in note for note in log.notes)
    assert not any("allowed_lateness" in note for note in opened(tmp_path, rows()).notes)


def test_a_row_that_arrived_before_it_happened_has_a_clock_that_is_ahead(tmp_path):
    log = opened(tmp_path, rows(lag=lambda i: timedelta(hours=-3 if i == 50 else 0, seconds=1)))
    assert log.rows == 299
    assert [item.kind for item in log.quarantine.items] == ["clock_ahead"]


def test_rows_that_do_not_say_came_at_once_and_a_log_that_never_says_goes_by_its_order(tmp_path):
    log = opened(tmp_path, rows(lag=lambda i: None if i == 7 else timedelta(seconds=2)))
    assert not any(row["late"] for row in log.events().to_pylist())
    plain = [{k: v for k, v in row.items() if k != "ingested_at"} for row in rows()]
    assert opened(tmp_path, plain).rows == 300


@pytest.mark.parametrize(
    ("lag", "mapped"),
    [(timedelta(seconds=3), True), (timedelta(hours=5), False), (timedelta(hours=-1), False)],
)
def test_a_draft_maps_arrivals_that_a_server_would_have_waited_for(lag, mapped):
    table = pa.Table.from_pylist(rows(lag=lambda i: lag))
    columns, notes = infer_columns(table)
    assert (columns.arrived == "ingested_at") is mapped
    assert mapped or "arrived" in notes["ingested_at"]
