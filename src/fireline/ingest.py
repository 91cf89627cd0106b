"""From paths to canonical batches: finds the files, reads them, normalises, puts rows in order of arrival.

Files are read one by one; several files (one per host, one per day) are ordered each by itself and then merged
by the time it was when each row came. A log larger than memory should hold waits in a scratch file.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from fireline import sources
from fireline.clock import from_micros, micros
from fireline.errors import InputError, Where
from fireline.runbook.schema import Columns, Runbook, Task
from fireline.telemetry.columns import Array, times
from fireline.telemetry.hashing import hash_text
from fireline.telemetry.intake import NO_LABELS, Intake, Taken
from fireline.telemetry.labels import unknown_labels
from fireline.telemetry.order import Order, arrange
from fireline.telemetry.quarantine import Quarantine
from fireline.telemetry.rejects import as_text
from fireline.terms.quarantine import BadRow
from fireline.terms.words import day_time, length, share

SPILL_BYTES = 1 << 29
CHANGE_COLUMNS = frozenset({"at", "kind", "what"})
Progress = Callable[[Path, int, int], None]


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Rows that came one after the other.

    ``events`` are canonical and in order of arrival, with ``late`` for those that came too late. ``labels``
    became known by the end of the batch and not before its start. ``rejected`` are rows put aside whose time could be
    read: they can be counted, not used. ``until`` is the time it was at the end, as far as events told it.
    """

    number: int
    events: pa.Table
    labels: pa.Table
    rejected: pa.Table
    until: datetime


@dataclass(eq=False)
class Log:
    """A log that was read: hands out batches in order of arrival, and says what was put aside."""

    quarantine: Quarantine
    notes: tuple[str, ...]
    labels: pa.Table
    rejected: pa.Table
    _parts: Sequence[pa.Table]
    _which: Array
    _row: Array
    _clock: Array
    _scratch: _Scratch = field(repr=False)

    @property
    def rows(self) -> int:
        """How many good events there are."""
        return len(self._clock)

    @property
    def first(self) -> datetime:
        """The time at the first event."""
        return from_micros(int(self._clock[0]))

    @property
    def last(self) -> datetime:
        """The time at the last event."""
        return from_micros(int(self._clock[-1]))

    def batches(
        self,
        rows: int = 100_000,
        every: timedelta | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Iterator[Batch]:
        """Batches of at most ``rows`` events; a batch also ends wherever the time passes a multiple of ``every``.

        Only what came in [since, until) is given. Labels that became known after the last event come in batches
        of their own.
        """
        start = 0 if since is None else int(np.searchsorted(self._clock, micros(since)))
        stop = self.rows if until is None else int(np.searchsorted(self._clock, micros(until)))
        labels, rejected = _Queue(self.labels, "label_time"), _Queue(self.rejected, "time")
        if since is not None:
            labels.before(micros(since))
            rejected.before(micros(since))
        number = 0
        for low, high in _cuts(self._clock[start:stop], rows, every):
            clock = int(self._clock[start + high - 1])
            events = self._slice(start + low, start + high)
            known = labels.before(clock + 1)
            yield Batch(number, events, known, rejected.before(clock + 1), from_micros(clock))
            number += 1
        end = None if until is None else micros(until)
        for table in labels.rest(rows, every, end):
            clock = int(times(table, "label_time")[-1])
            yield Batch(number, self._nothing(), table, self.rejected.slice(0, 0), from_micros(clock))
            number += 1

    def events(self, since: datetime | None = None, until: datetime | None = None) -> pa.Table:
        """All events that came in [since, until), in one table."""
        start = 0 if since is None else int(np.searchsorted(self._clock, micros(since)))
        stop = self.rows if until is None else int(np.searchsorted(self._clock, micros(until)))
        return self._slice(start, stop)

    def _slice(self, start: int, stop: int) -> pa.Table:
        """Rows [start, stop) of the merged log: a stretch of each part, interleaved."""
        which, row = self._which[start:stop], self._row[start:stop]
        found, place = [], []
        for part in np.unique(which):
            at = np.flatnonzero(which == part)
            found.append(self._parts[part].slice(int(row[at[0]]), len(at)))
            place.append(at)
        if not found:
            return self._nothing()
        if len(found) == 1:
            return found[0]
        back = np.argsort(np.concatenate(place), kind="stable")
        return pa.concat_tables(found).take(back)

    def _nothing(self) -> pa.Table:
        return self._parts[0].slice(0, 0)


def open_log(
    paths: Iterable[str | Path],
    columns: Columns,
    *,
    service: str = "",
    task: Task = "unknown",
    positive: str | None = None,
    zone: str = "UTC",
    clock_skew: timedelta = timedelta(minutes=5),
    allowed_lateness: timedelta = timedelta(minutes=5),
    progress: Progress | None = None,
) -> Log:
    """Read ``paths`` (files, folders, patterns; events and labels) by the runbook's ``columns``.

    ``zone`` is where times without an offset are taken. ``progress`` is told each file, its place and how many there
    are. Raises InputError when a file cannot be read, a mapped column is nowhere, or no event can be used.
    """
    files, passed = sources.find(paths)
    intake = Intake(columns, service=service, task=task, positive=positive, zone=zone)
    intake.notes.update(dict.fromkeys(passed))
    reader = _Reader(intake, clock_skew, allowed_lateness)
    for i, (path, tag) in enumerate(zip(files, _tags(files), strict=True)):
        if progress is not None:
            progress(path, i + 1, len(files))
        reader.read(path, tag)
    return reader.log()


def log_of(runbook: Runbook, paths: Iterable[str | Path], progress: Progress | None = None) -> Log:
    """``open_log`` as ``runbook`` says."""
    return open_log(
        paths, runbook.columns, service=runbook.service, task=runbook.task,
        positive=runbook.labels.positive if runbook.labels else None, zone=runbook.timezone,
        clock_skew=runbook.clock_skew, allowed_lateness=runbook.allowed_lateness, progress=progress,
    )  # fmt: skip


@dataclass(eq=False)
class _Reader:
    """Gathers files into a log."""

    intake: Intake
    clock_skew: timedelta
    allowed_lateness: timedelta
    parts: list[pa.Table] = field(default_factory=list)
    clocks: list[Array] = field(default_factory=list)
    labels: list[tuple[str, pa.Table]] = field(default_factory=list)
    rejected: list[pa.Table] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)
    scratch: _Scratch = field(default_factory=lambda: _Scratch())

    def read(self, path: Path, tag: str) -> None:
        """Take one file in."""
        taken: list[Taken] = []
        seen = False
        for piece in sources.read(path, only=self.intake.wanted):
            if not seen and piece.columns and _is_change_log(piece.columns, self.intake.columns):
                self._note(f"{path}: passed over, a change log: name it with --changes")
                return
            seen = seen or bool(len(piece.rows)) or bool(piece.bad)
            taken.append(self.intake.take(piece, tag))
        if not seen:
            self.empty.append(str(path))
            return
        labels = [one.labels for one in taken if len(one.labels)]
        if labels:
            self.labels.append((str(path), self._joined(labels)))
        self.rejected += [one.rejected for one in taken if len(one.rejected)]
        events = [one.events for one in taken if len(one.events)]
        if events:
            self._arranged(str(path), self._joined(events))

    def _joined(self, tables: list[pa.Table]) -> pa.Table:
        return pa.concat_tables([self.intake.settle(table) for table in tables])

    def _note(self, note: str) -> None:
        self.intake.notes[note] = None

    def _arranged(self, file: str, events: pa.Table) -> None:
        """Put one file's events in order of arrival and those of clocks gone wrong aside."""
        order = arrange(times(events), self.clock_skew, self.allowed_lateness)
        if order.sorted:
            self._note(
                f"{file}: not in order of time ({share(order.out_of_order)} of its rows out of place): "
                "sorted by time, so no row counts as late"
            )
        self._aside(file, events, order)
        straight = len(order.index) == len(events) and bool((np.diff(order.index) == 1).all())
        kept = events if straight else events.take(order.index)
        self.parts.append(self.scratch.keep(kept.append_column("late", pa.array(order.late))))
        self.clocks.append(order.clock)

    def _aside(self, file: str, events: pa.Table, order: Order) -> None:
        quarantine = self.intake.quarantine
        quarantine.taken -= len(order.ahead) + len(order.far)
        self.intake.events -= len(order.ahead) + len(order.far)
        column = self.intake.columns.time

        def ahead(i: int) -> BadRow:
            by = length(timedelta(microseconds=int(order.ahead_by[i])))
            reason = f"its clock is {by} ahead of the rows around it"
            todo = "set the clock of the host that wrote it (NTP), or its time zone"
            return _aside_row(file, events, int(order.ahead[i]), column, "clock_ahead", reason, todo)

        def far(i: int) -> BadRow:
            at = int(order.far[i])
            when = day_time(events.column("time")[at].as_py())
            reason = f"its time ({when} UTC) is a month or more from all but a few rows"
            todo = "look at the clock of what wrote it"
            return _aside_row(file, events, at, column, "far_time", reason, todo)

        quarantine.add_rows(len(order.ahead), file, ahead)
        quarantine.add_rows(len(order.far), file, far)
        wrong = np.concatenate([order.ahead, order.far])
        if len(wrong):
            self.rejected.append(events.take(np.sort(wrong)))

    def log(self) -> Log:
        """The whole log."""
        for file in self.empty:
            if self.intake.events or self.labels:
                self._note(f"{file}: empty")
            else:
                raise InputError(
                    "the file is empty", where=Where(file=file),
                    todo="expected one row per event (in CSV after a line of column names): look at what writes it",
                )  # fmt: skip
        self.intake.finish()
        parts = self._alike()
        clock = np.concatenate(self.clocks)
        which = np.repeat(np.arange(len(parts)), [len(c) for c in self.clocks])
        row = np.concatenate([np.arange(len(c)) for c in self.clocks])
        if len(parts) > 1:
            merged = np.argsort(clock, kind="stable")
            clock, which, row = clock[merged], which[merged], row[merged]
        labels, rejected = self._all_labels(parts), self._all_rejected(parts[0])
        return Log(
            self.intake.quarantine,
            tuple(self.intake.notes),
            labels,
            rejected,
            parts,
            which,
            row,
            clock,
            self.scratch,
        )

    def _alike(self) -> list[pa.Table]:
        """The parts with one schema: an answer's form may have been decided after the first file."""
        return [self.intake.settle(part) for part in self.parts]

    def _all_labels(self, parts: list[pa.Table]) -> pa.Table:
        """Labels of known requests in the order they became known."""
        found = [(file, self.intake.settle(table)) for file, table in self.labels]
        if not found:
            return self.intake.settle(NO_LABELS).drop_columns(["row"])
        ids = np.sort(np.concatenate([hash_text(part.column("request_id")) for part in parts]))
        rejected = [hash_text(table.column("request_id")) for table in (NO_LABELS, *self.rejected)]
        aside = np.sort(np.concatenate(rejected))
        kept = [self._known(file, table, ids, aside) for file, table in found]
        labels = pa.concat_tables(kept).drop_columns(["row"])
        return _by_time(labels, "label_time")

    def _known(self, file: str, labels: pa.Table, ids: Array, aside: Array) -> pa.Table:
        """The labels of requests in ``ids``; those of events put aside (``aside``) go with them."""
        lost = unknown_labels(labels, ids)
        at = np.flatnonzero(lost)
        if not len(at):
            return labels
        at = at[unknown_labels(labels.take(at), aside)]
        column = self.intake.columns.request_id

        def make(i: int) -> BadRow:
            name = labels.column("request_id")[int(at[i])].as_py()
            reason = f"no event has the id {name!r}"
            todo = "look whether the label log and the event log write the same ids, and cover the same days"
            return _aside_row(file, labels, int(at[i]), column, "unknown_request", reason, todo)

        self.intake.quarantine.add_rows(len(at), file, make)
        self.intake.quarantine.taken -= len(at)
        return labels.filter(pa.array(~lost))

    def _all_rejected(self, part: pa.Table) -> pa.Table:
        """Rows put aside that have a time, by time, shaped like the events."""
        rows = [self.intake.settle(table).append_column("late", pa.array(np.zeros(len(table), bool)))
                for table in self.rejected]  # fmt: skip
        table = pa.concat_tables([part.slice(0, 0), *rows])
        return _by_time(table, "time")


def _aside_row(
    file: str, table: pa.Table, at: int, column: str | None, kind: str, reason: str, todo: str
) -> BadRow:
    row = table.slice(at, 1).to_pylist()[0]
    if row.get("host"):
        reason += f" (host {row['host']})"
    return BadRow(file, kind, reason, todo, row=row["row"], column=column, raw=as_text(row))


def _by_time(table: pa.Table, clock: str) -> pa.Table:
    instants = times(table, clock)
    if bool((instants[1:] >= instants[:-1]).all()):
        return table
    return table.take(np.argsort(instants, kind="stable"))


def _is_change_log(names: Sequence[str], columns: Columns) -> bool:
    return set(names) >= CHANGE_COLUMNS and columns.time not in names


def _tags(files: Sequence[Path]) -> list[str]:
    """Names of the files that do not depend on where the log lies: paths below their common folder."""
    root = os.path.commonpath([str(path.resolve().parent) for path in files]) if files else ""
    return [path.resolve().relative_to(root).as_posix() for path in files]


def _cuts(clock: Array, rows: int, every: timedelta | None) -> Iterator[tuple[int, int]]:
    """Stretches [low, high) of at most ``rows``, none across a multiple of ``every``."""
    if not len(clock):
        return
    edges = np.array([0, len(clock)])
    if every is not None:
        ticks = clock // max(int(every / timedelta(microseconds=1)), 1)
        edges = np.concatenate([[0], np.flatnonzero(np.diff(ticks)) + 1, [len(clock)]])
    for low, high in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        for start in range(low, high, rows):
            yield start, min(start + rows, high)


@dataclass(eq=False)
class _Queue:
    """A table in order of one of its times, handed out front to back."""

    table: pa.Table
    clock: str
    at: int = 0

    def __post_init__(self) -> None:
        self.times = times(self.table, self.clock)

    def before(self, limit: int) -> pa.Table:
        """What is left from before ``limit`` (microseconds)."""
        start, self.at = self.at, max(self.at, int(np.searchsorted(self.times, limit)))
        return self.table.slice(start, self.at - start)

    def rest(self, rows: int, every: timedelta | None, until: int | None) -> Iterator[pa.Table]:
        """What is left, up to ``until``, in stretches as ``_cuts`` makes them."""
        start = self.at
        stop = len(self.times) if until is None else int(np.searchsorted(self.times, until))
        for low, high in _cuts(self.times[start:stop], rows, every):
            yield self.table.slice(start + low, high - low)


class _Scratch:
    """Holds tables: in memory up to a limit, beyond it in scratch files that go when the log goes."""

    def __init__(self) -> None:
        self.held, self.files = 0, 0
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def keep(self, table: pa.Table) -> pa.Table:
        """``table``, or the same read from a scratch file."""
        size = table.get_total_buffer_size()
        if self.held + size <= SPILL_BYTES:
            self.held += size
            return table
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="fireline-")
        self.files += 1
        path = os.path.join(self._folder.name, f"{self.files}.arrow")
        with pa.OSFile(path, "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table, max_chunksize=1 << 17)
        source: Any = pa.memory_map(path, "r")
        return pa.ipc.open_file(source).read_all()
