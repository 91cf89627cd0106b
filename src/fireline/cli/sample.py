"""A sample of a log, small enough to hold: every k-th row before a time, evenly over all files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa

from fireline import sources
from fireline.clock import from_micros, iso, micros
from fireline.errors import InputError, Where
from fireline.runbook.dates import Dates, is_slashed, proven, unproven
from fireline.runbook.ids import ENDS
from fireline.runbook.infer import find_time
from fireline.runbook.looks import NO_TIME, Look, instants, look_at
from fireline.runbook.names import NAMES
from fireline.terms.quarantine import BadRow

ROWS = 200_000
TOLD = 3
"""Rows that could not be read which are told one by one."""
LABEL_LOG_COLUMNS = 6
CHANGE_COLUMNS = {"at", "kind", "what"}
_ANSWERS = ("score", "prediction", "latency_ms", "status")


@dataclass
class Thinned:
    """Tables thinned to at most ``most`` rows together: when more come, every second row goes."""

    most: int = ROWS
    step: int = 1
    seen: int = 0
    rows: int = 0
    tables: list[pa.Table] = field(default_factory=list)

    def add(self, table: pa.Table) -> None:
        """Take every ``step``-th row of ``table``, counting on from the tables before."""
        first = -self.seen % self.step
        self.seen += len(table)
        self._keep(table.take(np.arange(first, len(table), self.step)))
        while self.rows > self.most:
            self.step *= 2
            tables, self.tables, self.rows = self.tables, [], 0
            offset = 0
            for one in tables:
                self._keep(one.take(np.arange(offset % 2, len(one), 2)))
                offset += len(one)

    def _keep(self, table: pa.Table) -> None:
        if len(table):
            self.tables.append(table)
            self.rows += len(table)

    def table(self) -> pa.Table:
        """All that was kept; columns that only some files have are null in the others."""
        if not self.tables:
            return pa.table({})
        try:
            return pa.concat_tables(self.tables, promote_options="permissive")
        except (pa.ArrowTypeError, pa.ArrowInvalid):
            return pa.concat_tables([_as_text(table) for table in self.tables], promote_options="permissive")


@dataclass(frozen=True)
class Sample:
    """Events before a time, the label logs, and how the files were told apart; ``time`` is the column of
    times, ``dates`` how it writes dates with slashes, None where it has none. ``consecutive`` are the columns
    that are called ids in rows that follow each other."""

    events: pa.Table
    time: str
    labels: pa.Table | None
    rows: int
    event_files: tuple[Path, ...]
    label_files: tuple[Path, ...]
    notes: tuple[str, ...]
    dates: Dates | None = None
    consecutive: pa.Table | None = None


def read_sample(
    events: Sequence[Path],
    labels: Sequence[Path],
    until: datetime,
    timezone: str = "UTC",
    time: str | None = None,
    dates: Dates | None = None,
) -> Sample:
    """Read every file once. ``time`` names the column of times where it is not to be inferred, ``dates`` how
    dates with slashes are written where that is known: else the column of times is gone through for a proof.

    Raises InputError when there is nothing to read, or nothing that proves how dates are written.
    """
    event_files, notes = sources.find(events)
    label_files, more = sources.find(labels) if labels else ([], [])
    reading = _Reading(until, timezone, time, dates, tuple(event_files))
    for path in event_files:
        reading.events(path, alone=len(event_files) == 1)
    for path in label_files:
        reading.labels(path)
    aside = {*reading.label_logs, *reading.change_logs}
    notes = [
        *notes,
        *more,
        *(f"{path} is a change log: give it with --changes" for path in reading.change_logs),
        *(
            line
            for file, found in reading.bad.items()
            if found
            for line in _bad_lines(file, found, reading.first_bad[file])
        ),
    ]
    if not reading.thinned.rows:
        raise reading.nothing(", ".join(map(str, events)))
    return Sample(
        events=reading.thinned.table(),
        time=str(reading.time),
        labels=reading.truth.table() if reading.truth.rows else None,
        rows=reading.thinned.seen,
        event_files=tuple(path for path in event_files if path not in aside),
        label_files=(*reading.label_logs, *label_files),
        notes=tuple(notes),
        dates=reading.dates,
        consecutive=reading.together.table() if reading.thinned.step > 1 else None,
    )


def _bad_lines(file: str, count: int, first: list[BadRow]) -> list[str]:
    """How many rows of a file could not be read, and the first of them with place and remedy."""
    rows = "1 row" if count == 1 else f"{count:,} rows"
    more = [f"... and {count - len(first):,} more"] if count > len(first) else []
    return [f"{file}: {rows} could not be read: left out", *map(str, first), *more]


@dataclass
class _Reading:
    """Files read so far."""

    until: datetime
    timezone: str
    time: str | None
    dates: Dates | None = None
    files: tuple[Path, ...] = ()
    thinned: Thinned = field(default_factory=lambda: Thinned(ROWS))
    truth: Thinned = field(default_factory=lambda: Thinned(most=5 * ROWS))
    together: Thinned = field(default_factory=lambda: Thinned(ROWS))
    label_logs: list[Path] = field(default_factory=list)
    change_logs: list[Path] = field(default_factory=list)
    bad: dict[str, int] = field(default_factory=dict)
    first_bad: dict[str, list[BadRow]] = field(default_factory=dict)
    rows: int = 0
    first: int | None = None

    def _pieces(self, path: Path) -> Iterator[pa.Table]:
        for piece in sources.read(path):
            self.bad[str(path)] = self.bad.get(str(path), 0) + len(piece.bad)
            first = self.first_bad.setdefault(str(path), [])
            first.extend(piece.bad[: TOLD - len(first)])
            if len(piece.table):
                yield piece.table

    def labels(self, path: Path) -> None:
        for table in self._pieces(path):
            self.truth.add(table)

    def events(self, path: Path, alone: bool) -> None:
        for at, table in enumerate(self._pieces(path)):
            if set(table.column_names) >= CHANGE_COLUMNS:
                self.change_logs.append(path)
                return
            if at == 0 and not alone and is_label_log(table):
                self.label_logs.append(path)
            if path in self.label_logs:
                self.truth.add(table)
            else:
                before = self._before(table)
                self.thinned.add(before)
                self._consecutive(before)

    def _consecutive(self, table: pa.Table) -> None:
        """Keep the ids of the first rows one after the other."""
        ids = [
            name for name in table.column_names if ENDS.intersection(Look(name, "text", 0, 0, 0).words[-1:])
        ]
        if ids and self.together.rows < ROWS:
            self.together.add(table.select(ids).slice(0, ROWS - self.together.rows))

    def _before(self, table: pa.Table) -> pa.Table:
        self.time = self.time or find_time(table)
        self.rows += len(table)
        if self.time not in table.column_names:
            return table.slice(0, 0)
        column = table.column(self.time)
        if self.dates is None and pa.types.is_string(column.type) and is_slashed(column):
            self.dates = self._proven(self.time)
        at = instants(column, self.timezone, self.dates)
        read = at != NO_TIME
        if read.any():
            self.first = min(
                int(at[read].min()), self.first if self.first is not None else int(at[read].min())
            )
        return table.filter(pa.array(read & (at < micros(self.until))))

    def _proven(self, time: str) -> Dates:
        """How the whole log writes dates with slashes. Raises InputError where nothing tells."""
        texts = [
            piece.table.column(time)
            for path in self.files for piece in sources.read(path, only=(time,))
            if time in piece.table.column_names and pa.types.is_string(piece.table.column(time).type)
        ]  # fmt: skip
        whole = pa.chunked_array([chunk for text in texts for chunk in text.chunks], pa.string())
        found = proven(whole)
        if found is None:
            raise unproven(time, whole)
        return found

    def nothing(self, names: str) -> InputError:
        """Why no event is left."""
        where = Where(file=names)
        if not self.rows:
            return InputError("there is not a single event in it", where=where, todo="is it the right file?")
        if self.first is None:
            todo = "say which column holds the time: --column time=NAME"
            return InputError(f"no time can be read in the column {self.time}", where=where, todo=todo)
        says = f"the first event is of {iso(from_micros(self.first))}, none is from before {iso(self.until)}"
        return InputError(says, where=where, todo="choose a later --until, or give a log that begins earlier")


def _as_text(table: pa.Table) -> pa.Table:
    """All plain columns as text: files of different kinds write the same column in different types."""
    flat = [name for name in table.column_names if not pa.types.is_nested(table.column(name).type)]
    return pa.table({name: table.column(name).cast(pa.string()) for name in flat})


def is_label_log(table: pa.Table) -> bool:
    """Whether a file holds labels and no events: few columns, a label among them, and nothing a model
    answers."""
    plain = {look.plain for look in look_at(table.slice(0, 1_000)).values()}
    answers = {name for role in _ANSWERS for name in NAMES[role]}
    return len(plain) <= LABEL_LOG_COLUMNS and bool(plain & set(NAMES["label"])) and not plain & answers
