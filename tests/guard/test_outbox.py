"""The outbox: everything arrives once, in batches; nothing waits; memory stays flat when nobody listens."""

from __future__ import annotations

import math
import socket
import threading
import time
import tracemalloc
from datetime import UTC, datetime

import pytest

from fireline.guard import Guard, Outbox, Rung
from fireline.guard.rows import line
from tests.guard.conftest import until


def box(server, **options) -> Outbox:
    options = {"every": 0.02, "name": "guard-test", **options}
    return Outbox(
        f"{server.url}/v1/events?service=pricing", lambda: {"Authorization": "Bearer t"}, line, **options
    )


def test_rows_arrive_once_and_in_order_in_batches(server):
    out = box(server)
    for i in range(1234):
        out.put({"i": i})
    assert out.flush(30)
    assert [row["i"] for row in server.rows] == list(range(1234))
    assert server.sizes == [500, 500, 234]
    assert len(set(server.keys)) == 3
    assert server.heads[0]["Authorization"] == "Bearer t"
    assert server.heads[0]["Content-Type"] == "application/x-ndjson"
    assert out.status()["sent"] == 1234


def test_a_row_that_is_being_written_is_not_away_yet(server):
    writes, go = threading.Event(), threading.Event()

    def slow(row):
        writes.set()
        assert go.wait(60)
        return line(row)

    out = Outbox(f"{server.url}/v1/events?service=pricing", dict, slow, every=0.02)
    out.start()
    out.put({"i": 1})
    assert writes.wait(60)
    assert out.waiting == 1
    assert not out.flush(0.05), "it was said to be sent, and would be lost with the process"
    go.set()
    assert out.flush(30)
    assert server.rows == [{"i": 1}]


def test_no_thread_begins_before_there_is_something_to_do(server):
    before = set(threading.enumerate())  # some of them may end meanwhile: tests before left them
    guard = Guard("pricing", [Rung("current", call=int)], url=server.url)
    assert set(threading.enumerate()) <= before
    guard.call()
    assert "fireline-outbox" in {t.name for t in set(threading.enumerate()) - before}
    guard.close()


@pytest.mark.parametrize("status", [429, 500, 503, 408])
def test_the_same_batch_is_tried_again_under_the_same_key(server, status):
    server.answers = [(status, {}), (status, {})]
    out = box(server)
    out.put({"i": 1})
    assert out.flush(30)
    assert [row["i"] for row in server.rows] == [1]
    assert len(server.keys) == 3
    assert len(set(server.keys)) == 1


def test_it_waits_as_long_as_it_is_told_to(server):
    server.answers = [(429, {"Retry-After": "0.6"})]
    out = box(server)
    out.start()
    began = time.monotonic()
    out.put({"i": 1})
    assert until(lambda: server.rows)
    assert time.monotonic() - began >= 0.55


def test_outboxes_made_in_one_tick_of_the_clock_send_under_keys_of_their_own(server, monkeypatch):
    monkeypatch.setattr(time, "time_ns", lambda: 1)
    for i in range(5):  # one after the other: each may lie in memory where the last one lay
        out = box(server)
        out.put({"i": i})
        assert out.close(30)
        del out
    assert len(set(server.keys)) == 5


def test_what_is_refused_for_good_is_counted_and_does_not_block_the_rest(server):
    server.answers = [(422, {})]
    out = box(server)
    out.put({"i": 1})
    assert out.flush(30)
    out.put({"i": 2})
    assert out.flush(30)
    assert [row["i"] for row in server.rows] == [2]
    assert (out.refused, out.sent) == (1, 1)


def test_a_batch_too_large_is_halved(server):
    server.answers = [(413, {}), (413, {})]
    out = box(server)
    for i in range(8):
        out.put({"i": i})
    assert out.flush(30)
    assert [row["i"] for row in server.rows] == list(range(8))
    assert server.sizes == [2, 2, 4]


@pytest.mark.parametrize(("drop", "kept"), [("oldest", range(90, 100)), ("newest", range(10))])
def test_a_full_outbox_loses_rows_and_counts_them(server, drop, kept):
    out = box(server, bound=10, drop=drop)
    for i in range(100):
        out.put({"i": i})
    assert out.dropped == 90
    assert out.flush(30)
    assert [row["i"] for row in server.rows] == list(kept)


def test_the_server_may_be_dead_for_long_and_what_still_waits_arrives(server, caplog):
    server.stop()
    out = box(server, bound=1000)
    for i in range(200):
        out.put({"i": i})
    out.start()
    assert until(lambda: "cannot be reached" in out.trouble)
    time.sleep(0.8)  # it tries again meanwhile
    assert caplog.text.count("cannot be reached") == 1
    server.start()
    assert out.flush(30)
    assert [row["i"] for row in server.rows] == list(range(200))
    assert out.dropped == 0


@pytest.mark.parametrize("how", ["dead", "silent"])
def test_a_dead_server_holds_up_neither_a_call_nor_the_end(server, how):
    patience = 60.0
    silent = socket.create_server(("127.0.0.1", 0))  # takes connections, and says nothing for ever
    server.stop()
    url = server.url if how == "dead" else f"http://127.0.0.1:{silent.getsockname()[1]}"
    guard = Guard("pricing", [Rung("current", call=int)], url=url, outbox={"bound": 50, "timeout": patience})
    began = time.perf_counter()
    for _ in range(2000):
        guard.call()
    assert guard.status()["outbox"]["dropped"] >= 1000
    guard.close(0.3)
    assert time.perf_counter() - began < patience, "not one answer was waited for"
    silent.close()


def test_a_row_json_cannot_write_stops_none_behind_it(server):
    out = box(server)
    out.put({("a", "tuple"): 1})
    out.put({"i": 2})
    assert out.flush(30)
    assert server.rows == [{"i": 2}]
    assert out.refused == 1


def test_numbers_that_json_has_not_become_null():
    class Scalar:
        def item(self):
            return 3

    written = line({"a": math.nan, "b": [math.inf, 1], "c": Scalar(), "d": datetime(2026, 1, 1, tzinfo=UTC)})
    assert written == b'{"a":null,"b":[null,1],"c":3,"d":"2026-01-01T00:00:00+00:00"}\n'
    assert (
        line({"c": Scalar(), "d": datetime(2026, 1, 1, tzinfo=UTC)})
        == b'{"c":3,"d":"2026-01-01T00:00:00+00:00"}\n'
    )


def test_memory_stays_flat_over_many_calls(server):
    server.stop()
    rungs = [Rung("current", version="B", call=abs), Rung("rules", kind="rules", call=abs)]
    guard = Guard("pricing", rungs, url=server.url, outbox={"bound": 2000}, exercise=0.0)
    features, segments = {"x": 1.0}, {"country": "NL"}

    def calls(n):
        for i in range(n):
            guard.call(i, key="r", features=features, segments=segments)

    calls(20_000)
    tracemalloc.start()
    calls(20_000)
    before = tracemalloc.get_traced_memory()[0]
    calls(150_000)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 200_000
    guard.close(0.0)


@pytest.mark.parametrize("wrong", [{"bound": 0}, {"batch": 0}, {"every": 0}, {"drop": "all"}])
def test_settings_that_make_no_sense_are_refused(server, wrong):
    with pytest.raises(ValueError, match="an outbox wants"):
        box(server, **wrong)


def test_an_address_that_is_none_is_refused_at_once():
    with pytest.raises(ValueError, match="no address of a Fireline server"):
        Guard("pricing", url="localhost:8700")


def test_what_is_lost_at_the_end_is_counted_as_dropped(server):
    server.stop()
    out = box(server)
    for i in range(5):
        out.put({"i": i})
    assert not out.close(0.2)
    assert until(lambda: out.dropped == 5)
