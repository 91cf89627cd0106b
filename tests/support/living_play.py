"""The player of the living loop's tests, everything it needs to be up, and what is compared afterwards."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from fireline.clock import iso, micros
from fireline.demo.pager import Pager
from fireline.detect.baseline import Baseline
from fireline.reader import CountsReader
from fireline.runbook.load import load
from fireline.store.switches import StoredSwitchBoard
from fireline.telemetry.lake import Lake
from fireline.terms.counts import SERVICE
from tests.support.processes import Counter, Fate, Keeper, Server, Town, ask, until

STEP = timedelta(minutes=5)
BAD_AT = timedelta(hours=1, minutes=30)
JSONL = {"Content-Type": "application/x-ndjson"}
PAGING = """channels:
  phone:
    kind: webhook
    url: http://127.0.0.1:{port}/page
    secret_env: DEMO_PAGER_SECRET
    allow_private: true
paging:
  steps:
    - channels: [phone]
  repage_every: 30m
  ack_lasts: 12h
"""
Incident = Mapping[str, Any]


@dataclass
class Play:
    """Sends the log step by step, and moves the clock once all of a step was taken."""

    town: Town
    server: Server
    counter: Counter
    now: datetime = field(init=False)
    sent: int = 0
    deployed: bool = False

    def __post_init__(self) -> None:
        self.now = self.town.begin

    def step(self) -> None:
        """Five minutes."""
        end = self.now + STEP
        if not self.deployed and end > self.town.begin + BAD_AT:
            self._deploy()
        rows = [_plain(row) for row in self.town.rows if self.now <= row["time"] < end]
        out = self.switch()
        until(lambda: self.counter.ask("/obeys")["version"] >= out, "the guard does not obey")
        self.counter.ask("/step", rows)
        self.sent += len(rows)
        until(lambda: self.counter.ask("/flush", 2.0)["away"], "events do not get away")
        self._labels(end)
        self.told("/v1/drill/clock", {"to": iso(end)})
        self.now = end

    def switch(self) -> int:
        """The version of the switch that is out: requests go on once the guard obeys it."""
        path = f"/v1/services/{self.town.service}"
        view = until(lambda: ask(self.server.port, "GET", path), "the service cannot be seen")
        return int((view.get("switch") or {}).get("version", 0))

    def _deploy(self) -> None:
        self.counter.ask("/deploy", {"B": 1.0})
        change = {"at": iso(self.town.begin + BAD_AT), "kind": "deploy", "what": "model B to everybody",
                  "service": self.town.service, "version": "B"}  # fmt: skip
        self.told("/v1/changes", change)
        self.deployed = True

    def _labels(self, end: datetime) -> None:
        rows = [row for row in self.town.labels if self.now <= row["label_time"] < end]
        if rows:
            lines = [json.dumps({**row, "label_time": iso(row["label_time"])}).encode() for row in rows]
            path, key = f"/v1/labels?service={self.town.service}", {"Idempotency-Key": f"labels {iso(end)}"}
            self.told(path, b"\n".join(lines) + b"\n", **JSONL, **key)

    def told(self, path: str, body: Any, **headers: str) -> None:
        """POST it until it is taken."""
        until(
            lambda: ask(self.server.port, "POST", path, body, **headers) or True,
            lambda: f"{path} is not taken: {self.server.log()}",
        )

    def incidents(self) -> list[dict[str, Any]]:
        """As they stand, oldest first."""

        def read() -> list[list[dict[str, Any]]]:
            names = [brief["id"] for brief in ask(self.server.port, "GET", "/v1/incidents")]
            return [[ask(self.server.port, "GET", f"/v1/incidents/{name}") for name in reversed(names)]]

        found: list[dict[str, Any]] = until(read, "incidents cannot be read")[0]
        return found

    def person(self, incidents: list[dict[str, Any]]) -> None:
        """Whoever is on call: takes it, keeps the measure once the watch period has passed, and approves the
        review."""
        for incident in incidents:
            kinds = {e["kind"] for e in incident["timeline"]}
            if incident["state"] == "merged" or "paged" not in kinds:
                continue
            if "acked" not in kinds:
                self._command(incident, "ack", "mine", "acked")
            passed = any("watch period has passed" in e["because"] for e in incident["timeline"])
            for measure in incident["measures"]:
                if passed and measure["state"] == "confirmed" and measure["temporary"]:
                    self._command(incident, "keep", "B stays out", "kept", measure["id"])
            if incident["state"] == "learning" and "review" in kinds:
                self._command(incident, "approve_review", "read", "review_approved")

    def _command(self, incident: Incident, command: str, text: str, kind: str, measure: str = "") -> None:
        """Give it until it is seen to be done: a person looks again when a click brought an error."""
        path = f"/v1/incidents/{incident['id']}"

        def give() -> bool:
            timeline = ask(self.server.port, "GET", path)["timeline"]
            if kind not in {e["kind"] for e in timeline} and not _asked(timeline, text):
                order = {"text": text, **({"measure": measure} if measure else {})}
                ask(self.server.port, "POST", f"{path}/{command}", order)
            return True

        until(give, f"{command} is not taken")

    def through(
        self, hours: float, after: Callable[[Play], None] = lambda play: None
    ) -> list[dict[str, Any]]:
        """Steps until ``hours`` have passed since the server's first moment; the incidents then."""
        while self.now < self.town.begin + timedelta(hours=hours):
            self.step()
            self.person(self.incidents())
            after(self)
        return self.incidents()


def _asked(timeline: list[dict[str, Any]], text: str) -> bool:
    return any(e["kind"] == "requested" and e["because"] == text for e in timeline)


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    told = {n: value for n, value in row.items() if n not in ("time", "version", "shadow", "status")}
    return {**told, "at": iso(row["time"])}


@dataclass
class Scene:
    """Everything up: server under a keeper, service, player, pager."""

    server: Server
    counter: Counter
    play: Play
    keeper: Keeper
    pages: list[Mapping[str, Any]]


@contextmanager
def scene(
    town: Town, folder: Path, fates: list[Fate] | None = None, db: str | None = None
) -> Iterator[Scene]:
    """A living scene in ``folder``; everything has ended when it is left."""
    secret = secrets.token_hex(16)
    pager = Pager(secret, lambda page: None)
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "fireline.yaml"
    config.write_text(PAGING.format(port=pager.port))
    server = Server(town, folder, db=db, config=config, secret=secret)
    counter = Counter(town, folder, server.credentials())
    keeper = Keeper(server, fates or [])
    try:
        server.ready()
        counter.start()
        yield Scene(server, counter, Play(town, server, counter), keeper, pager.pages)
    finally:
        keeper.close()
        if counter.process is not None:
            counter.kill()
        server.stop()
        pager.close()


# -- what is compared --

MOVES = ("paged", "acked")
"""Entries whose place a page's way over the wire decides: pages are sent beside the loop."""


def story_of(incident: Incident) -> list[tuple[Any, ...]]:
    """An incident's journal without what the wire may move, and without who did it (a process has a name).

    That guards have heard what was kept is seen at the next look of whichever server they speak to.
    """
    errands = {m["id"] for m in incident["measures"] if m["action"] == "keep"}
    said = []
    for entry in incident["timeline"]:
        if entry["kind"] in MOVES or (entry["kind"] == "confirmed" and entry["measure"] in errands):
            continue
        verdict = (entry.get("verdict") or {}).get("verdict")
        because = "claimed" if entry["kind"] == "claimed" else entry["because"]
        said.append((entry["kind"], entry["at"], because, entry.get("to"), verdict))
    return said


GIST = ("opened", "moved", "requested", "applied", "kept", "verdict", "watch", "review")


def gist_of(incident: Incident) -> list[tuple[Any, ...]]:
    """What was done and what came of it, in order, without times: all that can be the same when a server died
    with a measure in its hand, whose lease must lapse before another takes it up."""
    return [(kind, to, verdict) for kind, _, _, to, verdict in story_of(incident) if kind in GIST]


def claims(incidents: list[dict[str, Any]]) -> int:
    """How often measures were taken in hand."""
    return sum(e["kind"] == "claimed" for i in incidents for e in i["timeline"])


@dataclass(frozen=True)
class Taken:
    """What lies in a server's store and lake: each event by id with what does not depend on the machine, how
    often each id lies there, labels, the sum of the counts, and switches put out."""

    ids: tuple[str, ...]
    rows: Mapping[str, Mapping[str, Any]]
    labels: tuple[tuple[str, ...], ...]
    counted: int
    switches: int

    @classmethod
    def of(cls, server: Server) -> Taken:
        """Reads them; the server may run on."""
        name = server.town.service
        with server.store() as store:
            lake = Lake(server.data / "lake")
            events = lake.read([f.file for f in store.lake_files("events", 0, 1 << 62, name)])
            labels = lake.read([f.file for f in store.lake_files("labels", 0, 1 << 62, name)])
            counted = _counted(server, CountsReader(store, name))
            out = StoredSwitchBoard(store).current(name)
        own = ("latency_ms", "host", "row")
        rows = events.select([n for n in events.column_names if n not in own]).to_pylist()
        known = sorted((r["request_id"], str(r["label"]), str(r["label_time"])) for r in labels.to_pylist())
        ids = tuple(sorted(row["request_id"] for row in rows))
        by_id = {row["request_id"]: row for row in rows}
        return cls(ids, by_id, tuple(known), counted, out.version if out is not None else 0)


def _counted(server: Server, read: CountsReader) -> int:
    """Events in the service's counts since the server began, late ones with them."""
    runbook = load(server.town.runbook)
    layout = Baseline.load(server.town.folder / runbook.reference.baseline).plan.rates
    grain = layout.grains["service"]
    low = micros(server.town.begin) // 1_000_000 // grain
    counts = read(layout, grain, low, low + 86_400 // grain).get(SERVICE)
    cell = layout.series[0].cells.index("n")
    return int(np.asarray(counts)[:, cell].sum()) if counts is not None else 0
