"""A server that takes events in by every way there is dies and goes on: real processes, kill -9 at any
moment; nothing is lost or doubled.

The rows that are pulled have no id of their own, so no dedup hides a row that was taken twice. Files grow, a
topic on librdkafka's mock broker and a DuckDB table fill, runs end, Prometheus has another sample every
second, and a sender posts until it is answered, while the server is killed at writes and in between.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from fireline.clock import SystemClock, iso, micros
from fireline.detect.baseline import Baseline
from fireline.store.facts import FactKind, read_facts
from fireline.telemetry.lake import Kind, Lake
from fireline.telemetry.tally import add_up
from fireline.terms.counts import SERVICE as WHOLE
from tests.sources.wells._answering import Answering
from tests.sources.wells.kafka import Topic
from tests.sources.wells.mlflow import runs_that_ended
from tests.support.living import SERVICE, write_book
from tests.support.processes import Fate, Gone, Keeper, Server, ask

PATIENCE = 300.0
PUSHED = 1_000_000
"""Numbers of rows that are sent and not pulled."""


def numbered(first: int, count: int) -> list[dict[str, Any]]:
    """Rows of now."""
    now = iso(SystemClock().now() - timedelta(seconds=1))
    same = {"time": now, "version": "A", "score": 0.5, "status": 200}
    return [{**same, "x": float(first + i)} for i in range(count)]


def as_lines(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


class Table:
    """A table of a DuckDB file, which one process at a time may write to, and only while nobody reads it."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self._run(
            "CREATE TABLE log (time TIMESTAMP, version VARCHAR, x DOUBLE, score DOUBLE, status INTEGER)"
        )

    def _run(self, *sql: str) -> None:
        import duckdb

        end = time.monotonic() + PATIENCE
        while True:
            try:
                with duckdb.connect(str(self.place)) as connection:
                    for one in sql:
                        connection.execute(one)
                return
            except duckdb.IOException:
                assert time.monotonic() < end
                time.sleep(0.01)

    def write(self, rows: list[dict[str, Any]]) -> None:
        at = rows[0]["time"].removesuffix("Z")
        values = ", ".join(f"(TIMESTAMP '{at}', 'A', {row['x']}, 0.5, 200)" for row in rows)
        self._run(f"INSERT INTO log VALUES {values}")


class Runs:
    """MLflow's answers: runs that end one after another."""

    def __init__(self) -> None:
        self.ends: list[int] = []
        self.server = Answering(lambda path, query, body: runs_that_ended(self.ends, path, body))

    def write(self) -> None:
        self.ends.append(micros(SystemClock().now()) // 1000)


def samples(path: str, query: dict[str, list[str]], body: dict[str, Any]) -> Any:
    """Prometheus's answer: each second's sample is that second."""
    seconds = range(int(query["start"][0]), int(query["end"][0]) + 1, int(query["step"][0]))
    values = [[at, str(at)] for at in seconds]
    return {
        "status": "success",
        "data": {"resultType": "matrix", "result": [{"metric": {}, "values": values}]},
    }


class Streams:
    """Writes numbered rows to a growing file, to new files, to the topic and to the table; and runs that
    ended."""

    def __init__(self, folder: Path, topic: Topic) -> None:
        self.folder, self.topic, self.sent = folder, topic, 0
        self.folder.mkdir()
        self.table, self.runs, self.prometheus = Table(folder / "log.db"), Runs(), Answering(samples)

    @property
    def book(self) -> str:
        """What the runbook says of them."""
        return f"""sources:
  - {{name: files, kind: folder, path: in/*.jsonl, every: 1s, settle: 1s}}
  - {{name: topic, kind: kafka, brokers: "{self.topic.brokers}", topic: events, every: 1s}}
  - {{name: table, kind: table, url: "duckdb://{self.table.place}", table: log, cursor_column: time, lag: 0s,
     every: 1s}}
  - {{name: runs, kind: mlflow, feed: jobs, url: "{self.runs.server.url}", experiment: train, every: 1s}}
  - {{name: samples, kind: prometheus, feed: signals, url: "{self.prometheus.url}", step: 1s, back: 5s,
     every: 1s, queries: [{{name: second, query: second}}]}}
"""

    def rows(self, count: int) -> list[dict[str, Any]]:
        self.sent += count
        return numbered(self.sent - count, count)

    def write(self, rng: Random) -> None:
        lines = as_lines(self.rows(rng.randrange(1, 400)))
        with (self.folder / "now.jsonl").open("a") as stream:
            at = rng.randrange(len(lines))
            stream.write(lines[:at])
            stream.flush()
            stream.write(lines[at:])
        (self.folder / f"{self.sent:07d}.jsonl").write_text(as_lines(self.rows(rng.randrange(1, 200))))
        for row in self.rows(rng.randrange(1, 200)):
            self.topic.write(row, partition=rng.randrange(3))
        self.table.write(self.rows(rng.randrange(1, 200)))
        self.runs.write()

    def close(self) -> None:
        self.runs.server.away()
        self.prometheus.away()


@dataclass
class Sender:
    """Posts one body after another, each until it is answered: events under a key, events with ids of their
    own, a gauge over OTLP, alerts of Alertmanager, changes, and runs of jobs."""

    server: Server
    sent: int = 0
    told: int = 0
    _ends: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._work = ThreadPoolExecutor(1).submit(self._run)

    def _run(self) -> None:
        while not self._ends.is_set():
            self._round()

    def finish(self) -> None:
        """After the round it is in. Raises what a round raised."""
        self._ends.set()
        self._work.result(PATIENCE)

    def _round(self) -> None:
        n, now = self.told, iso(SystemClock().now() - timedelta(seconds=1))
        events = f"/v1/events?service={SERVICE}"
        rows = numbered(PUSHED + self.sent, 20)
        self._until(events, as_lines(rows[:10]).encode(), **{"Idempotency-Key": f"body {n}"})
        named = [{**row, "request_id": f"r{row['x']}"} for row in rows[10:]]
        self._until(events, as_lines(named).encode())
        point = {"timeUnixNano": str((micros(now_of(now)) + n) * 1000), "asDouble": float(n)}
        whose = {"attributes": [{"key": "service.name", "value": {"stringValue": SERVICE}}]}
        metric = {"name": "pushed", "gauge": {"dataPoints": [point]}}
        metrics = {"resourceMetrics": [{"resource": whose, "scopeMetrics": [{"metrics": [metric]}]}]}
        self._until("/v1/otlp/v1/metrics", metrics, **{"Content-Type": "application/json"})
        alert = {"status": "firing", "labels": {"alertname": f"a{n}", "service": SERVICE},
                 "startsAt": now, "fingerprint": f"f{n}"}  # fmt: skip
        self._until("/v1/alertmanager", {"alerts": [alert]})
        change = {"at": now, "kind": "config", "what": f"change {n}", "service": SERVICE}
        self._until("/v1/changes", change)
        job = {"at": now, "job": "etl", "run": f"e{n}", "state": "succeeded", "service": SERVICE}
        self._until("/v1/jobs", job)
        self.sent, self.told = self.sent + 20, n + 1

    def _until(self, path: str, body: Any, **headers: str) -> None:
        while True:
            try:
                ask(self.server.port, "POST", path, body, 10.0, **headers)
                return
            except Gone:
                time.sleep(0.05)


def now_of(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


class Place:
    """What a server process wants to know of a town."""

    def __init__(self, folder: Path) -> None:
        self.runbook, self.service = write_book(folder), SERVICE


@pytest.fixture
def topic() -> Topic:
    library = pytest.importorskip("confluent_kafka", reason="confluent-kafka is not installed")
    return Topic(library, first=None)


def fates(seed: int, lives: int) -> list[Fate]:
    """At writes, and now and then at any moment: some lives end before the server answers."""
    rng = Random(seed)
    return [
        ("wall", rng.uniform(3.0, 7.0)) if rng.random() < 0.3 else ("write", float(rng.randrange(20, 200)))
        for _ in range(lives)
    ]


@dataclass(frozen=True)
class Lies:
    """What lies in a server's store and lake: how often each numbered row, how many events are counted, each
    gauge's values, and how many facts of each kind."""

    rows: Counter[int]
    counted: int
    gauges: dict[str, list[int]]
    facts: dict[str, int]

    @classmethod
    def of(cls, server: Server, plan: Any) -> Lies:
        """Reads them; the server may run on."""
        with server.store() as store:

            def lake(kind: Kind) -> Any:
                files = [file.file for file in store.lake_files(kind, 0, 1 << 62, SERVICE)]
                return Lake(server.data / "lake").read(files)

            def facts(kind: FactKind) -> int:
                return len(read_facts(store, kind, SERVICE, limit=100_000))

            low = micros(SystemClock().now() - timedelta(hours=1)) // 60_000_000
            counts = store.counts(60, low, low + 120, service=SERVICE, layout=plan.rates.identity)
            cells = add_up(counts, plan.rates, 60, low, low + 120).get(WHOLE)
            n = plan.rates.series[0].cells.index("n")
            signals = lake("signals")
            gauges: dict[str, list[int]] = {"second": [], "pushed": []}
            for row in signals.to_pylist() if len(signals) else ():
                gauges[row["name"]].append(int(row["value"]))
            events = lake("events")
            return cls(
                Counter(int(x) for x in events.column("x").to_pylist()) if len(events) else Counter(),
                int(cells[:, n].sum()) if cells is not None else 0,
                {name: sorted(values) for name, values in gauges.items()},
                {kind: facts(kind) for kind in ("job", "alert", "change")},  # type: ignore[arg-type]
            )


def until(what: Callable[[], bool], end: float) -> None:
    while not what() and time.monotonic() < end:
        time.sleep(0.5)


@pytest.mark.parametrize("seed", [0, *(pytest.param(s, marks=pytest.mark.soak) for s in range(1, 8))])
def test_a_server_killed_while_it_takes_in_takes_each_row_once(
    tmp_path: Path, topic: Topic, seed: int
) -> None:
    pytest.importorskip("ibis", reason="ibis-framework is not installed")
    place = Place(tmp_path / "book")
    streams, rng = Streams(tmp_path / "book" / "in", topic), Random(f"rows {seed}")
    place.runbook.write_text(place.runbook.read_text() + streams.book)
    plan = Baseline.load(place.runbook.parent / "runbook.baseline.npz").plan
    server = Server(place, tmp_path, drill=False)  # type: ignore[arg-type]
    lives = fates(seed, 2 if seed == 0 else 5)
    keeper, sender = Keeper(server, lives), Sender(server)
    try:
        end = time.monotonic() + PATIENCE
        while (keeper.deaths < len(lives) or sender.told < 8) and time.monotonic() < end:
            streams.write(rng)
            time.sleep(0.25)
        streams.write(rng)
        sender.finish()
        last, sent = int(time.time()), streams.sent + sender.sent

        def is_all_there() -> bool:
            lies = Lies.of(server, plan)
            jobs = len(streams.runs.ends) + sender.told
            enough = sum(lies.rows.values()) >= sent and len(lies.gauges["pushed"]) >= sender.told
            return enough and lies.gauges["second"][-1:] >= [last] and lies.facts["job"] >= jobs

        until(is_all_there, end)
    finally:
        keeper.close()
        server.stop()
        streams.close()
    lies = Lies.of(server, plan)
    assert keeper.deaths == len(lives), server.log()
    pushed = range(PUSHED, PUSHED + sender.sent)
    assert lies.rows == Counter([*range(streams.sent), *pushed]), server.log()
    assert lies.counted == sent
    first, *_ = seconds = lies.gauges["second"]
    assert seconds == list(range(first, first + len(seconds))), "every second's sample once"
    assert lies.gauges["pushed"] == list(range(sender.told))
    assert lies.facts == {"job": len(streams.runs.ends) + sender.told, "alert": sender.told,
                          "change": sender.told}  # fmt: skip
