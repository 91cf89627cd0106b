"""Files to a running server: in batches, each acknowledged once it is on the server's disk."""

from __future__ import annotations

import hashlib
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any, Literal

import pyarrow as pa

from fireline import sources
from fireline.clock import SystemClock
from fireline.errors import FirelineError, InputError, Where
from fireline.ids import stable_id
from fireline.live.door import ARROW
from fireline.telemetry.pushdown.arriving import counts_in
from fireline.terms.piece import Piece
from fireline.terms.quarantine import BadRow

Kind = Literal["events", "labels", "counts"]
Say = Callable[[str], None]
LINES = "application/x-ndjson"
ROWS = 5_000
MOST_BYTES = 16 << 20
SHOWN = 10
LONGEST_PAUSE = 30.0
AGAIN = (408, 425, 429, 500, 502, 503, 504)
"""Answers after which the same batch may be taken."""


class NotTaken(FirelineError):
    """The server refused for good, or could not be reached for too long."""


@dataclass
class Sent:
    """What came of a sending: rows taken, rows the server had already, rows put aside with the first
    reasons."""

    taken: int = 0
    known: int = 0
    bad: int = 0
    reasons: list[BadRow] = field(default_factory=list)

    def aside(self, rows: int, found: list[BadRow]) -> None:
        """Rows that were put aside."""
        self.bad += rows
        self.reasons += found[: SHOWN - len(self.reasons)]


@dataclass
class Line:
    """The way to one server for one service's events or labels.

    While the server is away or asks to wait, a batch is tried again under the same idempotency key, at most
    ``patience`` seconds long. ``say`` hears why nothing moves.
    """

    url: str
    service: str
    kind: Kind = "events"
    token: str = ""
    patience: float = 600.0
    timeout: float = 60.0
    say: Say = lambda text: None
    pause: Callable[[float], None] = time.sleep
    more: Mapping[str, str] = field(default_factory=dict)
    """What else is asked in the address."""

    def post(self, body: bytes, form: str, key: str) -> dict[str, Any]:
        """Deliver one batch; the server's answer, given once it is on disk. Raises NotTaken."""
        since, tries = monotonic(), 0
        while True:
            try:
                return self._once(body, form, key)
            except _Again as error:
                tries += 1
                wait = error.after if error.after is not None else min(2.0**tries / 4, LONGEST_PAUSE)
                if monotonic() - since + wait > self.patience:
                    raise NotTaken(
                        f"gave up: {error.message}", todo=error.todo, where=Where(file=self.url),
                        permanent=False,
                    ) from None  # fmt: skip
                self.say(f"{error.message}; trying again in {wait:.0f} s")
                self.pause(wait)

    def _once(self, body: bytes, form: str, key: str) -> dict[str, Any]:
        query = urllib.parse.urlencode({"service": self.service, **self.more})
        request = urllib.request.Request(f"{self.url.rstrip('/')}/v1/{self.kind}?{query}", data=body)
        request.add_header("Content-Type", form)
        request.add_header("Idempotency-Key", key)
        request.add_header("Accept", "application/json")
        if self.token:
            request.add_header("Authorization", f"Bearer {self.token}")
        try:
            with urllib.request.urlopen(request, timeout=self.timeout) as answer:
                return _answer(answer.read())
        except urllib.error.HTTPError as error:
            raise self._refused(error) from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", error)
            todo = "`fireline doctor` says what stands in the way"
            raise _Again(f"nobody answers at {self.url}: {reason}", todo=todo, permanent=False) from None

    def _refused(self, error: urllib.error.HTTPError) -> FirelineError:
        try:
            told = json.loads(error.read())
        except (ValueError, OSError):
            told = {}
        told = told if isinstance(told, dict) else {}
        said = str(told.get("error") or told.get("detail") or f"HTTP {error.code}")
        todo = str(told.get("todo") or "`fireline doctor` says what stands in the way")
        if error.code in AGAIN:
            again = _Again(said, todo=todo, permanent=False)
            again.after = _seconds(error.headers.get("Retry-After"))
            return again
        return NotTaken(f"{said} (HTTP {error.code})", todo=todo, where=Where(file=self.url))


class _Again(FirelineError):
    """Not now; ``after`` so many seconds, where the server said so."""

    after: float | None = None


def _answer(text: bytes) -> dict[str, Any]:
    told = json.loads(text)
    if not isinstance(told, dict) or "taken" not in told:
        raise ValueError("what answers is no Fireline server")
    return told


def _seconds(said: str | None) -> float | None:
    """``Retry-After`` in seconds; it may be a date."""
    if not said:
        return None
    try:
        return max(0.0, float(said))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(said) - SystemClock().now()).total_seconds())
    except (TypeError, ValueError):
        return None


@dataclass
class Counts:
    """The way to one server for one service's counts: a file is a batch, and its name the batch's."""

    url: str
    service: str
    token: str = ""
    say: Say = lambda text: None

    def send(self, path: Path, through: str = "") -> tuple[bool, int]:
        """Deliver the counts in ``path``, complete up to ``through``; whether they were there already, and
        how many events they count. Raises InputError for a file that is none, NotTaken."""
        line = Line(self.url, self.service, "counts", self.token, say=self.say)
        line.more = {"through": through} if through else {}
        told = line.post(_stream(counts_in(path)), ARROW, path.name)
        return bool(told.get("duplicate_batch")), int(told["taken"])


# -- whole files ---------------------------------------------------------------------------------------------


def send_file(line: Line, path: Path, sent: Sent, progress: Callable[[int], None]) -> None:
    """Send every row of ``path``; ``progress`` hears the file's rows done so far.

    A batch's key is made of what is in it and where it stands: the same file sent again, whole or after a
    crash, counts once, and a file with the same name and other rows is another. Raises InputError for a file
    that cannot be read, NotTaken.
    """
    done = 0
    for piece in sources.read(path):
        sent.aside(len(piece.bad), list(piece.bad))
        for part in _parts(piece):
            body = _stream(part.table)
            digest = hashlib.blake2b(body, digest_size=16).hexdigest()
            first = int(part.rows[0])
            key = stable_id("batch", line.service, line.kind, path.name, first, digest, size=16)
            told = line.post(body, ARROW, key)
            note(sent, told, len(part.rows), partial(_placed, part))
            done += len(part.rows)
            progress(done)


@dataclass(frozen=True)
class _Part:
    table: pa.Table
    rows: Any
    lines: Any | None
    file: str


def _parts(piece: Piece) -> Iterator[_Part]:
    size = max(1, min(ROWS, int(ROWS * MOST_BYTES / max(1, _bytes_of(piece)))))
    for start in range(0, len(piece.rows), size):
        stop = start + size
        lines = piece.lines[start:stop] if piece.lines is not None else None
        yield _Part(piece.table.slice(start, size), piece.rows[start:stop], lines, piece.file)


def _bytes_of(piece: Piece) -> int:
    """About how many bytes ROWS rows of the piece have."""
    return int(piece.table.nbytes / max(1, len(piece.rows)) * ROWS)


def _stream(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_stream(sink, table.schema, options=options) as writer:
        writer.write_table(table.combine_chunks())
    return bytes(sink.getvalue())


def _placed(part: _Part, row: int) -> tuple[str, int, int | None]:
    """Where the ``row``-th row (from 1) of a batch stands in its file."""
    at = min(max(row, 1), len(part.rows)) - 1
    return part.file, int(part.rows[at]), int(part.lines[at]) if part.lines is not None else None


def note(
    sent: Sent, told: Mapping[str, Any], rows: int, placed: Callable[[int], tuple[str, int, int | None]]
) -> None:
    """Take the server's answer to a batch of ``rows`` rows into ``sent``."""
    if told.get("duplicate_batch"):
        sent.known += rows
        return
    sent.taken += int(told["taken"])
    found = []
    for one in told.get("quarantined", ()):
        file, row, line = placed(int(one.get("row") or 1))
        found.append(
            BadRow(
                file, str(one.get("kind", "")), str(one.get("reason", "")), str(one.get("todo", "")),
                row=row, line=line, column=one.get("column"),
            )
        )  # fmt: skip
    sent.aside(int(told.get("quarantined_rows", len(found))), found)


def must_be_lines(path: Path) -> None:
    """Raise InputError for a file that cannot be followed."""
    name = path.name.lower()
    if not name.endswith((".jsonl", ".ndjson", ".json", ".log")):
        raise InputError(
            "only JSON lines can be followed while they grow", where=Where(file=str(path)),
            todo="write one object a line to a .jsonl file, or send whole files without --follow",
        )  # fmt: skip
