"""A log that was read: its good events in order of arrival, handed out in batches.

A log larger than memory should hold waits in a scratch file.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fireline.clock import from_micros, micros
from fireline.telemetry.columns import Array, times
from fireline.telemetry.quarantine import Quarantine

SPILL_BYTES = 1 << 29
HOUR = 3600 * 1_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Rows that came one after the other.

    ``events`` are canonical and in order of arrival, with ``late`` for those that came too late. ``labels``
    became known by the end of the batch and not before its start. ``rejected`` are rows put aside whose time
    could be read: they can be counted, not used. ``until`` is the time it was at the end, as far as events
    told it.
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
    scratch: Scratch = field(repr=False)

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

    @property
    def end(self) -> datetime:
        """The time at the last event, or at the last row put aside for what it holds where such rows go on
        after it without a gap of an hour: when every row is put aside, time goes on."""
        return from_micros(self._after)

    @cached_property
    def _after(self) -> int:
        last = int(self._clock[-1])
        if "reason aside" not in self.rejected.column_names or not len(self.rejected):
            return last
        doubtful = pc.is_in(self.rejected.column("reason aside"), pa.array(["far_time", "clock_ahead"]))
        rest = times(self.rejected.filter(pc.invert(doubtful)))
        rest = rest[rest > last]
        gaps = np.flatnonzero(np.diff(rest, prepend=last) > HOUR)
        rest = rest[: gaps[0]] if gaps.size else rest
        return int(rest[-1]) if rest.size else last

    def _aside_after(self, table: pa.Table, number: int) -> Iterator[Batch]:
        """A batch of what was put aside after the last event, if anything was."""
        if len(table):
            until = from_micros(int(times(table)[-1]))
            yield Batch(number, self._nothing(), self.labels.slice(0, 0), table, until)

    def batches(
        self,
        rows: int = 100_000,
        every: timedelta | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Iterator[Batch]:
        """Batches of at most ``rows`` events; a batch also ends wherever the time passes a multiple of
        ``every``.

        Only what came in [since, until) is given. Labels that became known after the last event come in
        batches of their own.
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
        if until is None or micros(until) > self._after:
            for batch in self._aside_after(rejected.before(self._after + 1), number):
                yield batch
                number += 1
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


class Scratch:
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
