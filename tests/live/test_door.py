"""What comes in at the door: good rows on disk when it answers, bad ones with row and reason."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest

from fireline.clock import iso
from fireline.errors import InputError
from fireline.live.door import ARROW, KEPT, MOST_BYTES, SHOWN, Busy, packed, parted, unpacked
from fireline.live.spool import Place, Spool
from tests.support.living import BEGIN, JSONL, Living, lines, rows

Make = Callable[..., Living]
MINUTE = timedelta(minutes=1)
GOOD = rows(BEGIN - 2 * MINUTE, BEGIN)


def arrow(found: list[dict[str, Any]], **more: Any) -> bytes:
    columns = {name: [row.get(name) for row in found] for name in found[0]} | more
    sink = pa.BufferOutputStream()
    table = pa.table(columns)
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def on_disk(one: Living) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Events and labels as another process finds them in the spool."""
    events: list[dict[str, Any]] = []
    labels: list[dict[str, Any]] = []
    for record in Spool(one.door.spool.folder).read(Place()):
        first, second, _ = parted(record.body)
        events += first.to_pylist()
        labels += second.to_pylist()
    return events, labels


@pytest.mark.parametrize(
    ("body", "form", "encoding"),
    [
        (lines(GOOD), JSONL, ""),
        (lines(GOOD), f"{JSONL}; charset=utf-8", "identity"),
        (gzip.compress(lines(GOOD)), JSONL, "gzip"),
        (arrow(GOOD), ARROW, ""),
        (gzip.compress(arrow(GOOD)), ARROW, "gzip"),
    ],
    ids=["json", "charset", "json gzip", "arrow", "arrow gzip"],
)
def test_the_same_rows_are_the_same_however_they_come(
    living: Make, body: bytes, form: str, encoding: str
) -> None:
    one = living()
    answer = one.door.take("events", body, form, "", encoding)
    assert (answer.events, answer.labels, answer.bad) == (8, 0, 0)
    events, _ = on_disk(one)
    assert [(e["request_id"], iso(e["time"]), e["version"], e["x"], e["error"]) for e in events] == [
        (r["request_id"], r["time"], r["version"], r["x"], r["status"] == 500) for r in GOOD
    ]


def test_bad_rows_are_told_and_good_ones_taken(living: Make) -> None:
    one = living()
    odd: list[Any] = [GOOD[0] | {"time": "noon"}, GOOD[1] | {"x": "many"}, GOOD[2], 7]
    answer = one.send([*odd, *GOOD[3:]])
    assert answer.events == 6
    assert [(bad.row, bad.column) for bad in answer.quarantined] == [(4, None), (1, "time"), (2, "x")]
    assert all(bad.reason and bad.todo for bad in answer.quarantined)
    told = answer.as_json()
    assert (told["taken"], told["quarantined_rows"], len(told["quarantined"])) == (6, 3, 3)


def test_of_many_bad_rows_some_are_shown_and_kept_and_all_are_counted(living: Make) -> None:
    one = living()
    answer = one.send([{"time": "noon", "x": i, "pad": "\u20ac" * 3000} for i in range(1000)])
    assert (answer.events, answer.bad, len(answer.quarantined)) == (0, 1000, SHOWN)
    (record,) = Spool(one.door.spool.folder).read(Place())
    assert (len(record.head["bad"]), record.head["bad_rows"]) == (KEPT, 1000)
    assert one.send(GOOD).events == 8
    one.running.beat()
    view = one.running.service("pricing")
    assert (view.events, view.quarantined) == (8, 1000)


def test_a_clock_that_runs_ahead_is_put_aside_and_told(living: Make) -> None:
    one = living()
    skew = one.door.runbook.clock_skew
    near = GOOD[0] | {"time": iso(BEGIN + skew)}
    far = GOOD[1] | {"time": iso(BEGIN + skew + timedelta(seconds=1))}
    answer = one.send([near, far])
    assert answer.events == 1
    (bad,) = answer.quarantined
    assert (bad.kind, bad.row, bad.column) == ("clock_ahead", 2, "time")
    assert "ahead of this server's clock" in bad.reason
    assert "NTP" in bad.todo


def test_a_bomb_is_cut_off_and_cut_gzip_is_refused() -> None:
    with pytest.raises(InputError, match="64 MB"):
        unpacked(gzip.compress(b"\0" * (MOST_BYTES + 1)), "gzip")
    assert len(unpacked(gzip.compress(b"\0" * MOST_BYTES), "gzip")) == MOST_BYTES
    whole = gzip.compress(lines(GOOD))
    for body in (whole[:-1], whole[: len(whole) // 2], b"plain", b"\x1f\x8b"):
        with pytest.raises(InputError, match="not whole gzip"):
            unpacked(body, "gzip")
    with pytest.raises(InputError, match="'br'"):
        unpacked(b"", "br")


@pytest.mark.parametrize(
    "body",
    [b"", b"rubbish", arrow(GOOD)[:-200], arrow(GOOD)[:100]],
    ids=["nothing", "rubbish", "cut", "head"],
)
def test_an_arrow_stream_that_is_none_takes_nothing(living: Make, body: bytes) -> None:
    one = living()
    with pytest.raises(InputError, match="Arrow") as caught:
        one.door.take("events", body, ARROW)
    assert caught.value.todo
    assert on_disk(one) == ([], [])


def test_a_column_nobody_named_does_no_harm(living: Make) -> None:
    one = living()
    answer = one.send([row | {"": 1, "strange": {"deep": [1]}, "y": "\u2603"} for row in GOOD])
    assert (answer.events, answer.bad) == (8, 0)
    assert set(on_disk(one)[0][0]) >= {"x", "score", "time"}


def test_a_body_of_other_columns_says_which_are_missing(living: Make) -> None:
    one = living()
    with pytest.raises(InputError, match="time"):
        one.send([{"when": "2026-01-19T00:00:00Z", "x": 1}])
    assert on_disk(one) == ([], [])


def test_a_key_is_taken_once_also_by_the_next_process(living: Make) -> None:
    one = living()
    assert not one.send(GOOD, key="k").known
    assert one.send(GOOD, key="k").as_json() == {
        "taken": 0, "events": 0, "labels": 0, "duplicate_batch": True, "quarantined_rows": 0,
        "quarantined": [],
    }  # fmt: skip
    again = one.again()
    assert again.send(GOOD, key="k").known
    assert len(on_disk(again)[0]) == 8


def test_labels_in_the_events_rows_are_labels_too(living: Make) -> None:
    one = living()
    known = [row | {"label": i % 2, "label_time": iso(BEGIN)} for i, row in enumerate(GOOD)]
    answer = one.send(known)
    assert (answer.events, answer.labels) == (8, 8)
    _, labels = on_disk(one)
    assert [(x["request_id"], x["label"]) for x in labels] == [
        (row["request_id"], i % 2) for i, row in enumerate(GOOD)
    ]


def test_labels_come_in_bodies_of_their_own(living: Make) -> None:
    one = living()
    found = [{"request_id": row["request_id"], "label": 1, "label_time": iso(BEGIN)} for row in GOOD]
    answer = one.send([*found, {"request_id": "r", "label": 1, "label_time": "soon"}], kind="labels")
    assert (answer.events, answer.labels, answer.bad) == (0, 8, 1)
    assert one.door.take("labels", arrow(found), ARROW).labels == 8
    one.running.beat()
    assert one.pulse.counting.seen.labels == 16


def test_under_pressure_it_says_later_and_takes_again_once_counted(living: Make) -> None:
    one = living()
    one.door.spool.limit = 2000
    while not one.door.spool.full(one.door.counted):
        one.send(GOOD)
    with pytest.raises(Busy) as caught:
        one.send(GOOD)
    assert not caught.value.permanent
    one.running.beat()
    assert one.send(GOOD).events == 8


def test_all_tables_come_back_as_they_were_packed() -> None:
    events, labels, nothing = pa.table({"a": [1, 2]}), pa.table({"b": ["x"]}), pa.table({})
    for first in (events, nothing):
        for second in (labels, nothing):
            for third in (events, nothing):
                assert parted(packed(first, second, third)) == (first, second, third)


def test_a_body_from_before_rows_put_aside_were_packed_is_still_read() -> None:
    events = pa.table({"a": [1, 2]})
    third = packed(pa.table({}), pa.table({}), events)[16:]
    assert parted(len(third).to_bytes(8, "big") + third + third) == (events, events, pa.table({}))


@pytest.mark.parametrize("body", [b"", b"\n\n"])
def test_a_body_of_nothing_is_no_error(living: Make, body: bytes) -> None:
    assert living().door.take("events", body, JSONL).events == 0
