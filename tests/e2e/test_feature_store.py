"""A worked example: the feature store dies and requests time out.

The guard falls softly within a call; Fireline notices, says why, holds everybody on the cached rung, and goes
back up when a person says so.
"""

from __future__ import annotations

import json
import math
import threading
import urllib.request
import zlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fireline import commands
from fireline.clock import iso, micros
from fireline.guard import Breaker, Guard, HeardClock, Rung
from fireline.live.past import take_past
from fireline.reference import take_baseline
from fireline.terms.incident import Incident, State
from fireline.terms.measure import MeasureState
from tests.support.listening import free_port
from tests.support.living import BEGIN, SERVICE, SINCE, Living

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
  status: status
  rung: rung
  switch: switch
  host: host
  shadow: shadow
allowed_lateness: 5m
reference: {{since: {iso(SINCE)}, until: {iso(BEGIN)}}}
severity:
  - {{when: {{urgency: page}}, severity: SEV1, because: Guests wait.}}
decisions:
  - when: {{cause: [infrastructure, upstream_data, unknown]}}
    action: fallback
    params: {{rungs: [cached]}}
    authority: auto
    expires: 12h
    because: A cheaper answer takes the load off what is failing while the platform is repaired.
ladder:
  - {{name: current, kind: current, version: A}}
  - {{name: cached, kind: cached, because: Yesterday's features.}}
  - {{name: rules, kind: rules}}
last_known_good: {{version: A, known_by: the reference, since: {iso(SINCE)}}}
watch: 2h
"""
STEP = timedelta(minutes=5)
EVERY = timedelta(seconds=20)


class FeatureStore:
    """A real HTTP service that gives a feature by request id, and can be killed."""

    def __init__(self) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = json.dumps({"x": drawn(self.path)}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.handler, self.server, self.port = Handler, None, free_port()
        self.start()

    def start(self) -> None:
        self.server: Any = ThreadingHTTPServer(("127.0.0.1", self.port), self.handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def kill(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def get(self, name: str) -> float:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/{name}", timeout=60) as answer:
            return float(json.loads(answer.read())["x"])


def drawn(name: str) -> float:
    return float(np.random.default_rng(zlib.crc32(name.strip("/").encode())).normal())


def model(x: float) -> dict[str, float]:
    return {"x": x, "score": round(1 / (1 + math.exp(-x)), 4)}


@pytest.fixture
def features() -> Iterator[FeatureStore]:
    store = FeatureStore()
    yield store
    store.kill()


def write_book(folder: Path) -> Path:
    """The runbook with a baseline of two quiet weeks."""
    place, log = folder / "runbook.yaml", folder / "past.parquet"
    place.write_text(RUNBOOK)
    rng = np.random.default_rng(7)
    times = np.arange(micros(SINCE), micros(BEGIN), micros(SINCE + EVERY) - micros(SINCE))
    x = rng.normal(size=len(times))
    status = np.where(rng.random(len(times)) < 0.002, "error", "ok")
    table = pa.table({
        "time": pa.array(times, pa.timestamp("us", "UTC")),
        "request_id": [f"p{i}" for i in range(len(times))],
        "version": ["A"] * len(times), "x": x, "score": 1 / (1 + np.exp(-x)), "status": status,
        "rung": ["current"] * len(times), "switch": ["0"] * len(times), "host": ["h"] * len(times),
        "shadow": [False] * len(times),
    })  # fmt: skip
    pq.write_table(table, log)
    take_baseline(place, [log])
    return place


class Scene:
    """The service with its guard, the feature store it depends on, and Fireline."""

    def __init__(self, tmp_path: Path, features: FeatureStore) -> None:
        self.fireline = Living(write_book(tmp_path), tmp_path / "data")
        take_past(
            self.fireline.store,
            tmp_path / "data",
            tmp_path / "runbook.yaml",
            [tmp_path / "past.parquet"],
            None,
            lambda what, done: None,
        )
        self.clock, self.rows = HeardClock(BEGIN), []
        self.features = features
        self.now = BEGIN
        breaker = Breaker("A", window=600.0, cool=300.0, now=lambda: self.clock.now().timestamp())
        self.guard = Guard(
            SERVICE,
            [
                Rung("current", version="A", call=self.full, breaker=breaker),
                Rung("cached", kind="cached", call=lambda name: model(drawn(name) * 0.8)),
                Rung("rules", kind="rules", call=lambda name: model(0.0)),
            ],
            url="", describe=lambda answer: answer, exercise=0.0, clock=self.clock, sink=self.rows.append,
        )  # fmt: skip
        self.answered = self.failed = 0

    def full(self, name: str) -> dict[str, float]:
        """The full model: it needs the feature store."""
        return model(self.features.get(name))

    def play(self, until: datetime) -> None:
        """Requests every twenty seconds; the clock moves when Fireline has done what was due."""
        while self.now < until:
            end = self.now + STEP
            while self.now < end:
                self.clock.hear(iso(self.now))
                name = f"r{micros(self.now) // 1_000_000}"
                try:
                    self.guard.call(name, key=name)
                    self.answered += 1
                except OSError:
                    self.failed += 1
                self.now += EVERY
            found, self.rows[:] = list(self.rows), []
            self.fireline.send([{**row, "host": "h"} for row in found])
            self.fireline.to(end)
            switch = self.fireline.running.board.current(SERVICE)
            if switch is not None and switch.version > self.guard.version:
                self.guard.obey(switch)

    def paged(self) -> Incident | None:
        store = self.fireline.store
        found = [store.incident(name) for name in store.incidents(SERVICE)]
        return next((i for i in found if i.paged), None)


def test_the_feature_store_dies(tmp_path: Path, features: FeatureStore) -> None:
    scene = Scene(tmp_path, features)
    scene.play(BEGIN + timedelta(hours=2))
    assert scene.paged() is None
    features.kill()
    died = scene.now
    scene.play(died + timedelta(hours=2))
    assert scene.failed == 0, "every caller got an answer: the guard fell to the cached rung by itself"
    incident = scene.paged()
    assert incident is not None, "users are served by a fallback, and somebody must know"
    assert incident.opened_at - died < timedelta(hours=1)
    assert incident.onset is not None
    assert incident.onset[0] <= died <= incident.onset[1]
    assert incident.onset[1] - incident.onset[0] < timedelta(minutes=10)
    assert incident.causes[0]["cause"] == "infrastructure"
    fallback = next(m for m in incident.measures if m.action == "fallback")
    assert fallback.params["rung"] == "cached"
    assert fallback.state is MeasureState.CONFIRMED, "live traffic was seen to be answered from it"
    lately = scene.fireline.pulse.archive.events(scene.now - timedelta(minutes=30), scene.now)
    assert set(lately.column("rung").to_pylist()) == {"cached"}
    assert incident.state in (State.CONTAINED, State.RECOVERING)

    features.start()
    scene.play(scene.now + timedelta(hours=1))
    last = scene.guard.status()["rungs"][0]["answered"]
    commands.undo(scene.fireline.store, scene.fireline.clock, incident.id, fallback.id, "ada", "it is back")
    scene.fireline.running.wake()
    scene.play(scene.now + timedelta(hours=10))
    ended = scene.fireline.store.incident(incident.id)
    assert scene.guard.status()["rungs"][0]["answered"] > last, "calls go to the model again"
    told = [f"{e.at:%H:%M} {e.kind} {e.because}" for e in ended.timeline]
    assert ended.state in (State.RESOLVED, State.LEARNING, State.CLOSED), told[-12:]
