"""A service of which nothing but counts ever comes, as real processes: a bad version is paged, rolled back,
seen in the counts to be gone, judged and watched until it is over.

The warehouse here is a Parquet file a stretch. Its schedule counts each stretch in SQL and sends the counts;
what answers is what the switch says that is out. No row of an event reaches the server.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fireline.clock import iso, micros, parse_time
from fireline.detect.baseline import Baseline
from fireline.drill.world import World
from fireline.reference import take_baseline
from fireline.runbook.load import load
from fireline.telemetry.pushdown.counting import Asked
from fireline.telemetry.pushdown.dialects import dialects
from tests.support.living import BEGIN, RUNBOOK, SERVICE, SINCE, rows
from tests.support.processes import Server, Town, ask

MINUTE, LONG = timedelta(minutes=1), timedelta(days=7)
COUNTS = {"Content-Type": "application/vnd.apache.arrow.stream"}
EDITS = (
    ("authority: ask\n    answer_within: 30m\n    unanswered: do", "authority: auto"),
    ("  status: status", "  status: status\n  shadow: shadow\n  segments: [country]\n"
                         "  rung: rung"),
    ("allowed_lateness: 15m", "allowed_lateness: 1m"),
    (f"since: {iso(SINCE)}, until", f"since: {iso(BEGIN - LONG)}, until"),
    ("watch: 6h", "watch: 2h\ncounts: {within: 30m, rows: ml.events in the warehouse}"),
)  # fmt: skip
BAD, USUAL = 0.5, 0.01


def answers(since: datetime, upto: datetime, version: str, wrong: float) -> list[dict[str, Any]]:
    """What the service logs, from two countries."""
    found = rows(since, upto, version, wrong, shadow=False, rung="current")
    for row in found:
        row["time"] = parse_time(row["time"])
        row["country"] = "FR" if hash_of(row) % 2 else "DE"
    return found


def hash_of(row: dict[str, Any]) -> int:
    return int(str(row["request_id"])[1:]) // 15_000


class House(Town):
    """A runbook with its baseline, which a sample of the events gave once."""

    @property
    def service(self) -> str:
        return SERVICE

    @property
    def begin(self) -> datetime:
        return BEGIN


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    folder = tmp_path_factory.mktemp("house")
    text = RUNBOOK
    for old, new in EDITS:
        assert old in text
        text = text.replace(old, new)
    (folder / "runbook.yaml").write_text(text)
    pq.write_table(pa.Table.from_pylist(answers(BEGIN - LONG, BEGIN, "A", USUAL)),
                   folder / "sample.parquet")  # fmt: skip
    take_baseline(folder / "runbook.yaml", [folder / "sample.parquet"])
    return House(folder, World(), (), ())


class Warehouse:
    """Where the events are, and the schedule that counts them."""

    def __init__(self, house: House, folder: Path, server: Server) -> None:
        self.server, self.folder, self.now = server, folder, BEGIN
        self.runbook = load(house.runbook)
        self.plan = Baseline.load(house.folder / "runbook.baseline.npz").plan
        self.deployed, self.obeys = "A", True

    def serves(self) -> str:
        """The version that answers: what was deployed, but for what the switch says."""
        said = ask(self.server.port, "GET", f"/v1/switches/{SERVICE}")["switch"]
        routes = json.loads(said)["routes"] if said and self.obeys else []
        return next((route["version"] for route in routes if route["version"]), self.deployed)

    def stretch(self, long: timedelta) -> None:
        """Time passes, events are logged, the schedule counts them, the server judges."""
        since, upto, version = self.now, self.now + long, self.serves()
        path = self.folder / f"{micros(since)}.parquet"
        pq.write_table(
            pa.Table.from_pylist(answers(since, upto, version, BAD if version == "B" else USUAL)), path
        )
        self.told("/v1/drill/clock", {"to": iso(upto)})
        asked = Asked(self.runbook, self.plan, dialects()["duckdb"], str(path), since, upto, ripe=True)
        counts = pa.concat_tables([table for _, table in asked.counted()])
        self.told(f"/v1/counts?service={SERVICE}&through={iso(upto)}", arrow(counts), **COUNTS,
                  **{"Idempotency-Key": f"counts-{iso(since)}"})  # fmt: skip
        self.told("/v1/drill/clock", {"to": iso(upto + MINUTE / 2)})
        self.now = upto

    def told(self, path: str, body: Any, **headers: str) -> Any:
        return ask(self.server.port, "POST", path, body, **headers)

    def incident(self) -> dict[str, Any] | None:
        """The one incident there is, if there is one."""
        briefs = ask(self.server.port, "GET", "/v1/incidents")
        assert len(briefs) <= 1, briefs
        return ask(self.server.port, "GET", f"/v1/incidents/{briefs[0]['id']}") if briefs else None

    def till(self, what: Callable[[dict[str, Any]], Any], long: timedelta, most: int) -> dict[str, Any]:
        """Stretch after stretch, until the incident is so."""
        for _ in range(most):
            self.stretch(long)
            found = self.incident()
            if found is not None and what(found):
                return found
        raise AssertionError(json.dumps(self.incident(), indent=1)[-6000:])


@pytest.fixture
def warehouse(house: House, tmp_path: Path) -> Iterator[Warehouse]:
    server = Server(house, tmp_path)
    server.start()
    server.ready()
    yield Warehouse(house, tmp_path, server)
    server.stop()


def arrow(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def test_a_bad_version_is_rolled_back_and_seen_to_be_gone_by_counts_alone(warehouse: Warehouse) -> None:
    for _ in range(3):
        warehouse.stretch(20 * MINUTE)
    assert warehouse.incident() is None
    warehouse.deployed = "B"
    paged = warehouse.till(lambda i: i["measures"], 2 * MINUTE, 20)
    assert {a["family"] for a in paged["alerts"] if a["urgency"] == "page"} == {"error_rate"}
    assert paged["causes"][0]["cause"] == "deploy", "the change is read off the versions that counts name"
    assert paged["measures"][0]["params"]["to"] == "A"
    view = ask(warehouse.server.port, "GET", f"/v1/services/{SERVICE}")
    assert set(view["versions"]) == {"A", "B"}
    assert any("examples: counts hold no rows" in one for one in view["unwatched"])
    warehouse.obeys = False
    warehouse.till(lambda i: "did not obey" in said(i, "note"), MINUTE, 10)
    assert "version B" in said(warehouse.incident(), "note")
    warehouse.obeys = True
    found = warehouse.till(lambda i: i["measures"][0]["confirmed_at"], MINUTE, 5)
    assert "as counted up to" in said(found, "confirmed")
    judged = warehouse.till(lambda i: i["verdicts"], 10 * MINUTE, 12)
    assert judged["verdicts"][0]["verdict"] == "effective", judged["verdicts"]
    asked = warehouse.till(lambda i: "accept it as permanent" in said(i, "next"), 20 * MINUTE, 15)
    warehouse.told(f"/v1/incidents/{asked['id']}/keep", {"text": "A stays."})
    over = warehouse.till(lambda i: i["state"] in ("resolved", "learning", "closed"), 10 * MINUTE, 4)
    assert "The rows lie elsewhere" in json.dumps(over), "people are told where to look"


def said(incident: dict[str, Any] | None, kind: str) -> str:
    """What the entries of a kind say."""
    return " ".join(e["because"] for e in (incident or {})["timeline"] if e["kind"] == kind)
