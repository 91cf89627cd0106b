"""The door: a body of events or labels comes in, is normalised, and is on disk before it is acknowledged."""

from __future__ import annotations

import gzip
import io
import threading
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from fireline.clock import Clock, micros
from fireline.errors import FirelineError, InputError, Where
from fireline.live.links import Link
from fireline.live.spool import Place, Spool
from fireline.runbook.schema import Runbook
from fireline.sources.jsonl import pieces
from fireline.telemetry.columns import times
from fireline.telemetry.intake import Intake
from fireline.telemetry.quarantine import Quarantine
from fireline.telemetry.rejects import aside_at
from fireline.telemetry.signals import signals_of
from fireline.terms.piece import Piece
from fireline.terms.quarantine import BadRow
from fireline.terms.words import length

ARROW = "application/vnd.apache.arrow.stream"
MOST_BYTES = 64 << 20
SHOWN = 20
MOST_COLUMNS = 500
THREE = 1 << 63
"""Added to the first size of a body of three tables."""
KEPT = 200
"""Rows put aside that are kept of one body, with their reasons; all are counted."""


class Busy(FirelineError):
    """Too much waits to be counted: come again later."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one body: rows taken and rows put aside, the first of them with reasons."""

    events: int = 0
    labels: int = 0
    quarantined: tuple[BadRow, ...] = ()
    bad: int = 0
    known: bool = False

    def as_json(self) -> dict[str, Any]:
        return {
            "taken": self.events + self.labels,
            "events": self.events,
            "labels": self.labels,
            "duplicate_batch": self.known,
            "quarantined_rows": self.bad,
            "quarantined": [row.as_json() for row in self.quarantined],
        }


@dataclass(eq=False)
class Door:
    """One service's way in. ``counted`` says up to which place the spool was counted.

    While ``catching_up`` after a start, senders deliver what they held back: it came late through no fault of
    theirs. ``refused`` is when a whole body was last refused, and why.
    """

    runbook: Runbook
    spool: Spool
    clock: Clock
    counted: Place = field(default_factory=Place)
    taken_rows: int = 0
    bad_rows: int = 0
    catching_up: bool = False
    refusals: int = 0
    refused: tuple[int, str] | None = None
    columns_met: dict[str, None] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def __post_init__(self) -> None:
        book = self.runbook
        positive = book.labels.positive if book.labels else None
        self.intake = Intake(book.columns, book.service, book.task, positive, book.timezone)

    def take(self, kind: str, body: bytes, form: str, key: str = "", encoding: str = "") -> Answer:
        """Take a body of ``kind`` (events, labels or signals): all good rows are on disk when this returns.

        ``form`` is the content type: JSON lines, or an Arrow stream. A ``key`` taken before is answered and
        not taken again. Raises InputError for a body that cannot be read, Busy under pressure.
        """
        if key and self.spool.known(key):
            return Answer(known=True)
        name = f"POST /v1/{kind}" + (f" {key}" if key else "")
        return self._take(kind, lambda: _pieces(unpacked(body, encoding), form, name), name, key)

    def pull(self, kind: str, piece: Piece, link: Link) -> Answer:
        """Take a portion that a source gave: on disk with its ``link`` when this returns, even if it is
        empty. Raises as ``take``."""
        return self._take(kind, lambda: iter([piece]), link.tag, link=link)

    def _take(
        self, kind: str, read: Callable[[], Iterator[Piece]], name: str, key: str = "",
        link: Link | None = None,
    ) -> Answer:  # fmt: skip
        if self.spool.full(self.counted):
            raise Busy(
                f"{self.runbook.service}: more waits to be counted than may",
                todo="send the same again later",
                permanent=False,
            )
        try:
            found = read()
            with self._lock:
                take = self._signals if kind == "signals" else self._normalised
                events, labels, rejected, aside = take(found, name)
        except InputError as error:
            self.refusals, self.refused = self.refusals + 1, (micros(self.clock.now()), str(error))
            raise
        head = {
            "kind": kind, "key": key, "at": micros(self.clock.now()), "rows": len(events) + len(labels),
            "bad": [row.as_json() for row in aside.items[:KEPT]], "bad_rows": aside.rows,
            "held": self.catching_up, **(link.as_head() if link else {}),
        }  # fmt: skip
        if len(events) or len(labels) or aside.rows or link:
            fresh = self.spool.append(head, packed(events, labels, rejected))
            if not fresh:
                return Answer(known=True)
        self.taken_rows += len(events) + len(labels)
        self.bad_rows += aside.rows
        return Answer(len(events), len(labels), tuple(aside.items[:SHOWN]), aside.rows)

    def _signals(self, found: Iterator[Piece], name: str) -> tuple[pa.Table, pa.Table, pa.Table, Quarantine]:
        """Signals stand where a body's events would."""
        aside = Quarantine()
        table = signals_of(found, self.runbook.service, self.runbook.timezone, aside)
        return self._not_ahead(table, aside, name)[0], pa.table({}), pa.table({}), aside

    def _normalised(
        self, found: Iterator[Piece], name: str
    ) -> tuple[pa.Table, pa.Table, pa.Table, Quarantine]:
        self.intake.quarantine = aside = Quarantine()
        self.intake.notes.clear()
        events, labels, rejected = [], [], []
        for piece in found:
            taken = self.intake.take(piece, name)
            kept, ahead = self._not_ahead(taken.events, aside, name)
            events.append(kept)
            rejected += [taken.rejected, ahead]
            labels.append(taken.labels)
        for column in self.intake.columns_met():
            if len(self.columns_met) < MOST_COLUMNS:
                self.columns_met.setdefault(column)
        return self._joined(events), self._joined(labels), self._joined(rejected), aside

    def _joined(self, tables: Sequence[pa.Table]) -> pa.Table:
        full = [self.intake.settle(table) for table in tables if len(table)]
        return pa.concat_tables(full, promote_options="permissive") if full else pa.table({})

    def _not_ahead(self, events: pa.Table, aside: Quarantine, name: str) -> tuple[pa.Table, pa.Table]:
        """Events without those whose clock is further ahead of ours than the runbook allows, and those."""
        if not len(events):
            return events, events
        limit = micros(self.clock.now() + self.runbook.clock_skew)
        ahead = times(events) - limit
        at = np.flatnonzero(ahead > 0)
        if not len(at):
            return events, events.slice(0, 0)

        def make(i: int) -> BadRow:
            by = length(timedelta(microseconds=int(ahead[at[i]])) + self.runbook.clock_skew)
            reason = f"its time is {by} ahead of this server's clock"
            todo = "set the clock of the host that wrote it (NTP), or its time zone"
            row = int(events.column("row")[int(at[i])].as_py())
            return BadRow(name, "clock_ahead", reason, todo, row=row, column=self.runbook.columns.time)

        aside.add_rows(len(at), name, make)
        came = np.full(len(at), micros(self.clock.now()), np.int64)
        rejected = aside_at(events.take(at), came, "clock_ahead", self.runbook.columns.time)
        return events.filter(pa.array(ahead <= 0)), rejected


def unpacked(body: bytes, encoding: str) -> bytes:
    """``body`` as it was before it was sent. Raises InputError; a bomb is cut off at the size limit."""
    if encoding not in ("", "identity", "gzip"):
        raise InputError(f"a body encoded as {encoding!r} cannot be read", todo="send it plain or as gzip")
    if encoding != "gzip":
        return body
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(body)) as stream:
            whole = stream.read(MOST_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"the body is not whole gzip: {error}", todo="send it again") from None
    if len(whole) > MOST_BYTES:
        raise InputError(f"the body unpacks to more than {MOST_BYTES >> 20} MB", todo="send smaller batches")
    return whole


def _pieces(body: bytes, form: str, name: str) -> Iterator[Piece]:
    if form.split(";")[0].strip() == ARROW:
        return arrow_pieces(body, name)
    return pieces(Path(name), stream=io.BytesIO(body))


def arrow_pieces(body: bytes, name: str) -> Iterator[Piece]:
    """The one piece in an Arrow stream. Raises InputError for a body that is none."""
    try:
        table = pa.ipc.open_stream(body).read_all()
        table.validate(full=True)  # offsets that point elsewhere must not be followed
    except (pa.ArrowException, OSError) as error:
        raise InputError(
            f"not an Arrow stream, or one cut short: {str(error)[:200]}", where=Where(file=name),
            todo="write it with pyarrow.ipc.new_stream",
        ) from None  # fmt: skip
    twice = sorted({name for name in table.column_names if table.column_names.count(name) > 1})
    if twice:
        raise InputError(
            f"there are several columns {twice[0]!r}", todo="give every column a name of its own"
        )
    rows = np.arange(1, len(table) + 1, dtype=np.int64)
    yield Piece(table.combine_chunks(), name, rows, tuple(table.column_names), fixed=False)


def packed(events: pa.Table, labels: pa.Table, rejected: pa.Table) -> bytes:
    """The tables in one body: the sizes of the first two, then each as an Arrow stream."""
    first, second = _stream(events), _stream(labels)
    sizes = (THREE + len(first)).to_bytes(8, "big") + len(second).to_bytes(8, "big")
    return sizes + first + second + _stream(rejected)


def parted(body: bytes) -> tuple[pa.Table, pa.Table, pa.Table]:
    """The tables that ``packed`` wrote; a body from before rows put aside were packed has none of them."""
    size = int.from_bytes(body[:8], "big")
    if size < THREE:
        return _read(body[8 : 8 + size]), _read(body[8 + size :]), pa.table({})
    first = 16 + size - THREE
    second = first + int.from_bytes(body[8:16], "big")
    return _read(body[16:first]), _read(body[first:second]), _read(body[second:])


def _stream(table: pa.Table) -> bytes:
    if not len(table):
        return b""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def _read(body: bytes) -> pa.Table:
    return pa.ipc.open_stream(body).read_all() if body else pa.table({})
