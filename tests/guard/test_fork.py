"""Forks: the child sends its own rows, once, and follows by a thread of its own; no lock stays held."""

from __future__ import annotations

import os
import threading
import time

import pytest

from fireline.guard import Breaker, Guard, Outbox, Rung
from fireline.guard.rows import line
from tests.guard.conftest import KEY, Ticks, rollback, switch, until

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks on this system")


def in_child(work) -> int:
    """Exit code of a forked child that does ``work``: 0 when it gives True."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            code = 0 if work() else 2
        finally:
            os._exit(code)
    end = time.monotonic() + 90
    while time.monotonic() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    raise AssertionError("the child hangs")


def test_each_row_is_sent_once_by_whoever_made_it(server):
    guard = Guard("pricing", [Rung("current", call=int)], url=server.url, outbox={"every": 30.0})
    for i in range(10):
        guard.call(key=f"parent-{i}")
    parent = guard.wire.who

    def work():
        fresh = guard.wire.outbox.waiting == 0 and guard.wire.who != parent
        for i in range(10):
            guard.call(key=f"child-{i}")
        guard.call()
        return fresh and guard.flush(30)

    assert in_child(work) == 0
    guard.call()
    assert guard.flush(30)
    ids = [row["request_id"] for row in server.rows]
    assert len(ids) == len(set(ids)) == 22
    assert sum(one.startswith("child-") for one in ids) == 10
    guard.close()


def test_an_outbox_and_its_copy_in_a_child_send_under_keys_of_their_own(server):
    """A server takes two batches under one key for one: the second would be lost."""
    box = Outbox(f"{server.url}/v1/events?service=pricing", dict, line, every=30.0)

    def sends(name):
        box.put({"request_id": name})
        return box.flush(30)

    assert sends("parent-1")
    assert in_child(lambda: sends("child")) == 0
    assert sends("parent-2")
    assert [row["request_id"] for row in server.rows] == ["parent-1", "child", "parent-2"]
    assert len(set(server.keys)) == 3
    box.close()


def test_the_child_follows_switches_by_itself(server, tmp_path):
    rungs = [Rung("current", version="B", call=lambda: "B"), Rung("good", version="A", call=lambda: "A")]
    guard = Guard("pricing", rungs, url=server.url, switch_key=KEY, wait=2.0)
    assert guard.start(30)
    threading.Timer(0.3, lambda: server.put(switch(4, rollback()))).start()
    assert in_child(lambda: until(lambda: guard.call() == "A")) == 0
    assert until(lambda: guard.call() == "A")
    guard.close()


@pytest.mark.parametrize("what", ["breaker", "outbox", "guard"])
def test_a_lock_that_another_thread_holds_at_the_fork_does_not_stop_the_child(server, what):
    breaker = Breaker(least=1, rate=0.1)
    guard = Guard("pricing", [Rung("current", call=int, breaker=breaker)], url=server.url)
    guard.call()
    lock = {"breaker": breaker._lock, "outbox": guard.wire.outbox._lock, "guard": guard._lock}[what]
    held, done = threading.Event(), threading.Event()

    def hold():
        with lock:
            held.set()
            done.wait(20)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(5)

    def work():
        guard.call()
        breaker.bad(breaker.admit())
        return breaker.state == "open" and guard.flush(30)

    assert in_child(work) == 0
    done.set()
    holder.join()
    guard.close()


def test_a_permit_out_at_the_fork_does_not_block_the_child():
    now = Ticks()
    breaker = Breaker(least=1, cool=1.0, lease=60.0, now=now)
    breaker.bad(breaker.admit())
    now.at += 2.0
    ticket = breaker.admit()
    assert in_child(lambda: breaker.call(int) == 0 and breaker.state == "closed") == 0
    breaker.good(ticket)
    assert breaker.state == "closed"
