"""What the spool acknowledged is there, whatever the disk and the process do."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fireline.errors import StoreError
from fireline.live import spool as module
from fireline.live.spool import Place, Spool

BODIES = st.lists(st.binary(max_size=60), max_size=12)


def filled(folder: Path, bodies: list[bytes]) -> Spool:
    spool = Spool(folder)
    for number, body in enumerate(bodies):
        assert spool.append({"key": f"k{number}", "rows": 1}, body)
    return spool


def bodies_in(spool: Spool, since: Place = Place()) -> list[bytes]:  # noqa: B008
    return [record.body for record in spool.read(since)]


@given(bodies=BODIES)
def test_what_was_appended_is_read_in_order_also_by_who_opens_it_next(
    bodies: list[bytes], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("spool")
    spool = filled(folder, bodies)
    assert bodies_in(spool) == bodies
    again = Spool(folder)  # the first was never closed, as after kill -9
    assert bodies_in(again) == bodies
    assert again.end == spool.end


@given(bodies=st.lists(st.binary(max_size=60), min_size=1, max_size=8), data=st.data())
def test_reading_goes_on_after_any_record(
    bodies: list[bytes], data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    spool = filled(tmp_path_factory.mktemp("spool"), bodies)
    records = spool.read(Place())
    at = data.draw(st.integers(0, len(records) - 1))
    assert bodies_in(spool, records[at].end) == bodies[at + 1 :]
    assert Place.of(str(records[at].end)) == records[at].end
    assert [r.body for r in spool.read(Place(), most=1)] == bodies[:1] or not bodies[0]


def test_a_last_record_torn_anywhere_vanishes_and_nothing_else(tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    spool = filled(whole, [b"one", b"two\nlines", b"three" * 10])
    spool.close()
    _, second, third = spool.read(Place())
    assert third.end == spool.end
    for length in range(second.end.offset, third.end.offset):
        folder = tmp_path / f"torn{length}"
        shutil.copytree(whole, folder)
        os.truncate(folder / "00000000.spool", length)
        opened = Spool(folder)
        assert bodies_in(opened) == [b"one", b"two\nlines"], length
        assert opened.end == second.end
        assert not opened.known("k2")
        assert opened.append({"key": "k2"}, b"again")
        assert bodies_in(Spool(folder)) == [b"one", b"two\nlines", b"again"], length
        shutil.rmtree(folder)


def test_a_key_is_taken_once_also_after_a_restart(tmp_path: Path) -> None:
    filled(tmp_path, [b"one"])
    again = Spool(tmp_path)
    assert again.known("k0")
    assert not again.append({"key": "k0"}, b"other")
    assert again.append({"key": ""}, b"no key")
    assert again.append({"key": ""}, b"no key")
    assert bodies_in(again) == [b"one", b"no key", b"no key"]


def test_many_threads_lose_nothing_and_share_syncs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = Spool(tmp_path)
    synced, sync = [], os.fsync

    def slow(handle: int) -> None:
        synced.append(handle)
        threading.Event().wait(0.01)  # a disk that takes its time
        sync(handle)

    monkeypatch.setattr(module.os, "fsync", slow)
    taken: list[bool] = []

    def send(sender: int) -> None:
        for number in range(10):
            taken.append(spool.append({"key": f"{sender}/{number}"}, f"{sender}/{number}".encode()))

    threads = [threading.Thread(target=send, args=[n]) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = bodies_in(Spool(tmp_path))
    assert taken == [True] * 120
    assert sorted(found) == sorted(f"{s}/{n}".encode() for s in range(12) for n in range(10))
    for sender in range(12):  # each sender's own order is kept
        mine = [body for body in found if body.startswith(f"{sender}/".encode())]
        assert mine == [f"{sender}/{n}".encode() for n in range(10)]
    assert len(synced) < 100


def test_of_the_same_key_sent_at_once_one_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = Spool(tmp_path)
    began, go = threading.Event(), threading.Event()
    sync = os.fsync

    def held(handle: int) -> None:
        began.set()
        go.wait(60)
        sync(handle)

    monkeypatch.setattr(module.os, "fsync", held)
    taken: list[bool] = []
    first = threading.Thread(target=spool.append, args=[{"key": "first"}, b"first"])
    first.start()
    assert began.wait(60)
    twins = [
        threading.Thread(target=lambda: taken.append(spool.append({"key": "twin"}, b"twin")))
        for _ in range(4)
    ]
    for twin in twins:
        twin.start()
    while len(spool._queue) < 4:  # all four wait for the same sync
        threading.Event().wait(0.005)
    go.set()
    for thread in (first, *twins):
        thread.join()
    assert bodies_in(spool) == [b"first", b"twin"]
    assert sorted(taken) == [False, False, False, True]


def test_segments_roll_and_those_that_were_read_are_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SEGMENT_BYTES", 200)
    bodies = [f"body {n}".encode() * 5 for n in range(30)]
    spool = filled(tmp_path, bodies)
    assert len(list(tmp_path.glob("*.spool"))) > 5
    assert bodies_in(spool) == bodies
    assert bodies_in(Spool(tmp_path)) == bodies
    records = spool.read(Place())
    at = records[20].end
    before = spool.waiting(at)
    spool.forget(at)
    kept = sorted(int(p.stem) for p in tmp_path.glob("*.spool"))
    assert kept[0] == at.segment - 1, "the one before stays, should a power cut lose the newest commits"
    assert bodies_in(spool, at) == bodies[21:]
    assert spool.waiting(at) == before
    assert spool.waiting(spool.end) == 0
    again = Spool(tmp_path)
    assert again.end == spool.end
    assert again.append({}, b"more")
    assert bodies_in(again, at) == [*bodies[21:], b"more"]


def test_it_is_full_until_enough_was_read(tmp_path: Path) -> None:
    spool = Spool(tmp_path, limit=500)
    while not spool.full(Place()):
        spool.append({}, b"x" * 50)
    assert spool.waiting(Place()) >= 500
    assert not spool.full(spool.end)


def test_heads_of_any_size_are_read_again(tmp_path: Path) -> None:
    """A body of nothing but bad rows has a head of some MB: what follows it must be found."""
    spool = Spool(tmp_path)
    spool.append({"bad": [{"raw": "\u20ac" * 2000}] * 300}, b"first")
    spool.append({}, b"second")
    assert bodies_in(spool) == [b"first", b"second"]
    assert bodies_in(Spool(tmp_path)) == [b"first", b"second"]


@pytest.mark.parametrize("times", [1, 3])
def test_a_disk_that_refuses_to_sync_costs_nothing_but_that_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    spool = filled(tmp_path, [b"before"])
    sync = os.fsync

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module.os, "fsync", full)
    for _ in range(times):
        with pytest.raises(StoreError, match="No space left") as caught:
            spool.append({"key": "new"}, b"refused")
        assert not caught.value.permanent
        assert "free space" in caught.value.todo
    assert not spool.known("new")
    assert bodies_in(spool) == [b"before"]
    monkeypatch.setattr(module.os, "fsync", sync)
    assert spool.append({"key": "new"}, b"taken")
    assert bodies_in(spool) == [b"before", b"taken"]
    assert bodies_in(Spool(tmp_path)) == [b"before", b"taken"]


@contextmanager
def files_end_at(size: int) -> Iterator[None]:
    """No file of this process may grow beyond ``size`` bytes: a real disk error in the middle of a write."""
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, old[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, ignored)


def test_a_write_that_ends_halfway_is_taken_back(tmp_path: Path) -> None:
    spool = filled(tmp_path, [b"before"])
    with files_end_at(spool.end.offset + 100):
        for _ in range(2):
            with pytest.raises(StoreError):
                spool.append({}, b"x" * 5000)
        assert spool.append({}, b"small")
    assert spool.append({}, b"y" * 5000)
    assert bodies_in(spool) == bodies_in(Spool(tmp_path)) == [b"before", b"small", b"y" * 5000]


def test_any_fault_is_told_to_everybody_who_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = Spool(tmp_path)

    def broken(*_: Any) -> bytes:
        raise ValueError("not the disk's fault")

    monkeypatch.setattr(module, "_framed", broken)
    with pytest.raises(StoreError, match="not the disk's fault"):
        spool.append({}, b"one")
    monkeypatch.undo()
    assert spool.append({}, b"two")


def test_a_closed_spool_refuses(tmp_path: Path) -> None:
    spool = filled(tmp_path, [b"one"])
    spool.close()
    with pytest.raises(StoreError, match="closed"):
        spool.append({}, b"two")
    assert bodies_in(Spool(tmp_path)) == [b"one"]
