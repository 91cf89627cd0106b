"""The spool: what was taken lies here, safe on disk, until it is counted.

A folder of numbered segments per service, each a sequence of records: a line of JSON that tells kind, key,
time of arrival and the size and checksum of what follows, and the body. A record is acknowledged once it is
synced to disk; records that arrive together share one sync. What a crash left half-written at the end was
never acknowledged and is cut off.
"""

from __future__ import annotations

import json
import os
import threading
import zlib
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fireline.errors import StoreError, Where

SEGMENT_BYTES = 64 << 20
HEAD_BYTES = 64 << 20
KEYS = 20_000


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record ends: what lies before it was read. Written ``segment:offset``."""

    segment: int = 0
    offset: int = 0

    def __str__(self) -> str:
        return f"{self.segment}:{self.offset}"

    @classmethod
    def of(cls, text: str | None) -> Place:
        """The place that ``str`` wrote; the beginning for None."""
        if text is None:
            return cls()
        segment, offset = text.split(":")
        return cls(int(segment), int(offset))


@dataclass(frozen=True, slots=True)
class Record:
    """One body that was taken: ``head`` says what it is, ``end`` where the next one begins."""

    head: Mapping[str, Any]
    body: bytes
    end: Place


@dataclass(eq=False)
class _Waiting:
    """A record on its way to disk."""

    head: Mapping[str, Any]
    body: bytes
    done: threading.Event = field(default_factory=threading.Event)
    error: Exception | None = None
    fresh: bool = True


class Spool:
    """One service's spool in ``folder``. Many threads may append; one process owns the folder."""

    def __init__(self, folder: Path, limit: int = 512 << 20) -> None:
        self.folder, self.limit = folder, limit
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._queue: list[_Waiting] = []
        self._flushing = threading.Lock()
        self._keys: OrderedDict[str, int] = OrderedDict()
        self._stream: Any = None
        self._closed = False
        self._open()

    # -- writing ------------------------------------------------------------------------------------------

    def _open(self) -> None:
        """Takes up the newest segment, cutting off what a crash left half-written."""
        self.segment = max(self._segments(), default=0)
        for number in self._segments():
            for record in self._records(number, 0):
                self._remember(record.head)
        self.end = Place(self.segment, self._whole(self.segment))
        self._ready()

    def _whole(self, number: int) -> int:
        last = 0
        for record in self._records(number, 0):
            last = record.end.offset
        return last

    def _remember(self, head: Mapping[str, Any]) -> None:
        key = head.get("key")
        if key:
            self._keys[str(key)] = int(head.get("rows", 0))
            while len(self._keys) > KEYS:
                self._keys.popitem(last=False)

    def known(self, key: str) -> bool:
        """Whether a body with this idempotency key was taken lately."""
        return key in self._keys

    def append(self, head: Mapping[str, Any], body: bytes) -> bool:
        """Put a body on disk; it lies there when this returns. False when its key was taken before.

        Raises StoreError (try again) when the disk refuses.
        """
        one = _Waiting(head, body)
        with self._lock:
            if head.get("key") and self.known(str(head["key"])):
                return False
            self._queue.append(one)
        while not one.done.is_set():
            if self._flushing.acquire(timeout=0.05):
                try:
                    self._flush()
                finally:
                    self._flushing.release()
            else:
                one.done.wait(0.05)
        if one.error is not None:
            raise StoreError(
                f"the spool cannot be written: {one.error}", where=Where(file=str(self.folder)),
                todo="look at free space and permissions; the sender will try again", permanent=False,
            ) from one.error  # fmt: skip
        return one.fresh

    def _flush(self) -> None:
        """Writes everything that waits with one sync; who waits is told."""
        with self._lock:
            batch, self._queue = self._queue, []
        if not batch:
            return
        error: Exception | None = None
        try:
            self._write(b"".join(_framed(one.head, one.body) for one in self._fresh(batch)))
        except Exception as failed:  # whatever it was, those who wait must be told that nothing was taken
            error = failed
            self._let_go()
        for one in batch:
            if error is None:
                self._remember(one.head)
            one.error = error
            one.done.set()

    def _fresh(self, batch: list[_Waiting]) -> list[_Waiting]:
        """Those whose key was not taken, by an earlier record or by one of the same batch."""
        keys: set[str] = set()
        for one in batch:
            key = str(one.head.get("key") or "")
            one.fresh = not key or not (key in keys or self.known(key))
            keys.add(key)
        return [one for one in batch if one.fresh]

    def _write(self, data: bytes) -> None:
        if self._closed:
            raise OSError("the spool is closed")
        if self.end.offset >= SEGMENT_BYTES:
            self._let_go()
            self.segment += 1
            self.end = Place(self.segment, 0)
        self._ready()
        rest = memoryview(data)
        while rest:
            rest = rest[self._stream.write(rest) :]
        os.fsync(self._stream.fileno())
        self.end = Place(self.segment, self.end.offset + len(data))

    def _ready(self) -> None:
        """Opens the newest segment without what was left half-written: no whole record may follow that."""
        if self._stream is not None:
            return
        path = self._path(self.segment)
        made = not path.exists()
        stream = path.open("ab", buffering=0)
        try:
            stream.truncate(self.end.offset)
            if made:
                _sync_folder(self.folder)
        except OSError:
            stream.close()
            raise
        self._stream = stream

    def _let_go(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()

    # -- reading ------------------------------------------------------------------------------------------

    def read(self, since: Place, most: int = 32 << 20) -> list[Record]:
        """Records after ``since`` in order of arrival, about ``most`` bytes of them."""
        found: list[Record] = []
        size, end = 0, self.end
        for number in self._segments():
            if number < since.segment or number > end.segment:
                continue
            start = since.offset if number == since.segment else 0
            for record in self._records(number, start):
                if number == end.segment and record.end.offset > end.offset:
                    return found
                found.append(record)
                size += len(record.body)
                if size >= most:
                    return found
        return found

    def waiting(self, since: Place) -> int:
        """Bytes that were taken and not yet read."""
        total = 0
        for number in self._segments():
            if number >= since.segment:
                total += self._path(number).stat().st_size
        return max(0, total - since.offset)

    def full(self, since: Place) -> bool:
        """Whether no more should be taken for now."""
        return self.waiting(since) >= self.limit

    def forget(self, before: Place) -> None:
        """Removes segments that lie wholly before ``before``."""
        for number in self._segments():
            if number < before.segment - 1:  # the last one stays, should a power cut lose the newest commits
                self._path(number).unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of the open segment."""
        with self._flushing:
            self._closed = True
            self._let_go()

    def _records(self, number: int, start: int) -> Iterator[Record]:
        path = self._path(number)
        if not path.exists():
            return
        with path.open("rb") as stream:
            stream.seek(start)
            while line := stream.readline(HEAD_BYTES):
                try:
                    head = json.loads(line)
                    body = stream.read(int(head["size"]))
                except (ValueError, KeyError, TypeError):
                    return  # half a line: the end of what was written before a crash
                if len(body) < head["size"] or zlib.crc32(body) != head["crc"]:
                    return
                yield Record(head, body, Place(number, stream.tell()))

    def _segments(self) -> list[int]:
        return sorted(int(path.stem) for path in self.folder.glob("*.spool") if path.stem.isdigit())

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:08d}.spool"


def _framed(head: Mapping[str, Any], body: bytes) -> bytes:
    line = json.dumps({**head, "size": len(body), "crc": zlib.crc32(body)}, sort_keys=True)
    return line.encode() + b"\n" + body


def _sync_folder(folder: Path) -> None:
    """Make a new segment's name last through a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
