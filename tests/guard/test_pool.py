"""The pool: as many threads as there is work for, no more than allowed, and no work beyond its room."""

from __future__ import annotations

import threading
from contextvars import ContextVar

import pytest

from fireline.guard.pool import Pool


def test_jobs_that_wait_for_each_other_get_a_thread_each():
    gate = threading.Barrier(4)
    pool = Pool("test", threads=4, room=10)
    futures = [pool.submit(gate.wait, 60) for _ in range(4)]
    assert sorted(future.result(60) for future in futures) == [0, 1, 2, 3]


def test_what_there_is_no_room_for_is_turned_away_at_once():
    release = threading.Event()
    pool = Pool("test", threads=1, room=2)
    taken = [pool.submit(release.wait, 60) for _ in range(10)]
    assert 2 <= sum(future is not None for future in taken) <= 3
    assert pool.turned_away == sum(future is None for future in taken)
    release.set()
    assert all(future.result(60) for future in taken if future is not None)


def test_an_error_belongs_to_who_waits_and_the_thread_goes_on():
    pool = Pool("test", threads=1, room=2)
    with pytest.raises(ZeroDivisionError):
        pool.submit(divmod, 1, 0).result(60)
    assert pool.submit(divmod, 7, 2).result(60) == (3, 1)


def test_jobs_run_in_their_callers_context():
    who = ContextVar("who", default="nobody")
    who.set("ada")
    assert Pool("test", threads=1, room=1).submit(who.get).result(60) == "ada"
