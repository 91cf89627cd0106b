"""Two servers on one PostgreSQL: one leads; when it dies the other takes over, and goes on."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from fireline.clock import SystemClock, iso
from fireline.live.running import LEASE
from tests.support import postgres
from tests.support.processes import Counter, Gone, Server, Town, ask, until

LONGEST = 4 * LEASE.total_seconds()
"""A dead server's lease has lapsed long before, and the other looks twice a second: the rest is for a machine
that has other things to do."""
EDITS = (("allowed_lateness: 5m", "allowed_lateness: 2s"),)
JSONL = {"Content-Type": "application/x-ndjson"}


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    return Town.make(tmp_path_factory.mktemp("town"), 1.0, edits=EDITS)


@pytest.fixture(scope="module")
def database() -> Iterator[postgres.Postgres]:
    yield from postgres.given()


@pytest.fixture(params=[True, False], ids=["one lake", "a lake each"])
def pair(
    town: Town, tmp_path: Path, database: postgres.Postgres, request: pytest.FixtureRequest
) -> Iterator[tuple[Server, Server]]:
    db, more = database.new_database(), ("--lake", str(tmp_path / "lake")) if request.param else ()
    pair = [Server(town, tmp_path, db=db, drill=False, name=name, more=more) for name in ("one", "other")]
    try:
        for server in pair:
            server.start()
            server.ready()
        yield pair[0], pair[1]
    finally:
        for server in pair:
            server.stop()


def leads(server: Server) -> bool:
    """What the server says of itself."""
    try:
        with urlopen(f"http://127.0.0.1:{server.port}/metrics", timeout=60) as answer:
            return "\nfireline_leads 1" in answer.read().decode()
    except HTTPError as error:
        raise Gone(f"{error.code} {error.read()[:500]!r}") from None
    except OSError as error:
        raise Gone(str(error)) from None


def events(server: Server, town: Town, prefix: str, n: int = 30) -> None:
    """``n`` events of now, sent to one server."""
    now = iso(SystemClock().now())
    rows = [{"time": now, "request_id": f"{prefix}{i}", "version": "B", "score": 0.2, "prediction": 0,
             "region": "west", "amount": 10.0, "status": "200"} for i in range(n)]  # fmt: skip
    body = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
    ask(server.port, "POST", f"/v1/events?service={town.service}", body, **JSONL)


def test_the_other_takes_over_and_goes_on(town: Town, tmp_path: Path, pair: tuple[Server, Server]) -> None:
    one, other = pair
    until(lambda: leads(one), "nobody leads")
    for _ in range(5):
        assert [leads(one), leads(other)] == [True, False]
        time.sleep(0.3)
    events(one, town, "one-")
    events(other, town, "other-")
    found = ask(other.port, "POST", "/v1/incidents", {"service": town.service, "title": "B is bad"})
    counter = Counter(town, tmp_path, other.credentials(), ("--real-clock",))
    counter.start("B")
    try:
        until(lambda: _counted(one, town) >= 60, "what both took is not counted")
        one.kill()
        order = {"action": "rollback", "params": {"from": "B", "to": "A"}, "text": "now", "hours": 1}
        ask(other.port, "POST", f"/v1/incidents/{found['id']}/measures", order)
        until(lambda: leads(other), "nobody takes over", LONGEST)
        until(lambda: counter.ask("/obeys")["version"] == 1, "the guard is not told")
        until(lambda: _confirmed(other, counter, town, found["id"]), "it is not seen to take", pause=0.3)
        assert ask(other.port, "GET", f"/v1/services/{town.service}")["trouble"] == ""
    finally:
        counter.kill()


def _counted(server: Server, town: Town) -> int:
    """Events that lie in the lake, by the store's account."""
    with server.store() as store:
        return sum(f.rows for f in store.lake_files("events", 0, 1 << 62, town.service))


def _confirmed(server: Server, counter: Counter, town: Town, incident: str) -> Any:
    """Traffic flows until the measure is confirmed."""
    rows = [{n: v for n, v in row.items() if n != "time"} for row in town.rows[:10]]
    counter.ask("/step", [{**row, "at": "", "request_id": f"{time.monotonic()}"} for row in rows])
    return ask(server.port, "GET", f"/v1/incidents/{incident}")["measures"][0]["confirmed_at"]
