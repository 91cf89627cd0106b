"""What a live server was told of and what a replay of the same log tells are the same alerts.

The log is written as it arrived: rows a little out of order, rows hours late, rows that come again within
minutes and hours, labels when they became known. Nothing is done about what is found, so that nothing
changes the traffic.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from fireline.cli.entry import main
from fireline.clock import iso, parse_time
from fireline.runbook.load import load
from tests.support.played import broken, small
from tests.support.processes import Fate, Keeper, Server, Town, ask, until

STEP = timedelta(minutes=5)
JSONL = {"Content-Type": "application/x-ndjson"}
HOURS = 9.0
OBSERVE = (
    "decisions:\n  - when: {}\n    action: none\n    authority: observe\n    because: A person looks.\n\n"
)
SAME = ("monitor", "family", "series", "feature", "segment", "version", "against", "urgency", "fired_at",
        "evidence", "threshold", "seen", "usual", "because")  # fmt: skip


@dataclass(frozen=True)
class Log:
    """What arrives when, in order."""

    town: Town
    events: Sequence[tuple[datetime, Mapping[str, Any]]]
    changes: Sequence[Mapping[str, Any]]
    end: datetime

    @classmethod
    def make(cls, folder: Path, fault: str, where: str) -> Log:
        world = small(label_hours=1.0)
        onset = world.live_from + timedelta(hours=3)
        world = broken(world, fault, where=where, size="large", onset=onset)
        town = Town.make(folder, HOURS, edits=(), world=world, without=())
        text = town.runbook.read_text()
        town.runbook.write_text(re.sub(r"decisions:.*?(?=# What answers when)", OBSERVE, text, flags=re.S))
        end = town.begin + timedelta(hours=HOURS)
        found = [json.loads(line) for line in (folder / "changes.jsonl").read_text().splitlines()]
        changes = [one for one in found if town.begin <= parse_time(one["at"]) < end]
        return cls(town, _arrivals(town, end), changes, end)

    def steps(self) -> Iterator[tuple[datetime, bytes, bytes, list[Mapping[str, Any]]]]:
        """Each step's end, and what arrives in it: events, labels, changes."""
        since = self.town.begin
        while since < self.end:
            upto = since + STEP
            events = [row for at, row in self.events if since <= at < upto]
            labels = [row for row in self.town.labels if since <= row["label_time"] < upto]
            changes = [one for one in self.changes if since <= parse_time(one["at"]) < upto]
            yield upto, _lines(events), _lines(labels), changes
            since = upto

    def write(self, folder: Path) -> list[str]:
        """As files; the options of a replay that name them."""
        steps = list(self.steps())
        (folder / "events.jsonl").write_bytes(b"".join(events for _, events, _, _ in steps))
        (folder / "labels.jsonl").write_bytes(b"".join(labels for _, _, labels, _ in steps))
        told = [json.dumps(one) + "\n" for one in self.changes]
        (folder / "changes.jsonl").write_text("".join(told))
        past = self.town.folder
        return ["--events", str(past / "past.parquet"), "--events", str(folder / "events.jsonl"), "--labels",
                str(past / "known.parquet"), "--labels", str(folder / "labels.jsonl"), "--changes",
                str(folder / "changes.jsonl"), "--from", iso(self.town.begin)]  # fmt: skip


def _arrivals(town: Town, end: datetime) -> list[tuple[datetime, Mapping[str, Any]]]:
    """Most rows at once, some a little later, one in a hundred hours later, one in fifty twice."""
    rng, found = Random(7), []
    for number, row in enumerate(town.rows):
        luck, at = rng.random(), row["time"]
        if luck < 0.01:
            at += timedelta(minutes=rng.uniform(40, 400))
        elif luck < 0.2:
            at += timedelta(minutes=rng.uniform(0, 2))
        found.append((at, number, row))
        if rng.random() < 0.02:
            found.append((at + timedelta(minutes=rng.choice([0.1, 30.0, 300.0])), number, row))
    return [(at, row) for at, _, row in sorted(found, key=lambda one: one[:2]) if at < end]


def _lines(rows: Sequence[Mapping[str, Any]]) -> bytes:
    plain = ({n: iso(v) if isinstance(v, datetime) else v for n, v in row.items() if v is not None}
             for row in rows)  # fmt: skip
    return b"".join(json.dumps(row).encode() + b"\n" for row in plain)


def live(log: Log, folder: Path, fates: list[Fate]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The incidents of a server that was sent the log over HTTP, and its view of the service."""
    folder.mkdir()
    server, past = Server(log.town, folder), log.town.folder
    given = [part for name in ("past", "known") for part in ("--events", str(past / f"{name}.parquet"))]
    assert main(["backfill", str(log.town.runbook), *given, "--data", str(server.data)]) == 0
    keeper, service = Keeper(server, fates), log.town.service
    try:
        server.ready()
        for number, (upto, events, labels, changes) in enumerate(log.steps()):
            for one in changes:
                _post(server, "/v1/changes", one)
            for kind, body in (("events", events), ("labels", labels)):
                if body:
                    key = {"Idempotency-Key": f"{kind} {number}"}
                    _post(server, f"/v1/{kind}?service={service}", body, **JSONL, **key)
            _post(server, "/v1/drill/clock", {"to": iso(upto)})
        _post(server, "/v1/drill/clock", {"to": iso(log.end + STEP)})  # the last ticks are complete now
        assert keeper.deaths >= len(fates)
        brief = ask(server.port, "GET", "/v1/incidents?limit=1000")
        view = ask(server.port, "GET", f"/v1/services/{service}")
        return [ask(server.port, "GET", f"/v1/incidents/{one['id']}") for one in brief], view
    finally:
        keeper.close()
        server.stop()


def _post(server: Server, path: str, body: Any, **headers: str) -> None:
    until(lambda: ask(server.port, "POST", path, body, **headers) or True, f"{path}: {server.log()}")


def replayed(log: Log, folder: Path) -> list[dict[str, Any]]:
    """The incidents of a replay of the same log."""
    folder.mkdir()
    out = folder / "out"
    assert main(["replay", str(log.town.runbook), *log.write(folder), "--out", str(out), "-q"]) == 0
    found: list[dict[str, Any]] = json.loads((out / "incidents.json").read_text())
    return found


def alerts(incidents: Sequence[Mapping[str, Any]], log: Log) -> dict[str, dict[str, Any]]:
    """Every alert by id, whichever incident it went to, with what must be the same.

    A replay ends with its last event, and a server's clock goes on: the tick in which the log ends is
    complete for the server only.
    """
    last = iso(log.events[-1][0] + load(log.town.runbook).allowed_lateness)
    told = [a for i in incidents for a in i["alerts"] if a["fired_at"] <= last]
    return {a["id"]: {name: a[name] for name in SAME} for a in told}


CASES = [
    pytest.param("null_jump", "version", [], id="inputs of a new version"),
    pytest.param("calibration_break", "service", [("write", 400), ("wall", 4)], id="labels tell, and killed"),
    pytest.param("segment_break", "segment", [], id="one segment", marks=pytest.mark.soak),
    pytest.param("mix_drift", "service", [], id="drift", marks=pytest.mark.soak),
    pytest.param("duplicate_storm", "service", [], id="copies", marks=pytest.mark.soak),
    pytest.param("deploy_errors", "version", [], id="errors", marks=pytest.mark.soak),
    pytest.param("traffic_drop", "service", [], id="traffic", marks=pytest.mark.soak),
]


@pytest.mark.parametrize(("fault", "where", "fates"), CASES)
def test_live_and_replay_tell_the_same(tmp_path: Path, fault: str, where: str, fates: list[Fate]) -> None:
    log = Log.make(tmp_path / "town", fault, where)
    told, view = live(log, tmp_path / "live", fates)
    again = replayed(log, tmp_path / "replay")
    assert alerts(told, log), "else nothing is compared"
    assert alerts(told, log) == alerts(again, log)
    if not fates:  # a server counts these since it was started
        assert view["late"] > 0
        same = ("request_id", "version", "shadow")
        came_again = len(log.events) - len({tuple(row.get(n) for n in same) for _, row in log.events})
        assert view["duplicates"] == came_again > 0
