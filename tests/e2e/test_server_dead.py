"""With the server dead: guards serve, keep containment over their own restarts, and let it end on time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fireline.clock import SystemClock, iso, parse_time
from tests.support.living_play import scene
from tests.support.processes import Counter, Server, Town, ask, until

NOBODY = 2.5
"""Hours of the drill's clock after which the rollback is out."""


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    return Town.make(tmp_path_factory.mktemp("town"), NOBODY)


def answered(counter: Counter, town: Town, at: datetime, n: int = 20) -> dict[str, int]:
    """Who answers ``n`` requests at that time."""
    rows = [{**row, "at": iso(at)} for row in town.rows[:n]]
    for row in rows:
        row.pop("time")
    said: dict[str, int] = counter.ask("/step", rows)["answered"]
    return said


def test_a_drill_s_containment_outlives_server_and_guard(town: Town, tmp_path: Path) -> None:
    with scene(town, tmp_path) as up:
        incidents = up.play.through(NOBODY)
        (measure,) = [m for i in incidents for m in i["measures"]]
        ends = parse_time(measure["expires_at"])
        until(lambda: up.counter.ask("/obeys")["version"] == 1, "the guard does not obey")
        up.keeper.close()
        up.server.kill()
        now = up.play.now
        assert answered(up.counter, town, now) == {"A": 20}, "it serves, contained"
        up.counter.kill()
        up.counter.start("B")
        assert answered(up.counter, town, now) == {"A": 20}, "from its disk: nobody could tell it"
        assert answered(up.counter, town, ends - timedelta(seconds=1)) == {"A": 20}
        assert answered(up.counter, town, ends) == {"B": 20}, "it ends on time, by the guard's clock"
        until(lambda: up.counter.ask("/status")["stale"], "it never says that it is stale")


@pytest.fixture
def real(town: Town, tmp_path: Path) -> Iterator[tuple[Server, Counter, float]]:
    """A server and a guarded service on the real clock, version B serves; and how many seconds a measure must
    hold here so that the service can be started once more meanwhile."""
    server = Server(town, tmp_path, drill=False)
    counter = Counter(town, tmp_path, server.credentials(), ("--real-clock",))
    server.start()
    try:
        server.ready()
        began = time.monotonic()
        counter.start("B")
        yield server, counter, 3.0 + 3 * (time.monotonic() - began)
    finally:
        server.stop()
        if counter.process is not None:
            counter.kill()


def test_containment_outlives_server_and_guard_and_ends_on_time(
    town: Town, real: tuple[Server, Counter, float]
) -> None:
    server, counter, seconds = real
    clock = SystemClock()
    assert answered(counter, town, clock.now()) == {"B": 20}
    ends = parse_time(_rolled_back(server, town, seconds)["expires_at"])
    until(lambda: counter.ask("/obeys")["version"] == 1, "the guard does not obey")
    server.kill()
    assert answered(counter, town, clock.now()) == {"A": 20}
    counter.kill()
    counter.start("B")
    assert clock.now() < ends, f"this machine needs more than {seconds:.1f} s for it: nothing was seen"
    first = None
    while clock.now() < ends + timedelta(seconds=2):
        before = clock.now()
        said = answered(counter, town, before)
        after = clock.now()
        if after < ends:
            assert said == {"A": 20}, "contained until it ends"
        elif before >= ends:
            assert said == {"B": 20}, "and no longer"
            first = first or before
        time.sleep(0.05)
    assert first is not None


def _rolled_back(server: Server, town: Town, seconds: float) -> dict[str, Any]:
    """A person declares an incident and rolls back for so many seconds: the measure."""
    found = ask(server.port, "POST", "/v1/incidents", {"service": town.service, "title": "B is bad"})
    order = {"action": "rollback", "params": {"from": "B", "to": "A"}, "text": "now", "hours": seconds / 3600}
    ask(server.port, "POST", f"/v1/incidents/{found['id']}/measures", order)

    def applied() -> Any:
        measures = ask(server.port, "GET", f"/v1/incidents/{found['id']}")["measures"]
        return measures[0] if measures[0]["applied_at"] else None

    measure: dict[str, Any] = until(applied, "it is not applied")
    return measure
