"""Events and labels of a service that has no runbook yet: written to files, and nothing else is done.

A runbook is drafted from a log. A service that never wrote one sends its events here for some days; what was
collected is the log that `fireline init` reads.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from fireline.clock import Clock, iso
from fireline.errors import InputError, StoreError, Where
from fireline.live.door import ARROW, SHOWN, Answer, unpacked
from fireline.terms.quarantine import BadRow, cut

KEYS = 20_000
MOST_LINES = 100_000
"""Lines of the log after which it is written anew, with those that are still needed."""


class Collection:
    """One service's files under ``folder``: ``events-DAY.jsonl`` and ``labels-DAY.jsonl``, by day of arrival.

    ``taken.log`` has a line for each body that was acknowledged: its key, its file, and where it ends there.
    What stands behind that place after a crash was not acknowledged and is cut off, so a body that is sent
    again counts once.
    """

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.folder, self._clock = folder, clock
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = threading.Lock()
        self._keys: dict[str, None] = {}
        self._ends: dict[str, int] = {}
        self._by_file: dict[tuple[str, str], int] = {}
        self.rows = {"events": 0, "labels": 0}
        self.last: datetime | None = None
        self._log, self._log_end, self._lines = folder / "taken.log", 0, 0
        self._take_up()

    def _take_up(self) -> None:
        """Reads what was acknowledged, and cuts off what was not."""
        whole = 0
        if self._log.exists():
            for line in self._log.read_bytes().splitlines(keepends=True):
                try:
                    one = json.loads(line)
                    self._remember(one["key"], one["file"], one["end"], one["kind"], one["rows"])
                except (ValueError, KeyError, TypeError):
                    break
                whole += len(line)
                self._lines += 1
            os.truncate(self._log, whole)
        self._log_end = whole
        for path in self.folder.glob("*.jsonl"):
            end, size = self._ends.setdefault(path.name, path.stat().st_size), path.stat().st_size
            if size > end:  # a file the log does not speak of is somebody's, and stays as it is
                os.truncate(path, end)

    def _remember(self, key: str, file: str, end: int, kind: str, rows: int) -> None:
        self._ends[file] = end
        self.rows[kind] += rows
        self._by_file[file, kind] = self._by_file.get((file, kind), 0) + rows
        if key:
            self._keys[key] = None
            while len(self._keys) > KEYS:
                del self._keys[next(iter(self._keys))]

    def take(self, kind: str, body: bytes, form: str, key: str = "", encoding: str = "") -> Answer:
        """Write a body of ``kind`` (events or labels): on disk when this returns. Raises InputError for one
        that cannot be read, StoreError when the disk refuses."""
        good: list[bytes] = []
        bad: list[BadRow] = []
        for row in _lines(unpacked(body, encoding), form, kind):
            if isinstance(row, BadRow):
                bad.append(row)
            else:
                good.append(row)
        with self._lock:
            if key and key in self._keys:
                return Answer(known=True)
            now = self._clock.now()
            if good:
                self._write(kind, key, b"".join(good), len(good), now)
        self.last = now
        events = len(good) if kind == "events" else 0
        return Answer(events, len(good) - events, tuple(bad[:SHOWN]), len(bad))

    def _write(self, kind: str, key: str, data: bytes, rows: int, now: datetime) -> None:
        name = f"{kind}-{now:%Y-%m-%d}.jsonl"
        start = self._ends.get(name, 0)
        told = {
            "key": key,
            "file": name,
            "end": start + len(data),
            "kind": kind,
            "rows": rows,
            "at": iso(now),
        }
        try:
            _append(self.folder / name, data, start)
            line = json.dumps(told).encode() + b"\n"
            _append(self._log, line, self._log_end)
            self._log_end, self._lines = self._log_end + len(line), self._lines + 1
        except OSError as error:
            raise StoreError(
                f"what came cannot be written: {error}", where=Where(file=str(self.folder)), permanent=False,
                todo="look at free space and permissions; the sender will try again",
            ) from error  # fmt: skip
        self._remember(key, name, start + len(data), kind, rows)
        if self._lines > MOST_LINES:
            self._shorten()

    def _shorten(self) -> None:
        """Write the log anew with what is still needed of it: where files end, and the newest keys."""
        ends = [
            {"key": "", "file": file, "end": end, "kind": kind, "rows": self._by_file.get((file, kind), 0)}
            for file, end in sorted(self._ends.items())
            for kind in ("events", "labels")
            if file.startswith(kind)
        ]
        any_file = ends[-1]
        keys = [{**any_file, "key": key, "rows": 0} for key in self._keys]
        data = b"".join(json.dumps(one).encode() + b"\n" for one in [*ends, *keys])
        partial = self._log.with_suffix(".part")
        partial.unlink(missing_ok=True)
        _append(partial, data, 0)
        partial.replace(self._log)
        self._log_end, self._lines = len(data), len(ends) + len(keys)


def _append(path: Path, data: bytes, at: int) -> None:
    """Write ``data`` at ``at``, over what was never acknowledged, down to the disk."""
    with path.open("r+b" if path.exists() else "w+b") as stream:
        stream.truncate(at)
        stream.seek(at)
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def _lines(body: bytes, form: str, kind: str) -> Iterator[bytes | BadRow]:
    """Each row as a line of JSON, or why it is none."""
    name = f"POST /v1/{kind}"
    if form.split(";")[0].strip() == ARROW:
        yield from _arrow(body, name)
        return
    texts = [text for text in body.split(b"\n") if text.strip()]
    if not texts:
        raise InputError("the body is empty", where=Where(file=name), todo="send one JSON object a line")
    for number, text in enumerate(texts, 1):
        try:
            if isinstance(json.loads(text), dict):
                yield text.strip() + b"\n"
                continue
            why = "the line is not a JSON object"
        except (ValueError, RecursionError) as error:
            why = f"not JSON: {error}"
        raw = cut(text[:8_000].decode(errors="replace"))
        yield BadRow(name, "bad_json", why, "write one JSON object a line", row=number, raw=raw)


def _arrow(body: bytes, name: str) -> Iterator[bytes]:
    try:
        table = pa.ipc.open_stream(body).read_all()
    except (pa.ArrowException, OSError) as error:
        raise InputError(
            f"not an Arrow stream, or one cut short: {str(error)[:200]}", where=Where(file=name),
            todo="write it with pyarrow.ipc.new_stream",
        ) from None  # fmt: skip
    for batch in table.to_batches(10_000):
        for row in batch.to_pylist():
            kept = {key: value for key, value in row.items() if value is not None}
            yield json.dumps(kept, default=_plain).encode() + b"\n"


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
