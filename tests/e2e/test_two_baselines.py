"""Two servers on one PostgreSQL, and a new baseline: whichever of them accepts, both go on with it; nothing
is lost, counted twice, alerted or proposed in between.

Their clock runs ahead of the wall's thirty times as fast, so that the minutes until the new series begin are
seconds. Leases, and what waits for a process, stay on the wall's clock.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fireline.baselines.shelf import file_of
from fireline.clock import SystemClock, iso, micros, parse_time
from fireline.detect.baseline import Baseline
from fireline.store import Store
from fireline.telemetry.tally import add_up
from fireline.terms.counts import SERVICE as WHOLE
from fireline.terms.plan import Layout
from tests.support import postgres
from tests.support.living import BEGIN, RUNBOOK, SERVICE
from tests.support.processes import Server, ask, until
from tests.support.spring import DAYS, NOW, in_spring, shifted, spring_book

SPEED = 30
MINUTE, STEP = timedelta(minutes=1), timedelta(seconds=5)
OFF = "".join(
    f"\n  - {{monitor: {name}, off: true, because: how much is sent depends on the machine}}"
    for name in ("traffic", "late_share", "duplicate_rate")
)
BOOK = RUNBOOK.replace("allowed_lateness: 15m", f"allowed_lateness: 2m\nmonitors:{OFF}")
PLACE = f"/v1/services/{SERVICE}/baselines"
JSONL = {"Content-Type": "application/x-ndjson"}
QUICK = """
import sys
from datetime import timedelta
import fireline.clock as clocks
from fireline.clock import SystemClock, parse_time
from fireline.live import running  # what is for processes keeps the wall's clock

began, virtual, speed = parse_time(sys.argv.pop(1)), parse_time(sys.argv.pop(1)), int(sys.argv.pop(1))

class Quick(SystemClock):
    def now(self):
        return virtual + (super().now() - began) * speed

clocks.SystemClock = Quick
from fireline.cli.entry import main
sys.exit(main(sys.argv[1:]))
"""


@dataclass
class Town:
    """What both servers stand on, and the time it is there."""

    runbook: Path
    lake: Path
    began: datetime
    service: str = SERVICE
    begin: datetime = NOW

    def now(self) -> datetime:
        return NOW + (SystemClock().now() - self.began) * SPEED


@dataclass
class Quick(Server):
    """A server whose clock runs faster."""

    def start(self, die_at: str = "") -> None:
        town: Any = self.town
        command = ["serve", str(town.runbook), "--data", str(self.data), "--port", str(self.port),
                   "--db", str(self.db), "--lake", str(town.lake)]  # fmt: skip
        self.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-W", "ignore", "-c", QUICK, iso(town.began), iso(NOW), str(SPEED),
                 *command],
                stdout=log, stderr=log, start_new_session=True, env=dict(os.environ),
            )  # fmt: skip


@dataclass
class Traffic:
    """Sends what each stretch of time brings to the servers in turn, every third body to both."""

    town: Town
    servers: list[Server]
    upto: datetime
    sent: int = 0
    turns: int = 0

    def flow(self) -> None:
        """Whatever there is by now."""
        since, now = self.upto, self.town.now()
        self.upto += (now - since) // STEP * STEP
        rows = shifted(since, self.upto, rate=MINUTE / STEP)
        self.turns += 1
        if not rows:
            return
        body = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
        to = self.servers if self.turns % 3 == 0 else [self.servers[self.turns % 2]]
        for server in to:
            key = {"Idempotency-Key": f"body {self.turns}"}
            ask(server.port, "POST", f"/v1/events?service={SERVICE}", body, **JSONL, **key)
        self.sent += len(rows)

    def until(self, what: Callable[[], Any], why: str, patience: float = 60.0) -> Any:
        """Flows until ``what`` gives something true."""

        def flowing() -> Any:
            self.flow()
            return what()

        return until(flowing, why, patience, pause=0.25)


@pytest.fixture(scope="module")
def database() -> Iterator[postgres.Postgres]:
    yield from postgres.given()


@pytest.fixture
def traffic(tmp_path: Path, database: postgres.Postgres) -> Iterator[Traffic]:
    """Two servers, the first of which leads, on one store that knows the days of spring."""
    book, db, lake = spring_book(tmp_path / "book", BOOK), database.new_database(), tmp_path / "lake"
    in_spring(book, tmp_path / "one", db, lake)
    town = Town(book, lake, SystemClock().now())
    pair: list[Server] = [Quick(town, tmp_path, db=db, name=name) for name in ("one", "other")]  # type: ignore[arg-type]
    try:
        for server in pair:
            server.start()
            server.ready()
        yield Traffic(town, pair, town.now())
    finally:
        for server in pair:
            server.stop()


def reference(server: Server) -> dict[str, Any]:
    """The baselines as a server tells of them, and by which it counts."""
    told: dict[str, Any] = ask(server.port, "GET", PLACE)
    return told


def ticks(store: Store, layout: Layout, late: bool | None = None) -> dict[int, int]:
    """Events in the service's counts since the servers began: by the minute they are of (microseconds)."""
    low = micros(NOW) // 60_000_000
    rows = store.counts(60, low, 1 << 40, late=late, service=SERVICE, layout=layout.identity)
    cells = add_up(rows, layout, 60, low, low + 10_000).get(WHOLE)
    if cells is None:
        return {}
    n = cells[:, layout.series[0].cells.index("n")]
    return {(low + i) * 60_000_000: int(v) for i, v in enumerate(n) if v}


def judged(server: Server) -> datetime:
    """Up to when everything was judged."""
    return parse_time(ask(server.port, "GET", f"/v1/services/{SERVICE}")["judged_until"])


def test_whichever_of_two_servers_accepts_both_go_on_with_it(traffic: Traffic) -> None:
    one, other = traffic.servers
    days = {"since": iso(BEGIN), "until": iso(BEGIN + DAYS), "because": "spring"}
    traffic.until(lambda: judged(one) > NOW + MINUTE, "nothing is judged")
    made_against = ask(other.port, "POST", PLACE, days)
    (made,) = made_against["proposals"]
    told = ask(other.port, "POST", f"{PLACE}/{made['id']}/accept", {"because": "it is spring"})
    begins, new, old = parse_time(told["counted_since"]), told["reference"], made_against["reference"]
    assert new != old
    traffic.until(lambda: reference(one)["reference"] == new, "the one that leads does not go over")
    traffic.until(lambda: judged(one) >= begins + 2 * MINUTE, "the new series are not judged")
    ask(one.port, "POST", f"{PLACE}/own/back", {"because": "winter again"})
    traffic.until(lambda: reference(other)["reference"] == old, "the other does not go back")
    with one.store() as store:
        learnt = file_of(store, SERVICE, made["id"])
        assert learnt is not None
        plans = [Baseline.load(traffic.town.runbook.parent / "runbook.baseline.npz").plan, learnt.plan]
        assert plans[0].rates.identity != plans[1].rates.identity

        def counted() -> list[int]:
            return [sum(ticks(store, plan.rates).values()) for plan in plans]

        until(lambda: sum(counted()) >= traffic.sent, lambda: f"lost: {counted()} of {traffic.sent}")
        time.sleep(2.0)  # what would be counted a second time has time to be
        assert sum(counted()) == traffic.sent
        assert min(counted()) > 0
        assert min(ticks(store, plans[1].rates, late=False)) >= micros(begins), "the new series begin then"
        incidents = [store.incident(name) for name in store.incidents(SERVICE)]
        assert [alert for incident in incidents for alert in incident.alerts] == []
    kept = reference(one)
    assert [p["standing"] for p in kept["proposals"]] == ["accepted"], "none was proposed beside it"
    assert [line["what"] for line in kept["journal"]] == ["proposed", "accepted", "went back"]
