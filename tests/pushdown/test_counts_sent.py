"""Counts made elsewhere and sent to a running server are judged as if they had been counted there."""

from __future__ import annotations

import io
import json
import re
import shutil
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fastapi.testclient import TestClient

from fireline.cli.entry import main
from fireline.clock import ManualClock, iso, micros, parse_time
from fireline.detect.baseline import Baseline
from fireline.drill.faults import faults
from fireline.drill.worlds import World, write
from fireline.live.book import open_books
from fireline.live.door import ARROW
from fireline.live.running import Running
from fireline.runbook.load import load
from fireline.store import Store
from fireline.store.people import People
from fireline.web.app import create_app
from fireline.web.auth import Access
from fireline.web.auth import tokens as token_making

WORLD = World(
    days=8.5, reference_days=7, per_minute=3, features=3, segments=1, label_hours=4, labels_in_row=True
)
STRETCH, AFTER = timedelta(hours=12), timedelta(minutes=20)
OBSERVE = (
    "decisions:\n  - when: {}\n    action: none\n    authority: observe\n    because: A person looks.\n\n"
)
"""Nothing is done about what is found, so that nothing changes the traffic."""
SAME = ("monitor", "family", "series", "feature", "segment", "version", "urgency", "fired_at", "evidence",
        "seen", "usual", "because")  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A service whose new version fails, its runbook, and each stretch's counts as a schedule makes them."""
    folder = tmp_path_factory.mktemp("sent")
    world = faults()["deploy_errors"].play(WORLD, "large")
    write(world, folder)
    events, book = str(folder / "events.parquet"), str(folder / "runbook.yaml")
    said = ["--service", world.service, "--timezone", world.timezone, "--until", iso(world.live_from)]
    assert main(["init", events, *said, "-o", book, "--quiet"]) == 0
    text = re.sub(r"decisions:.*?(?=# What answers when)", OBSERVE, Path(book).read_text(), flags=re.S)
    Path(book).write_text(text + "\ncounts: {within: 14h, rows: the table ml.events}\n")
    at, number = world.live_from, 0
    while at < world.end:
        out = str(folder / f"counts-{number:03d}.parquet")
        bounds = ["--since", iso(at), "--until", iso(at + STRETCH)]
        assert main(["tally", book, "--table", events, *bounds, "--ripe", "--out", out, "--quiet"]) == 0
        at, number = at + STRETCH, number + 1
    return folder


def stretches(place: Path) -> Iterator[tuple[datetime, Path]]:
    """The end of each stretch, and its counts."""
    found = sorted(place.glob("counts-*.parquet"))
    for number, path in enumerate(found, 1):
        yield WORLD.live_from + number * STRETCH, path


class Live:
    """A server on a drill clock."""

    def __init__(self, book: Path, folder: Path, now: datetime = WORLD.live_from) -> None:
        self.store = Store.open(folder / "fireline.sqlite")
        self.running = Running(self.store, folder, open_books([book]), ManualClock(now))
        self.running.start()
        self.app = create_app(self.running, Access(open_on_loopback=True), begin=False)
        self.here = TestClient(self.app, base_url="http://127.0.0.1", client=("127.0.0.1", 50000))

    def post(self, path: Path, through: datetime, **headers: str):
        sink = io.BytesIO()
        table = pq.read_table(path)
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        asked = {"service": WORLD.service, "through": iso(through)}
        return self.here.post(
            "/v1/counts", params=asked, content=sink.getvalue(), headers={"Content-Type": ARROW, **headers}
        )

    def alerts(self) -> list[dict]:
        found = [self.store.incident(name) for name in self.store.incidents(WORLD.service)]
        return _plain([one.as_json() for one in found])

    def end(self) -> None:
        self.running.stop()
        self.store.close()


@pytest.fixture
def living(place: Path, tmp_path: Path) -> Iterator[Callable[..., Live]]:
    made: list[Live] = []

    def start(now: datetime = WORLD.live_from) -> Live:
        made.append(Live(place / "runbook.yaml", tmp_path, now))
        return made[-1]

    yield start
    for one in made[-1:]:
        one.end()


def _plain(incidents: list[dict]) -> list[dict]:
    found = [{name: alert[name] for name in SAME} for one in incidents for alert in one["alerts"]]
    return sorted(found, key=lambda alert: json.dumps(alert, sort_keys=True))


def test_live_equals_replay_of_the_same_counts(place, tmp_path, living):
    one = living()
    for number, (upto, path) in enumerate(stretches(place)):
        one.running.move_clock(upto + AFTER)
        told = one.post(path, upto).json()
        assert told["taken"] > 0
        again = one.post(path, upto).json()
        assert (again["duplicate_batch"], again["taken"]) == (True, 0)
        if number == 1:  # killed between what was taken and what was counted
            one.store.close()
            one = living(upto + AFTER)
        one.running.beat()
    counts = [part for _, path in stretches(place) for part in ("--counts", str(path))]
    asked = ["replay", str(place / "runbook.yaml"), *counts, "--out", str(tmp_path / "out"), "--quiet"]
    assert main(asked) == 0
    incidents = json.loads((tmp_path / "out" / "incidents.json").read_text(encoding="utf-8"))
    assert one.alerts() == _plain(incidents)
    assert "error_rate" in {alert["family"] for alert in one.alerts()}
    assert not [a for a in one.alerts() if a["family"] in ("freshness", "traffic")]
    exhibits = [x for i in incidents for e in i["timeline"] for x in e.get("exhibits", ())]
    assert "The rows lie elsewhere" in exhibits


def test_ripe_counts_are_those_of_each_cohort_at_its_age(place, tmp_path):
    """Whatever stretches a schedule cuts, each hour's quality is counted once, when its labels are there."""
    book = place / "runbook.yaml"
    plan, age = Baseline.load(place / "runbook.baseline.npz").plan, load(book).labels.age
    whole = tmp_path / "whole.parquet"
    assert (
        main(["tally", str(book), "--table", str(place / "events.parquet"), "--out", str(whole), "-q"]) == 0
    )
    ends = [upto for upto, _ in stretches(place)]
    low, high = (micros(at - age) // 3_600_000_000 for at in (WORLD.live_from, ends[-1]))

    def quality(paths: list[Path]) -> dict[tuple, int]:
        tables = [pq.read_table(path) for path in paths]
        found: dict[tuple, int] = {}
        for row in pa.concat_tables(tables).to_pylist():
            if row["layout"] == plan.quality.identity and low <= row["tick"] < high:
                key = (row["scope"], row["tick"], row["cell"])
                found[key] = found.get(key, 0) + row["count"]
        return found

    ripe = quality([path for _, path in stretches(place)])
    assert ripe
    assert ripe == quality([whole])


def test_what_does_not_come_in_time_is_told_of_and_what_comes_then_is_late(place, living):
    one = living()
    first, second, *_ = stretches(place)
    one.running.move_clock(first[0] + AFTER)
    assert one.post(first[1], first[0]).status_code == 200
    one.running.beat()
    judged = one.running.pulses[WORLD.service].judged
    assert judged == micros(first[0])
    one.running.move_clock(first[0] + timedelta(hours=13))
    assert one.running.pulses[WORLD.service].judged == judged, "it waits for counts"
    assert not [a for a in one.alerts() if a["family"] in ("freshness", "traffic")]
    one.running.move_clock(first[0] + timedelta(hours=19))
    assert {a["family"] for a in one.alerts()} >= {"freshness"}
    one.post(second[1], second[0])
    one.running.beat()
    rows = one.store.counts(60, 0, 1 << 40, late=True, service=WORLD.service)
    ticks = one.running.pulses[WORLD.service].judged // 60_000_000
    assert rows
    assert all(row.first_tick + row.ticks <= ticks for row in rows)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda t: t.set_column(0, "layout", pa.array(["rates-0"] * len(t))), "count again"),
        (lambda t: t.set_column(6, "count", pa.array([-1] * len(t), pa.int64())), "less than none"),
        (lambda t: t.set_column(3, "tick", pa.array([7] * len(t), pa.int64())), "before 2000"),
        (lambda t: t.drop_columns(["cell"]), "cell"),
    ],
)
def test_counts_that_are_none_are_refused_whole_with_what_to_do(place, tmp_path, living, spoil, says):
    one = living(WORLD.live_from + STRETCH)
    upto, path = next(stretches(place))
    pq.write_table(spoil(pq.read_table(path)), tmp_path / "spoilt.parquet")
    told = one.post(tmp_path / "spoilt.parquet", upto)
    assert told.status_code == 422
    assert says in json.dumps(told.json())
    assert one.post(path, upto + STRETCH).status_code == 422, "a time that has not come"
    assert not one.running.pulses[WORLD.service].counting.waits


def test_events_beside_counts_and_counts_beside_events_are_refused(place, tmp_path, living):
    one = living()
    told = one.here.post(f"/v1/events?service={WORLD.service}", content=b"{}\n")
    assert told.status_code == 422
    assert "twice" in told.json()["error"]
    plain = tmp_path / "other"
    plain.mkdir()
    for name in ("runbook.yaml", "runbook.baseline.npz"):
        shutil.copy(place / name, plain)
    book = plain / "runbook.yaml"
    book.write_text(book.read_text().replace("counts: {", "# counts: {"))
    other = Live(book, plain)
    upto, path = next(stretches(place))
    other.running.move_clock(upto)
    refused = other.post(path, upto)
    other.end()
    assert refused.status_code == 422
    assert "counts: {within" in refused.json()["todo"]


def test_a_token_of_another_service_or_scope_sends_no_counts(living):
    one = living()
    for scope, service, status in (("ingest", "other", 403), ("viewer", None, 403), ("ingest", None, 422)):
        made, text = token_making.make(
            f"{scope} {service}", scope, service, parse_time("2026-01-01T00:00:00Z")
        )
        People(one.store).add_token(made)
        far = TestClient(one.app, base_url="http://fireline.example", client=("198.51.100.7", 5000))
        sent = far.post(f"/v1/counts?service={WORLD.service}", headers={"Authorization": f"Bearer {text}"})
        assert sent.status_code == status, sent.text


def test_the_service_s_page_says_what_counts_cannot_show_and_who_answers(place, living):
    one = living()
    upto, path = next(stretches(place))
    one.running.move_clock(upto + AFTER)
    one.post(path, upto)
    one.running.beat()
    page = one.here.get(f"/services/{WORLD.service}").text
    assert "What counts cannot show" in page
    assert "its rows lie in the table ml.events" in page
    assert "stuck_feature" in page.lower()
    assert "By version, in the last hour" in page
    told = one.here.get(f"/v1/services/{WORLD.service}/arrivals").json()
    assert any("counts hold no rows" in said for said in told["counts"]["unwatched"])
