"""From the spool to the counts: what was taken becomes lake files, counts, dedup keys and a cursor."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from fireline.clock import Clock, micros
from fireline.errors import StoreError
from fireline.ids import stable_id
from fireline.live.counts import arrived, batch_name, is_counts, span_of, told_late
from fireline.live.door import Door, parted
from fireline.live.links import chained
from fireline.live.others import Moved, Others, earliest, keep_versions, versions_of
from fireline.live.spool import Place, Record
from fireline.recording import lake_file
from fireline.runbook.schema import Runbook
from fireline.store import Store, Tx
from fireline.store.glance import TURN
from fireline.store.rows import Keys as Kept
from fireline.telemetry.changes import first_seen
from fireline.telemetry.columns import ARRIVED, Array, times
from fireline.telemetry.dedup import Dedup, Keys, Split
from fireline.telemetry.lake import Lake
from fireline.telemetry.signals import NO_SIGNALS
from fireline.telemetry.tally import tally, tally_signals
from fireline.terms.counts import CountsRow
from fireline.terms.plan import Plan
from fireline.terms.quarantine import BadRow

KEPT_BAD = 200


@dataclass(eq=False)
class Ledger:
    """What was counted of one service since the process began."""

    events: int = 0
    labels: int = 0
    signals: int = 0
    late: int = 0
    duplicates: int = 0
    quarantined: int = 0
    last_event: int = 0


@dataclass(eq=False)
class Counting:
    """Counts one service's spool. ``spool_id`` names this process's spool among those that share the store.

    A batch is named after the place where it begins, and the cursor moves in the transaction that commits it:
    killed anywhere, the same rows are counted again from the same place, once.
    """

    plan: Plan
    runbook: Runbook
    store: Store
    lake: Lake
    door: Door
    clock: Clock
    spool_id: str
    seen: Ledger = field(default_factory=Ledger)
    versions: dict[str, int] = field(default_factory=dict)
    through: int = 0
    """Up to when (microseconds) events that lie elsewhere were counted there."""

    def __post_init__(self) -> None:
        self.service = self.runbook.service
        self.source = f"spool:{self.spool_id}:{self.service}"
        self._short = stable_id("of", self.service)  # each service of a server has its spool begin at nothing
        self.others = Others(self.store, self.service)
        self.take_up()

    def take_up(self) -> None:
        """Goes on from what is stored: after a start, after a commit that may or may not have happened, and
        when others counted meanwhile."""
        self.others.take_up()
        self.door.counted = self._place = Place.of(self.store.cursor(self.source))
        self.versions = self._known_versions()
        self.through = self.counted_through()
        horizon = 2 * self.runbook.dedup_horizon
        since = micros(self.clock.now() - horizon)
        stored = map(_keys, self.store.keys(since, self.service))
        self._dedup = Dedup(self.service, self.runbook.dedup_horizon, stored)

    def hear(self) -> None:
        """What others on the same store counted since: keys that count no second time, versions they met."""
        found = self.others.hear()
        if found is None:
            self.take_up()
            return
        for keys in found:
            self._dedup.remember(_keys(keys))
        self.meet()

    def meet(self) -> None:
        """Versions that others met."""
        self.versions = earliest([self.versions, self._known_versions()])

    def counted_through(self) -> int:
        """``through`` as it is stored: other servers on the same store take counts too."""
        kept = self.store.get_state(f"through:{self.service}")
        return kept.tick if kept else 0

    def _known_versions(self) -> dict[str, int]:
        known = dict.fromkeys(self.plan.versions, micros(self.runbook.reference.since))
        return known | versions_of(self.store, self.service)

    @property
    def waits(self) -> bool:
        """Whether anything was taken and not yet counted."""
        return self.door.spool.end != self._place and self.door.spool.waiting(self._place) > 0

    def count(self, judged_until: int) -> tuple[int, int] | None:
        """Counts what waits; the first and last event time (microseconds) it held, None when nothing did.

        Events before ``judged_until`` (microseconds) come too late to be judged: they are counted as late.
        It ends early, with more that ``waits``, where another baseline was put in force meanwhile.
        """
        found: list[tuple[int, int]] = []
        while records := self.door.spool.read(self._place):
            try:
                span = self._batch(records, judged_until)
            except Moved:
                if self._is_of_before():
                    break
                self.hear()
                continue
            if span is not None:
                found.append(span)
        if not found:
            return None
        return min(first for first, _ in found), max(last for _, last in found)

    @property
    def ended_early(self) -> bool:
        """Whether more waits, to be counted by another baseline."""
        return self.waits and self._is_of_before()

    def _is_of_before(self) -> bool:
        return self.others.is_another(self.store.get_state(TURN))

    def _batch(self, records: Sequence[Record], judged_until: int) -> tuple[int, int] | None:
        begin, end = self._place, records[-1].end
        records, moves = chained(records, self.store.cursor)
        signals = _signals(records)
        counted = [record for record in records if is_counts(record)]
        parts = [(record, *parted(record.body)) for record in records if _holds_rows(record)]
        events = self._joined(table for _, table, _, _ in parts)
        labels = self._joined(table for _, _, table, _ in parts)
        rejected = self._rejected([table for _, _, _, table in parts], judged_until)
        bad = _bad(records)
        split = self._split(events, [record for record, table, _, _ in parts for _ in range(len(table))],
                            judged_until)  # fmt: skip
        name = f"live-{self.spool_id}-{self._short}-{begin.segment:08d}-{begin.offset:010d}"
        versions = first_seen(split.kept, self.versions) if split is not None else self.versions
        versions = earliest([versions, *(record.head["versions"] for record in counted)])
        with self.store.begin() as tx:
            self.others.hold(tx)
            for source, (was, cursor) in moves.items():
                tx.move_cursor(source, was, cursor)
            self._commit_labels(tx, name, labels)
            self._commit_signals(tx, name, signals, judged_until)
            self._commit_events(tx, name, split, rejected, bad, begin, end)
            counts = self._commit_counts(tx, counted, judged_until)
            if adds := split is not None and len(split.kept) > 0:
                self.others.add(tx, name)
            if versions != self.versions:
                versions = keep_versions(tx, self.service, versions)
        if adds:
            self.others.added(name)
        self.versions = versions
        self._note(split, labels, records)
        self.seen.signals += len(signals)
        for record in counted:
            self.seen.events += int(record.head["rows"])
            self.seen.last_event = max(self.seen.last_event, int(record.head["last"]))
        self._place = self.door.counted = end
        self.door.spool.forget(end)
        kept = [signals] if split is None else [signals, split.kept]
        if split is not None and len(split.kept):
            self._dedup.remember(split.keys)
        instants = np.concatenate([times(table) for table in kept])
        spans = [(int(instants.min()), int(instants.max()))] if len(instants) else []
        return _whole([*spans, *counts])

    def _joined(self, tables: Iterable[pa.Table]) -> pa.Table:
        full = [self.door.intake.settle(table) for table in tables if len(table)]
        return pa.concat_tables(full, promote_options="permissive") if full else pa.table({})

    def _split(self, events: pa.Table, records: Sequence[Record], judged_until: int) -> Split | None:
        """Events without duplicates and with ``late``."""
        if not len(events):
            return None
        instants = times(events)
        arrived = np.array([int(record.head["at"]) for record in records], np.int64)
        lateness = int(self.runbook.allowed_lateness.total_seconds() * 1_000_000)
        # What was held back while no server was there may still be judged, as long as its tick was not.
        held = np.array([bool(record.head.get("held")) for record in records])
        late: Array = (instants < judged_until) | (~held & (instants < arrived - lateness))
        came = pa.array(arrived, pa.timestamp("us", "UTC"))
        return self._dedup.split(events.append_column("late", pa.array(late)).append_column(ARRIVED, came))

    def _rejected(self, tables: Sequence[pa.Table], judged_until: int) -> pa.Table:
        """Rows put aside, with ``late`` for those of ticks that were judged."""
        rows = self._joined(tables)
        return rows.append_column("late", pa.array(times(rows) < judged_until)) if len(rows) else rows

    def _commit_labels(self, tx: Tx, name: str, labels: pa.Table) -> None:
        if len(labels):
            kept = labels.drop_columns(["row"]) if "row" in labels.column_names else labels
            file = lake_file(self.lake, self.service, f"{name}-labels", "labels", kept, "label_time")
            tx.commit_batch(f"{name}-labels", at=self.clock.now(), service=self.service, lake_file=file)

    def _commit_signals(self, tx: Tx, name: str, table: pa.Table, judged_until: int) -> None:
        if len(table):
            file = lake_file(self.lake, self.service, f"{name}-signals", "signals", table, "time")
            tx.commit_batch(
                f"{name}-signals", at=self.clock.now(), service=self.service, lake_file=file,
                counts=tally_signals(self.plan, table, judged_until),
            )  # fmt: skip

    def _commit_counts(self, tx: Tx, records: Sequence[Record], judged_until: int) -> list[tuple[int, int]]:
        """Counts that were made elsewhere, each batch under its own name; the spans they touch."""
        age = int(self.runbook.labels.age.total_seconds() * 1_000_000) if self.runbook.labels else 0
        spans = []
        for record in records:
            rows = list(told_late(arrived(record), judged_until, age))
            name = batch_name(self.service, str(record.head["key"]))
            done = tx.commit_batch(name, at=self.clock.now(), service=self.service, counts=rows)
            span = span_of(rows) if done else None
            spans += [span] if span else []
            self.through = max(self.through, int(record.head["through"]))
        if records:
            tx.put_state(f"through:{self.service}", self.through, b"")
        return spans

    def _commit_events(
        self,
        tx: Tx,
        name: str,
        split: Split | None,
        rejected: pa.Table,
        bad: Sequence[BadRow],
        begin: Place,
        end: Place,
    ) -> None:
        file, keys = None, b""
        counts: Sequence[CountsRow] = ()
        if split is not None:
            counts = tally(self.plan, split.kept, split.dropped, rejected)
            if len(split.kept):
                kept = split.kept.drop_columns([ARRIVED])
                file = lake_file(self.lake, self.service, name, "events", kept, "time")
                keys = split.keys.body
        elif len(rejected):
            counts = tally(self.plan, rejected.slice(0, 0), None, rejected)
        was = str(begin) if begin != Place() else None
        done = tx.commit_batch(
            name, at=self.clock.now(), service=self.service, lake_file=file, counts=counts, keys=keys,
            cursor=(self.source, str(end)), cursor_was=was, quarantine=bad,
        )  # fmt: skip
        if not done:
            raise StoreError(
                f"the batch {name} was counted before, by another process on the same spool",
                todo="give every server a --data folder of its own, and all of them one --lake",
            )

    def _note(self, split: Split | None, labels: pa.Table, records: Sequence[Record]) -> None:
        seen = self.seen
        seen.labels += len(labels)
        seen.quarantined += sum(int(record.head.get("bad_rows", 0)) for record in records)
        if split is not None:
            seen.events += len(split.kept)
            seen.duplicates += len(split.dropped)
            if len(split.kept):
                seen.late += int(split.kept.column("late").combine_chunks().true_count)
                seen.last_event = max(seen.last_event, int(times(split.kept).max()))


def _keys(kept: Kept) -> Keys:
    return Keys(first=kept.min_us, last=kept.max_us, clock=kept.max_us, body=kept.body)


def _is_sampled(record: Record) -> bool:
    return record.head.get("kind") == "signals"


def _holds_rows(record: Record) -> bool:
    return not (_is_sampled(record) or is_counts(record))


def _whole(spans: Sequence[tuple[int, int]]) -> tuple[int, int] | None:
    return (min(low for low, _ in spans), max(high for _, high in spans)) if spans else None


def _signals(records: Sequence[Record]) -> pa.Table:
    """The signals among the records, oldest first."""
    found = [parted(record.body)[0] for record in records if _is_sampled(record)]
    return pa.concat_tables([NO_SIGNALS, *(table for table in found if len(table))]).sort_by("time")


def _bad(records: Sequence[Record]) -> list[BadRow]:
    rows = [row for record in records for row in record.head.get("bad", ())]
    names = ("file", "kind", "reason", "todo", "row", "line", "column", "raw")
    return [BadRow(**{name: row[name] for name in names if name in row}) for row in rows[:KEPT_BAD]]
