"""A small live service: a runbook with a baseline, its traffic, and a server on a drill clock."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from fireline.clock import Clock, ManualClock, iso, micros
from fireline.live.book import open_books
from fireline.live.door import Answer
from fireline.live.running import Running
from fireline.reference import take_baseline
from fireline.store import Store
from fireline.store.leases import give_up_lease
from fireline.terms.incident import Incident
from fireline.terms.timeline import EntryKind

Traffic = Callable[[datetime, datetime], list[dict[str, Any]]]
SERVICE = "pricing"
SINCE = datetime(2026, 1, 5, tzinfo=UTC)
DAYS = 14
BEGIN = SINCE + timedelta(days=DAYS)
"""When the reference ends and live traffic begins."""
RATE = 4.0
"""Events a minute."""
JSONL = "application/x-ndjson"

RUNBOOK = f"""\
fireline: 1
service: {SERVICE}
purpose: Says what a room should cost tonight.
timezone: UTC
task: binary
ownership: {{team: revenue}}
columns:
  time: time
  request_id: request_id
  version: version
  features: {{x: numeric}}
  score: score
  label: label
  label_time: label_time
  status: status
labels: {{age: 6h}}
allowed_lateness: 15m
reference: {{since: {iso(SINCE)}, until: {iso(BEGIN)}}}
severity:
  - {{when: {{urgency: page}}, severity: SEV1, because: Guests pay wrong prices.}}
decisions:
  - when: {{cause: deploy}}
    action: rollback
    authority: ask
    answer_within: 30m
    unanswered: do
    because: Undo first.
ladder:
  - {{name: current, kind: current}}
  - {{name: last known good, kind: last_known_good, version: A}}
last_known_good: {{version: A, known_by: AUC 0.76 in January, since: {iso(SINCE)}}}
watch: 6h
"""


def rows(
    since: datetime, until: datetime, version: str = "A", wrong: float = 0.01, rate: float = RATE, **more: Any
) -> list[dict[str, Any]]:
    """Requests in [since, until), evenly, ``wrong`` of them answered with a 500; the same for the same
    times."""
    step = timedelta(minutes=1 / rate)
    n = max(0, int((until - since) / step))
    rng = np.random.default_rng(micros(since) // 1_000_000)
    x, fails = rng.normal(size=n), rng.random(n) < wrong
    return [
        {
            "time": iso(since + i * step),
            "request_id": f"r{micros(since + i * step) // 1000}",
            "version": version,
            "x": round(float(x[i]), 4),
            "score": round(float(1 / (1 + np.exp(-x[i]))), 4),
            "status": 500 if fails[i] else 200,
            **more,
        }
        for i in range(n)
    ]


def lines(found: Sequence[dict[str, Any]]) -> bytes:
    """As JSON lines."""
    return b"".join(json.dumps(row).encode() + b"\n" for row in found)


def write_book(folder: Path) -> Path:
    """The runbook's file in ``folder``, its baseline beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    place, log = folder / "runbook.yaml", folder / "past.parquet"
    place.write_text(RUNBOOK)
    past = rows(SINCE, BEGIN)
    for row in past:
        row["time"] = datetime.fromisoformat(row["time"].replace("Z", "+00:00"))
    pq.write_table(pa.Table.from_pylist(past), log)
    take_baseline(place, [log])
    return place


class Living:
    """A server on a drill clock in ``folder``; ``again`` is another process on the same folder."""

    def __init__(
        self,
        book: Path,
        folder: Path,
        now: datetime = BEGIN,
        clock: Clock | None = None,
        database: Path | None = None,
        lake: Path | None = None,
    ) -> None:
        self.book, self.folder, self.lake = book, folder, lake
        self.database = database or folder / "fireline.sqlite"
        self.clock = clock or ManualClock(now)
        folder.mkdir(parents=True, exist_ok=True)
        self.store = Store.open(self.database)
        self.running = Running(self.store, folder, open_books([book]), self.clock, lake_folder=lake)
        self.pulse, self.door = self.running.pulses[SERVICE], self.running.doors[SERVICE]

    def again(self, book: Path | None = None) -> Living:
        """A new process after this one was killed: nothing was closed."""
        give_up_lease(self.store, "loop", self.running._lessee)  # as if it had run out
        clock = ManualClock(self.clock.now()) if isinstance(self.clock, ManualClock) else self.clock
        return Living(book or self.book, self.folder, clock=clock, database=self.database, lake=self.lake)

    def send(self, found: Sequence[dict[str, Any]], key: str = "", kind: str = "events") -> Answer:
        return self.running.take(SERVICE, kind, lines(found), JSONL, key, "")

    def to(self, until: datetime) -> None:
        self.running.move_clock(until)

    def play(
        self,
        until: datetime,
        step: timedelta = timedelta(minutes=12),
        traffic: Traffic = rows,
    ) -> None:
        """Traffic up to ``until``, sent in steps shorter than the lateness allowed."""
        while self.clock.now() < until:
            since = self.clock.now()
            upto = min(since + step, until)
            self.to(upto)
            self.send(traffic(since, upto))
            self.running.beat()

    @property
    def incident(self) -> Incident:
        """The one incident there is."""
        (name,) = self.store.incidents(SERVICE)
        return self.store.incident(name)

    def entries(self, kind: EntryKind) -> list[Any]:
        return [e for e in self.incident.timeline if e.kind is kind]

    def guarded(self, version: str = "A", wrong: float = 0.4) -> Traffic:
        """Traffic to ``version`` (B fails often), but for what the switch that is out says."""

        def traffic(since: datetime, until: datetime) -> list[dict[str, Any]]:
            switch = self.running.board.current(SERVICE)
            routes = [r for r in switch.routes if r.takes(0.0, {}, since)] if switch else []
            answers = next((r.version for r in routes if r.version), version)
            fails = wrong if answers == "B" else 0.01
            number = str(switch.version) if switch else "0"
            return rows(since, until, version=answers, wrong=fails, switch=number, host="h1")

        return traffic
