"""A live server on this machine: alert to confirmed containment, switch to fifty guards, rows a second.

    python -m bench.live                          all three
    python -m bench.live --only switches,ingest

``containment``: the real clock, a guard sending events of a version that goes wrong; from the entry
of the alert that paged to the measure seen in traffic (bar 10 s). ``switches``: fifty guards, each a process;
from the switch being put to each obeying it (bar 1 s at p99). ``ingest``: rows a second, each batch on disk
before it is acknowledged.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from fireline.clock import SystemClock, iso, micros, parse_time
from fireline.store.switches import StoredSwitchBoard
from fireline.terms.switch import Route, Switch
from tests.support.processes import Counter, Server, Town, ask, until

EDITS = (
    (
        "  - when: {cause: [deploy]}\n    action: rollback\n    authority: observe",
        "  - when: {}\n    action: rollback\n    authority: auto",
    ),
    ("allowed_lateness: 5m", "allowed_lateness: 2s"),
    ("  shadow: shadow\n", "  shadow: shadow\n  rung: rung\n  switch: switch\n"),
    ("\nmonitors:", "\nmonitors:\n  - {monitor: latency, off: true, because: it is the machine's own}"),
)
MINUTE = 60_000_000
PUSHES = (
    ("ndjson", 500, 1), ("ndjson", 5000, 1), ("ndjson", 500, 4),
    ("arrow", 5000, 1), ("arrow", 50_000, 1), ("arrow", 5000, 4),
)  # fmt: skip
"""Form, rows in a batch, senders."""
GUARD = """
import sys, time
from fireline.guard import Guard
guard = Guard(sys.argv[1], state=sys.argv[2], wait=25.0)
obey = guard.obey
follower = guard.wire.follower
really = follower._obey
def told(switch):
    really(switch)
    print(switch.version, time.time(), flush=True)
follower._obey = told
guard.start(10.0)
print("up", flush=True)
time.sleep(3600)
"""


def containment(town: Town, folder: Path) -> None:
    """From the page's entry to the confirmed one, and the steps between."""
    server = Server(town, folder, drill=False)
    environment = server.credentials()
    with server.store() as store, store.begin() as tx:  # a server's first full hour is not waited for
        minute = micros(SystemClock().now()) // MINUTE * MINUTE
        tx.put_state(f"live:{town.service}", minute + MINUTE, b"")
    server.start()
    counter = Counter(town, folder, environment, ("--real-clock",))
    try:
        server.ready()
        counter.start("A")
        _traffic(counter, town, 65.0, lambda: False)
        counter.ask("/deploy", {"B": 1.0})
        change = {"at": iso(SystemClock().now()), "kind": "deploy", "what": "B to everybody", "version": "B",
                  "service": town.service}  # fmt: skip
        ask(server.port, "POST", "/v1/changes", change)
        began = time.time()
        _traffic(counter, town, 900.0, lambda: _confirmed(server) is not None)
        incident = _confirmed(server)
        if incident is None:
            print(server.log()[-500:])
            print("no measure was confirmed in a quarter of an hour")
            return
        _told(incident, began)
    finally:
        if counter.process is not None:
            counter.kill()
        server.stop()


def _traffic(counter: Counter, town: Town, seconds: float, enough: Callable[[], bool]) -> None:
    """Ten requests a second, for so long or until it is enough."""
    end, number = time.monotonic() + seconds, 0
    while time.monotonic() < end and not enough():
        rows = []
        for row in town.rows[number % 400 : number % 400 + 5]:
            plain = {
                name: value
                for name, value in row.items()
                if name not in ("time", "version", "shadow", "status")
            }
            rows.append({**plain, "at": "", "request_id": f"{time.time_ns()}-{len(rows)}"})
        counter.ask("/step", rows)
        number += 5
        time.sleep(0.5)


def _confirmed(server: Server) -> dict[str, Any] | None:
    for brief in ask(server.port, "GET", "/v1/incidents"):
        if any(m["confirmed_at"] for m in brief["measures"]):
            found: dict[str, Any] = ask(server.port, "GET", f"/v1/incidents/{brief['id']}")
            return found
    return None


def _told(incident: dict[str, Any], began: float) -> None:
    deployed = datetime.fromtimestamp(began, UTC)
    requested = next(e for e in incident["timeline"] if e["kind"] == "requested")
    before = [e for e in incident["timeline"] if e["kind"] == "alerted" and e["seq"] < requested["seq"]]
    alert = parse_time(before[-1]["at"])
    print(f"{'deployed to the alert that paged':40} {(alert - deployed).total_seconds():8.1f} s")
    for kind in ("requested", "applied", "confirmed"):
        at = parse_time(next(e["at"] for e in incident["timeline"] if e["kind"] == kind))
        print(f"{'alert to ' + kind:40} {(at - alert).total_seconds():8.2f} s")


def switches(town: Town, folder: Path, guards: int, times: int) -> None:
    """From the switch being put to each guard obeying it."""
    server = Server(town, folder, drill=False)
    environment = server.credentials()
    server.start()
    server.ready()
    heard: dict[int, list[float]] = {}
    lock = threading.Lock()

    def listen(process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            said = line.split()
            if len(said) == 2:
                with lock:
                    heard.setdefault(int(said[0]), []).append(float(said[1]))

    processes = []
    for number in range(guards):
        state = folder / f"guard{number}"
        one = subprocess.Popen([sys.executable, "-c", GUARD, town.service, str(state)], text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                               env={**os.environ, **environment})  # fmt: skip
        processes.append(one)
        threading.Thread(target=listen, args=(one,), daemon=True).start()
    try:
        path = f"/v1/services/{town.service}"
        until(lambda: len(ask(server.port, "GET", path)["guards"]) >= guards, "guards do not listen", 120.0)
        time.sleep(2.0)
        all_, last = _switch_times(server, town, guards, times, heard)
    finally:
        for one in processes:
            one.kill()
        server.stop()
    print(f"{guards} guard processes, {times} switches, ms from the journal's request to obeyed")
    for name, found in (("each guard", all_), ("the last of them", last)):
        p50, p99 = np.percentile(found, 50), np.percentile(found, 99)
        print(f"{name:20} p50 {p50:7.0f}   p99 {p99:7.0f}   most {max(found):7.0f}")


def _switch_times(
    server: Server, town: Town, guards: int, times: int, heard: dict[int, list[float]]
) -> tuple[list[float], list[float]]:
    found = ask(server.port, "POST", "/v1/incidents", {"service": town.service, "title": "a bench"})
    all_: list[float] = []
    last: list[float] = []
    for version in range(1, times + 1):
        order = {"action": "rollback", "params": {"from": "B", "to": "A"}, "text": "bench", "hours": 1}
        path = f"/v1/incidents/{found['id']}/measures"
        put = time.time()
        if version == 1:
            ask(server.port, "POST", path, order)
        else:  # one measure is in force: further switches are put as another server on the store would
            with server.store() as store:
                now = SystemClock().now()
                routes = (Route(f"msr-{version}", version="A", expires_at=now + timedelta(hours=1)),)
                switch = Switch(town.service, version, routes, now, None, "bench")
                StoredSwitchBoard(store).put(switch, f"k{version}")
            put = time.time()
            # waking the loop is what putting a switch does inside the server
            ask(server.port, "POST", f"/v1/incidents/{found['id']}/note", {"text": "a switch is out"})
        until(lambda v=version: len(heard.get(v, [])) >= guards, f"{len(heard.get(version, []))} obey", 20.0)
        waits = [(at - put) * 1000 for at in heard[version]]
        all_ += waits
        last.append(max(waits))
        time.sleep(0.3)
    return all_, last


def ingest(town: Town, folder: Path, seconds: float) -> None:
    """Rows a second over HTTP, from one and from four senders, each batch synced to disk."""
    server = Server(town, folder, drill=False)
    server.start()
    server.ready()
    print(f"{'form':10} {'senders':>8} {'rows a batch':>13} {'rows/s':>10} {'ms a batch':>11}")
    try:
        for form, rows, senders in PUSHES:
            sent, took, waits = _pushed(server, town, form, rows, senders, seconds)
            wait = 1000 * float(np.median(waits))
            print(f"{form:10} {senders:8} {rows:13,} {sent / took:10,.0f} {wait:11.1f}", flush=True)
    finally:
        server.stop()


def _pushed(
    server: Server, town: Town, form: str, rows: int, senders: int, seconds: float
) -> tuple[int, float, list[float]]:
    sent, waits, lock = [0], [], threading.Lock()
    kind = "application/x-ndjson" if form == "ndjson" else "application/vnd.apache.arrow.stream"
    end = time.monotonic() + seconds

    def push(sender: int) -> None:
        number = 0
        while time.monotonic() < end:
            body = _body(town, form, rows, f"{form}-{rows}-{senders}-{sender}-{number}")
            began = time.monotonic()
            _until_taken(server, f"/v1/events?service={town.service}", body, kind)
            with lock:
                waits.append(time.monotonic() - began)
                sent[0] += rows
            number += 1

    threads = [threading.Thread(target=push, args=(i,)) for i in range(senders)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    # the senders' own work of making bodies is not the server's: only the time waited for it counts
    return sent[0], sum(waits) / senders, waits


def _until_taken(server: Server, path: str, body: bytes, kind: str) -> None:
    until(lambda: ask(server.port, "POST", path, body, **{"Content-Type": kind}), "not taken")


def _body(town: Town, form: str, rows: int, name: str) -> bytes:
    now = SystemClock().now()
    ids = [f"{name}-{i}" for i in range(rows)]
    rng = np.random.default_rng(len(name))
    table = pa.table({
        "time": pa.array([now] * rows, pa.timestamp("us", "UTC")), "request_id": ids, "version": ["A"] * rows,
        "region": ["west"] * rows, "amount": rng.normal(50, 9, rows),
        "account_age_days": rng.normal(400, 90, rows),
        "ip_risk": rng.random(rows), "sessions_7d": rng.integers(0, 20, rows).astype(float),
        "score": rng.random(rows), "prediction": rng.integers(0, 2, rows), "status": ["200"] * rows,
    })  # fmt: skip
    if form == "arrow":
        sink = io.BytesIO()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        return sink.getvalue()
    told = iso(now)
    plain = table.drop_columns(["time"]).to_pylist()
    return b"".join(json.dumps({"time": told, **row}).encode() + b"\n" for row in plain)


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    asked.add_argument("--only", default="containment,switches,ingest")
    asked.add_argument("--guards", type=int, default=50)
    asked.add_argument("--times", type=int, default=20)
    asked.add_argument("--seconds", type=float, default=5.0)
    told = asked.parse_args()
    wanted = told.only.split(",")
    with tempfile.TemporaryDirectory() as place:
        town = Town.make(Path(place) / "town", 3.0, EDITS)
        for name, run in (
            ("switches", lambda to: switches(town, to, told.guards, told.times)),
            ("ingest", lambda to: ingest(town, to, told.seconds)),
            ("containment", lambda to: containment(town, to)),
        ):
            if name in wanted:
                print(f"\n-- {name}", flush=True)
                folder = Path(place) / name
                folder.mkdir()
                run(folder)


if __name__ == "__main__":
    main()
