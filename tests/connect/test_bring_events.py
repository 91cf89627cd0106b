"""The guide on sources runs as it is written, and the reference is made from the kinds."""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from fireline.cli.entry import main
from fireline.clock import SystemClock, from_micros, iso, micros
from fireline.sources.pull import kinds
from tests.connect.test_guides import Walk, wait
from tests.sources.wells.kafka import Topic
from tests.support.living import BEGIN, SINCE, lines, rows

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def walk(tmp_path: Path) -> Iterator[Callable[[str], Walk]]:
    walks: list[Walk] = []

    def begin(page: str) -> Walk:
        walks.append(Walk(page, tmp_path))
        return walks[-1]

    yield begin
    for one in walks:
        one.close()


def now_rows(minutes: int, name: str) -> list[dict[str, Any]]:
    now = from_micros(micros(SystemClock().now()) // 1_000_000 * 1_000_000)
    found = rows(now - timedelta(minutes=minutes), now)
    return [{**row, "request_id": f"{name}-{i}"} for i, row in enumerate(found)]


def test_the_guide_on_sources(walk: Callable[[str], Walk]) -> None:
    duckdb = pytest.importorskip("duckdb")
    pytest.importorskip("ibis", reason="ibis-framework is not installed")
    topic = Topic(
        pytest.importorskip("confluent_kafka", reason="confluent-kafka is not installed"), first=None
    )
    page = walk("bring-events")
    place = page.folder / "sources.yaml"
    text = place.read_text().replace("kafka.example.org:9092", topic.brokers)
    text = text.replace("topic: predictions", "topic: events")
    place.write_text(text.replace("known_at", "known_at\n    lag: 2s"))  # the page's ten are long here
    (page.folder / "past.jsonl").write_bytes(lines(rows(SINCE, BEGIN + timedelta(minutes=1))))
    (page.folder / "predictions").mkdir()
    (page.folder / "predictions" / "today.jsonl").write_bytes(lines(now_rows(5, "f")) + b"{broken\n")
    for row in now_rows(2, "k"):
        topic.write(row, partition=1)
    with duckdb.connect(str(page.folder / "warehouse.db")) as line:
        line.execute("CREATE TABLE outcomes (request_id VARCHAR, label INT, known_at TIMESTAMPTZ)")
        line.execute(f"INSERT INTO outcomes VALUES ('f-1', 1, '{iso(SystemClock().now())}')")
    page.do(until="fireline pull")
    book = page.folder / "runbook.yaml"
    columns = "  label: label\n  label_time: known_at\n"
    book.write_text(re.sub(r"^columns:\n", "columns:\n" + columns, book.read_text(), count=1, flags=re.M))
    page.do(1, until="fireline pull runbook.yaml --source")
    assert "predictions (folder, events): 20 rows, 20 would be taken" in page.said
    assert "1 would be put aside" in page.said
    assert "outcomes (table, labels): 1 rows, 1 would be taken" in page.said
    assert "edge (kafka, events): 8 rows, 8 would be taken" in page.said
    said = json.loads(page.run(page.commands.pop(0), (1,)))
    assert [one["source"] for one in said] == ["predictions"]
    page.do(until="fireline doctor")

    def arrived() -> dict[str, int]:
        told = page.get("/v1/services/pricing/arrivals")["sources"]
        return {one["name"]: one["rows"] for one in told}

    wait(lambda: arrived() | {"outcomes": 0} == {"predictions": 20, "edge": 8, "outcomes": 0})
    with (page.folder / "predictions" / "today.jsonl").open("ab") as stream:
        stream.write(lines(now_rows(1, "g")))
    wait(lambda: arrived() == {"predictions": 24, "edge": 8, "outcomes": 1})  # its lag has passed
    wait(lambda: page.get("/v1/services/pricing")["events"] == 32)
    page.do(1)
    assert "predictions (folder): 24 rows of events" in page.said
    assert "1 rows: not JSON" in page.said
    assert not page.commands


def test_the_sources_page_is_made_from_the_kinds() -> None:
    spec = importlib.util.spec_from_file_location("sources_page", ROOT / "scripts" / "sources_page.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    page = (ROOT / "docs" / "reference" / "sources.md").read_text(encoding="utf-8")
    assert page == script.page(), "make it anew: python scripts/sources_page.py docs/reference/sources.md"
    assert all(f"## `kind: {name}`" in page for name in kinds())


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("{name: a, kind: foldr, path: x}",
         "`sources[0].kind`: 'foldr' is no kind of source -> did you mean folder?"),
        ("{name: a, kind: folder, paht: x}", "`sources[0].paht`: no such key -> did you mean `path`?"),
        ("{name: a, kind: folder, path: x, every: 0s}", "`sources[0].every`: must be between 1s and 1d"),
        ("{name: a, kind: table, url: 'postgres://u:hunter2@h/d', table: t, cursor_column: c}",
         "`sources[0].url`: a password does not stand in a runbook"),
        ("{name: a, kind: kafka, brokers: b, topic: t, password: hunter2}",
         "`sources[0].password`: a secret does not stand in a runbook"),
        ("{name: a, kind: kafka, brokers: b, topic: t, options: {sasl.password: hunter2}}",
         "`sources[0].options`: sasl.password does not stand in a runbook"),
    ],
)  # fmt: skip
def test_a_wrong_source_is_told_with_its_line_and_without_its_secret(
    book: Path, tmp_path: Path, source: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "runbook.yaml"
    place.write_text(book.read_text() + f"sources:\n  - {source}\n")
    line = len(place.read_text().splitlines())
    assert main(["pull", str(place)]) == 2
    said = capsys.readouterr().err
    assert f"{place}:{line}: {says}" in said
    assert "hunter2" not in said


def test_a_runbook_without_sources_is_told_where_to_begin(book: Path, capsys: Any) -> None:
    assert main(["pull", str(book)]) == 2
    assert "no source is declared" in capsys.readouterr().err


def test_a_missing_package_is_told_with_what_to_install(
    book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "confluent_kafka", None)
    place = tmp_path / "runbook.yaml"
    place.write_text(book.read_text() + "sources:\n  - {name: k, kind: kafka, brokers: b, topic: t}\n")
    assert main(["pull", str(place)]) == 1
    assert "pip install 'fireline[kafka]'" in capsys.readouterr().out
