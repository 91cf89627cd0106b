"""Takes a log in: lake files, counts, dedup keys and quarantine, each batch whole or not at all."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from fireline.clock import from_micros, micros
from fireline.reader import CountsReader
from fireline.runbook.schema import Runbook
from fireline.store import LakeFile, Store
from fireline.telemetry.changes import first_seen
from fireline.telemetry.columns import ARRIVED, Array, has, times
from fireline.telemetry.counters import counters
from fireline.telemetry.dedup import Dedup, Keys
from fireline.telemetry.labels import join_labels
from fireline.telemetry.lake import Kind, Lake
from fireline.telemetry.log import Batch, Log
from fireline.telemetry.pushdown.arriving import CountedLog
from fireline.telemetry.tally import outcome, tally, tally_quality, tally_signals
from fireline.terms.counts import CountsRow
from fireline.terms.plan import Plan
from fireline.terms.quarantine import BadRow

HOUR = 3600 * 1_000_000
ROWS = 100_000
LOG = logging.getLogger("fireline")


def lake_file(lake: Lake, service: str, name: str, kind: Kind, table: pa.Table, clock: str) -> LakeFile:
    """Write ``table`` as the ``kind`` of batch ``name``; what the store is to know of it. ``clock`` is the
    column of its times."""
    path, when = lake.write(name, kind, table), times(table, clock)
    return LakeFile(kind, path, len(table), int(when.min()), int(when.max()), service)


class Recorder:
    """Records one service's telemetry into ``store`` and ``lake``.

    Batches have stable names: one that is there already is passed over, so a recording that was cut short at
    any write goes on where it stopped, and its counts equal those of an uninterrupted one.
    """

    def __init__(self, plan: Plan, runbook: Runbook, store: Store, lake: Lake, prefix: str = "") -> None:
        self.plan, self.runbook, self.store, self.lake, self.prefix = plan, runbook, store, lake, prefix
        self.service = runbook.service
        self.versions: dict[str, int] = {}
        self.duplicates = 0
        self.late = 0
        kept = store.keys(0, self.service)
        stored = [Keys(first=k.min_us, last=k.max_us, clock=k.max_us, body=k.body) for k in kept]
        self._dedup = Dedup(self.service, runbook.dedup_horizon, stored)

    def take(self, log: Log, at: datetime, progress: Callable[[int, int], None]) -> None:
        """Records every batch of ``log``; ``progress`` hears of the rows done and all rows."""
        done = 0
        for batch in log.batches(ROWS):
            self._events(batch, at)
            self._labels(batch, at)
            done += len(batch.events)
            progress(done, log.rows)

    def take_counts(self, log: CountedLog, at: datetime) -> None:
        """Records counts that an engine made, in one batch without rows."""
        self.versions, self.duplicates = dict(log.versions), log.duplicates
        with self.store.begin() as tx:
            tx.commit_batch(f"{self.prefix}counts", at=at, service=self.service, counts=log.counts)

    def _events(self, batch: Batch, at: datetime) -> None:
        name = f"{self.prefix}events-{batch.number:06d}"
        self.versions = first_seen(batch.events, self.versions)
        self.late += (
            int(batch.events.column("late").combine_chunks().true_count) if has(batch.events, "late") else 0
        )
        if len(batch.events) == 0 and len(batch.rejected) == 0:
            return
        if self.store.has_batch(name):
            self.duplicates += len(batch.events) - sum(
                f.rows for f in self.store.lake_files("events", 0, 1 << 62, self.service) if name in f.file
            )
            return
        split = self._dedup.split(batch.events)
        self.duplicates += len(split.dropped)
        with_file = len(split.kept) > 0
        kept = split.kept.drop_columns([ARRIVED]) if has(split.kept, ARRIVED) else split.kept
        counts = tally(self.plan, split.kept, split.dropped, batch.rejected)
        with self.store.begin() as tx:
            tx.commit_batch(
                name, at=at, service=self.service, counts=counts, keys=split.keys.body if with_file else b"",
                lake_file=self._file(name, "events", kept, "time") if with_file else None,
            )  # fmt: skip
        self._dedup.remember(split.keys)

    def _labels(self, batch: Batch, at: datetime) -> None:
        name = f"{self.prefix}labels-{batch.number:06d}"
        if len(batch.labels) == 0 or self.store.has_batch(name):
            return
        with self.store.begin() as tx:
            file = self._file(name, "labels", batch.labels, "label_time")
            tx.commit_batch(name, at=at, service=self.service, lake_file=file)

    def signals(self, table: pa.Table, at: datetime) -> None:
        """Records canonical signals, oldest first: their counts, and the rows as evidence."""
        for start in range(0, len(table), ROWS):
            name, part = f"{self.prefix}signals-{start // ROWS:06d}", table.slice(start, ROWS)
            if not self.store.has_batch(name):
                with self.store.begin() as tx:
                    tx.commit_batch(
                        name, at=at, service=self.service, counts=tally_signals(self.plan, part),
                        lake_file=self._file(name, "signals", part, "time"),
                    )  # fmt: skip

    def _file(self, name: str, kind: Kind, table: pa.Table, clock: str) -> LakeFile:
        return lake_file(self.lake, self.service, name, kind, table, clock)

    def quarantine(self, rows: Iterable[BadRow], at: datetime) -> None:
        """Keeps what was put aside, once."""
        kept = tuple(rows)
        with self.store.begin() as tx:
            if kept:
                tx.commit_batch("quarantine", at=at, service=self.service, quarantine=kept)


class Archive:
    """Reads canonical rows of the lake, only from files the store lists.

    ``own`` names the spool whose files must lie here, where several servers share the store and each may have
    a lake of its own: files of the others that are not here are passed over, and said so once.
    """

    def __init__(self, store: Store, lake: Lake, service: str, own: str = "") -> None:
        self.store, self.lake, self.service, self.own = store, lake, service, own
        self._said = False

    def events(self, since: datetime, until: datetime, columns: list[str] | None = None) -> pa.Table:
        """Events, shadow calls with them, with time in [since, until), oldest first."""
        return self._read("events", "time", since, until, columns)

    def sample(
        self, since: datetime, until: datetime, most: int, columns: list[str] | None = None
    ) -> pa.Table:
        """The same, or, where there are more than ``most``, about as many of them, chosen by request;
        ``columns`` must hold ``request_id``."""
        return self._read("events", "time", since, until, columns, most)

    def labels(self, since: datetime, until: datetime) -> pa.Table:
        """Labels that became known in [since, until)."""
        return self._read("labels", "label_time", since, until)

    def signals(self, since: datetime, until: datetime) -> pa.Table:
        """Signals with time in [since, until), oldest first; no row at all where none was ever told."""
        return self._read("signals", "time", since, until)

    def elsewhere(self, since: datetime, until: datetime) -> tuple[int, int]:
        """How many files with events in [since, until) are not here but in another server's lake, and of how
        many."""
        files = self.store.lake_files("events", micros(since), micros(until), self.service)
        return sum(not self.lake.has(f.file) for f in files), len(files)

    def _read(
        self, kind: str, clock: str, since: datetime, until: datetime, columns: list[str] | None = None,
        most: int | None = None,
    ) -> pa.Table:  # fmt: skip
        files = self.store.lake_files(kind, micros(since), micros(until), self.service)
        if self.own:
            files = self._here(files)
        if not files:
            return pa.table({clock: pa.array([], pa.timestamp("us", "UTC"))})
        table = self.lake.read([f.file for f in files], columns, since, until, most)
        return table.sort_by(clock) if table.num_rows and not _sorted(times(table, clock)) else table

    def _here(self, files: list[LakeFile]) -> list[LakeFile]:
        """Without those that lie in another server's lake."""
        here = [f for f in files if self.lake.has(f.file) or f"-{self.own}-" in f.file]
        if len(here) < len(files) and not self._said:
            self._said = True
            LOG.warning(
                "%s: %d files of events lie in another server's lake: triage goes without them; "
                "give the servers one folder with --lake", self.service, len(files) - len(here),
            )  # fmt: skip
        return here


def _sorted(values: Array) -> bool:
    return bool((values[1:] >= values[:-1]).all())


class Cohorts:
    """Counts quality once a cohort of events has come of age: only labels of that age or younger count."""

    def __init__(
        self, plan: Plan, runbook: Runbook, store: Store, archive: Archive, reader: CountsReader
    ) -> None:
        self.plan, self.runbook, self.store, self.archive, self.reader = plan, runbook, store, archive, reader
        self.done = 0
        wanted = ["time", "request_id", "version", "shadow", "late", "score", "prediction", *plan.segments]
        for layout in plan.extras:
            wanted += counters()[layout.name].columns(plan, layout) if layout.aged else ()
        self._columns = list(dict.fromkeys(wanted))

    def count(self, since: int, until: int, at: datetime) -> None:
        """Counts whole hours of cohorts in [since, until) microseconds, once each."""
        since, until = max(since, self.done) // HOUR * HOUR, until // HOUR * HOUR
        if self.runbook.labels is None or until <= since:
            return
        name = f"quality-{self.plan.service}-{since // HOUR}-{until // HOUR}"  # services may share a store
        if not self.store.has_batch(name):
            rows = self._rows(since, until)
            with self.store.begin() as tx:
                tx.commit_batch(name, at=at, service=self.plan.service, counts=rows)
            for layout in self.plan.layouts:
                if layout.aged:
                    self.reader.forget(layout)
        self.done = until

    def _rows(self, since: int, until: int) -> list[CountsRow]:
        assert self.runbook.labels is not None
        first, last = from_micros(since), from_micros(until)
        events = self.archive.events(first, last, self._columns)
        if events.num_rows == 0:
            return []
        return quality_rows(
            self.plan, self.runbook, events, self.archive.labels(first, last + self.runbook.labels.age)
        )


def quality_rows(plan: Plan, runbook: Runbook, events: pa.Table, labels: pa.Table) -> list[CountsRow]:
    """Quality counts of ``events`` with the labels they had at the runbook's age.

    Late events are left out: one that came after its cohort was counted could not be in it, and whether it
    came before is the server's own affair, so that a live server and a replay count the same.
    """
    assert runbook.labels is not None
    if has(events, "late"):
        events = events.filter(pc.invert(pc.fill_null(events.column("late"), False)))
        if not len(events):
            return []
    joined = join_labels(events, labels, age=runbook.labels.age)
    said = events.column("prediction") if has(events, "prediction") else None
    return tally_quality(plan, joined, outcome(plan, joined.column("label"), said))
