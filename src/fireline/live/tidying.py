"""Once an hour: the many small batches of the hour before become one file and one row of counts a scope.

A server counts a batch a minute or more often. Read for weeks, so many files and rows would make triage wait.
What is read stays the same: rows keep their order of arrival, counts add up to what they were.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from fireline.clock import from_micros, micros
from fireline.ids import stable_id
from fireline.live.adding import added
from fireline.live.keeping import Keeping, keep_small
from fireline.runbook.schema import Runbook
from fireline.store import LakeFile, Store
from fireline.store.rollup import forget_files
from fireline.store.tidy import Heap, counts_of, forget_keys, heaps, put_together
from fireline.telemetry.lake import Kind, Lake

LOG = logging.getLogger("fireline")
EVERY = timedelta(hours=1)
STAY = timedelta(minutes=10)
"""How long files that nobody lists any more stay, for who had listed them before."""


@dataclass(eq=False)
class Tidying:
    """Tidies up one service; ``tidy`` is cheap when nothing is to be done.

    Files in the lake of another server on the same store are left as they are.
    """

    store: Store
    lake: Lake
    runbook: Runbook
    due: datetime | None = None
    keeping: Keeping = field(default_factory=Keeping)
    gone: list[tuple[datetime, str]] = field(default_factory=list)

    def tidy(self, now: datetime) -> int:
        """Put the heaps of past hours together; how many there were."""
        self._remove(now)
        if self.due is not None and now < self.due:
            return 0
        self.due = now + EVERY
        known = heaps(self.store, self.runbook.service, now)
        found = [heap for heap in known if all(self.lake.has(file.file) for file in heap.files)]
        for heap in found:
            self._one(heap, now)
        forget_keys(self.store, self.runbook.service, now - 2 * self.runbook.dedup_horizon)
        judged = self.store.get_state(f"judge:{self.runbook.service}")
        if judged is not None:
            keep_small(self.store, self.runbook.service, from_micros(judged.tick), now, self.keeping)
        self._let_go(now)
        return len(found)

    def _let_go(self, now: datetime) -> None:
        """Rows that are older than they are kept leave the list, and the disk once nobody can be reading."""
        service, rows = self.runbook.service, self.keeping.rows
        name = f"let-go:{service}"
        if rows is not None:
            gone = forget_files(self.store, service, micros(now - rows), self.lake.has, name, now)
            if gone:
                LOG.info("%s: %d files of rows are older than %s", service, len(gone), rows)
        kept = self.store.get_state(name)
        told = json.loads(kept.body) if kept else []
        over = [file for at, file in told if at <= micros(now - STAY)]
        for file in over:
            (self.lake.folder / file).unlink(missing_ok=True)
        if over:
            left = [[at, file] for at, file in told if at > micros(now - STAY)]
            with self.store.begin() as tx:
                tx.put_state(name, micros(now), json.dumps(left).encode())

    def _one(self, heap: Heap, now: datetime) -> None:
        name = "heap-" + stable_id("heap", *heap.batches, size=10)
        table = self.lake.read([file.file for file in heap.files])
        kinds: dict[str, Kind] = {"events": "events", "labels": "labels", "signals": "signals"}
        path = self.lake.write(name, kinds[heap.kind], table)
        whole = LakeFile(
            heap.kind, path, len(table), min(f.min_us for f in heap.files), max(f.max_us for f in heap.files),
            heap.service,
        )  # fmt: skip
        rows = list(added(counts_of(self.store, heap.batches)))
        if put_together(self.store, name, heap, whole, rows, now):
            self.gone += [(now + STAY, file.file) for file in heap.files]
            LOG.info("%s: %d batches put together as %s", heap.service, len(heap.batches), name)

    def _remove(self, now: datetime) -> None:
        over = [file for until, file in self.gone if until <= now]
        for file in over:
            (self.lake.folder / file).unlink(missing_ok=True)
        self.gone = [(until, file) for until, file in self.gone if until > now]
