"""Signals and runs of jobs sent to a server: counted, judged, told once, whatever dies in between."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from fireline.clock import iso
from fireline.store.facts import Fact, add_facts
from fireline.terms.counts import SERVICE as WHOLE
from tests.support.living import BEGIN, RUNBOOK, SERVICE, Living, rows, write_book

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
MORE = """
signals:
  - {name: cpu, kind: gauge, above: 0.9}
  - {name: features, kind: call}
jobs:
  - {name: train, every: 6h, grace: 30m}
"""


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A runbook that declares signals and a job."""
    folder = tmp_path_factory.mktemp("book")
    write_book(folder)
    place = folder / "runbook.yaml"
    place.write_text(RUNBOOK + MORE)
    from fireline.reference import take_baseline

    take_baseline(place, [folder / "past.parquet"])
    return place


def calls(since: Any, until: Any, ok: bool) -> list[dict[str, Any]]:
    n = int((until - since) / timedelta(seconds=20))
    return [
        {"at": iso(since + i * timedelta(seconds=20)), "kind": "call", "name": "features", "ok": ok,
         "message": f"read timed out after {i} ms"}
        for i in range(n)
    ]  # fmt: skip


def alerts(living: Living) -> list[dict[str, Any]]:
    found = [living.store.incident(name) for name in living.store.incidents(SERVICE)]
    return [dict(a) for i in found for a in i.alerts]


def test_a_failing_dependency_is_told_with_what_it_said(book: Path, tmp_path: Path) -> None:
    living = Living(book, tmp_path / "state")
    failing = BEGIN + HOUR
    while living.clock.now() < BEGIN + 2 * HOUR:
        since = living.clock.now()
        living.send(calls(since, since + 10 * MINUTE, ok=since < failing), kind="signals")
        living.play(since + 10 * MINUTE, step=10 * MINUTE)
    told = [a for a in alerts(living) if a["monitor"] == "dependency_errors"]
    assert [a["feature"] for a in told] == ["features"]
    tables = [e for e in living.incident.evidence if e["title"] == "What features said"]
    assert tables
    assert tables[-1]["data"]["rows"][0][0] == "read timed out after <n> ms"
    living.running.stop()


def test_the_same_signals_count_once_also_when_the_process_died(book: Path, tmp_path: Path) -> None:
    living = Living(book, tmp_path / "state")
    living.to(BEGIN + 5 * MINUTE)
    body = calls(BEGIN, BEGIN + 5 * MINUTE, ok=True)
    assert living.send(body, "one", "signals").events == 15
    assert living.send(body, "one", "signals").known
    again = living.again()
    assert again.send(body, "one", "signals").known
    again.running.beat()
    layout = again.pulse.book.baseline.plan.layout("signals")
    first = int(BEGIN.timestamp()) // 60 - 10
    counted = again.pulse.read(layout, 60, first, first + 20)[WHOLE]
    assert counted[:, layout.offsets["call:features"]].sum() == 15
    kept = again.pulse.archive.signals(BEGIN, BEGIN + HOUR)
    assert len(kept) == 15
    again.running.stop()


def test_a_failed_run_is_told_once_and_history_is_not(book: Path, tmp_path: Path) -> None:
    living = Living(book, tmp_path / "state")

    def tell(at: Any, state: str, run: str) -> None:
        body = {"job": "train", "run": run, "state": state}
        add_facts(living.store, [Fact(f"{run}-{state}", SERVICE, "job", at, body)], at)

    tell(BEGIN - HOUR, "failed", "old")
    tell(BEGIN - 30 * MINUTE, "succeeded", "good")
    living.play(BEGIN + 30 * MINUTE)
    tell(living.clock.now(), "failed", "new")
    living.play(BEGIN + HOUR)
    again = living.again()
    again.play(BEGIN + 90 * MINUTE)
    assert [(a["monitor"], a["details"]["run"]) for a in alerts(again)] == [("job_failed", "new")]
    again.running.stop()


def test_bad_signals_are_answered_with_what_to_do(book: Path, tmp_path: Path) -> None:
    living = Living(book, tmp_path / "state")
    good = calls(BEGIN - MINUTE, BEGIN, ok=True)
    odd = [{"at": iso(BEGIN), "name": "cpu"},
           {"at": iso(BEGIN), "kind": "call", "name": "x", "ok": "perhaps"},
           {"at": iso(BEGIN + timedelta(days=1)), "name": "cpu", "value": 1}]  # fmt: skip
    answer = living.send(good + odd, kind="signals")
    assert (answer.events, answer.bad) == (3, 3)
    assert all(row.todo for row in answer.quarantined)
    assert "timed out" not in json.dumps([row.as_json() for row in answer.quarantined])
    assert rows(BEGIN, BEGIN) == []
    living.running.stop()
