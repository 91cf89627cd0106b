"""From paths to canonical batches: finds the files, reads them, normalises, puts rows in order of arrival.

Files are read one by one; several files (one per host, one per day) are ordered each by itself and then
merged by the time it was when each row came.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fireline import sources
from fireline.errors import InputError, Where
from fireline.runbook.schema import Columns, Runbook, Task
from fireline.telemetry.columns import ARRIVED, Array, times
from fireline.telemetry.complete import NO_LABELS
from fireline.telemetry.hashing import hash_text
from fireline.telemetry.intake import Intake, Taken
from fireline.telemetry.labels import unknown_labels
from fireline.telemetry.log import Batch, Log, Scratch
from fireline.telemetry.order import Order, arrange
from fireline.telemetry.quarantine import Quarantine
from fireline.telemetry.rejects import as_text, aside_at, with_reason
from fireline.telemetry.signals import signals_of
from fireline.telemetry.training import training_counts
from fireline.terms.plan import Plan
from fireline.terms.quarantine import BadRow
from fireline.terms.words import day_time, length, share

__all__ = ["Batch", "Log", "log_of", "open_log", "signals_log"]

MANY_LATE = 0.05
CHANGE_COLUMNS = frozenset({"at", "kind", "what"})
Progress = Callable[[Path, int, int], None]


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

    ``zone`` is where times without an offset are taken. ``progress`` is told each file, its place and how
    many there are. Raises InputError when a file cannot be read, a mapped column is nowhere, or no event can
    be used.
    """
    files, passed = sources.find(paths)
    intake = Intake(columns, service=service, task=task, positive=positive, zone=zone, recorded=True)
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


def signals_log(runbook: Runbook, paths: Iterable[str | Path]) -> tuple[pa.Table, Quarantine]:
    """The canonical signals in ``paths`` (files, folders, patterns), oldest first, and what was put aside.

    Raises InputError when a file cannot be read, or holds no times or names.
    """
    aside = Quarantine()
    files, _ = sources.find(paths)
    pieces = (piece for path in files for piece in sources.read(path))
    return signals_of(pieces, runbook.service, runbook.timezone, aside), aside


def training_of(plan: Plan, path: Path) -> dict[str, tuple[int, ...]]:
    """The training data in ``path`` as ``training_counts`` counts it. Raises InputError where there is none
    that can be read."""
    if not path.is_file():
        raise InputError(
            "the training data is not there", where=Where(file=str(path), key="training.file"),
            todo="name the file, as seen from the runbook's folder, or give it with --training",
        )  # fmt: skip
    return training_counts(plan, sources.read(path, only=frozenset(plan.features)), str(path))


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
    scratch: Scratch = field(default_factory=Scratch)

    def read(self, path: Path, tag: str) -> None:
        """Take one file in."""
        taken: list[Taken] = []
        seen = False
        for piece in sources.read(path, only=self.intake.readable):
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
        events, came = _arrivals(events)
        order = arrange(times(events), self.clock_skew, self.allowed_lateness, came)
        if order.sorted:
            self._note(
                f"{file}: not in order of time ({share(order.out_of_order)} of its rows out of place): "
                "sorted by time, so no row counts as late"
            )
        if came is not None and np.mean(order.late) > MANY_LATE:
            self._note(
                f"{file}: {share(float(np.mean(order.late)))} of its rows arrived more than "
                f"{length(self.allowed_lateness)} after they happened and are not judged: if that is usual, "
                "allow more with allowed_lateness in the runbook"
            )
        self._aside(file, events, order)
        straight = len(order.index) == len(events) and bool((np.diff(order.index) == 1).all())
        kept = events if straight else events.take(order.index)
        kept = kept.append_column("late", pa.array(order.late))
        kept = kept.append_column(ARRIVED, pa.array(order.clock, pa.timestamp("us", "UTC")))
        self.parts.append(self.scratch.keep(kept))
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
        if len(order.ahead):
            # Counted when they came: a clock that is wrong must not say when.
            came = times(events)[order.ahead] - order.ahead_by
            self.rejected.append(aside_at(events.take(order.ahead), came, "clock_ahead", column))
        if len(order.far):
            far_off = events.take(order.far)
            self.rejected.append(aside_at(far_off, times(far_off), "far_time", column))

    def log(self) -> Log:
        """The whole log."""
        for file in self.empty:
            if self.intake.events or self.labels:
                self._note(f"{file}: empty")
            else:
                raise InputError(
                    "the file is empty",
                    where=Where(file=file),
                    todo="expected one row per event (in CSV after a line of column names): look at what "
                    "writes it",
                )
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
        rows = [self.intake.settle(table) for table in self.rejected]
        table = pa.concat_tables(
            [_never_late(with_reason(part.slice(0, 0), (), ())), *map(_never_late, rows)]
        )
        return _by_time(table, "time")


def _arrivals(events: pa.Table) -> tuple[pa.Table, Array | None]:
    """The events without when they arrived, and that: microseconds [n], or None where no row says it."""
    if ARRIVED not in events.column_names:
        return events, None
    said, events = events.column(ARRIVED), events.drop_columns([ARRIVED])
    if said.null_count == len(said):
        return events, None
    filled = pc.coalesce(said, events.column("time"))
    return events, times(pa.table({ARRIVED: filled}), ARRIVED)


def _never_late(rejected: pa.Table) -> pa.Table:
    """Rows put aside with the columns of ``late`` in one place: none of them came late."""
    plain = rejected.drop_columns([name for name in ("late", ARRIVED) if name in rejected.column_names])
    return plain.append_column("late", pa.array(np.zeros(len(plain), bool)))


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
