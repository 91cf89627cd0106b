"""Budgets of a live service: severity goes by them, a replay of the same rows reads the same, and days that
are over are read once."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fireline.cli.entry import main
from fireline.clock import ManualClock, iso, micros
from fireline.detect.promise import totals
from fireline.ingest import log_of
from fireline.reader import OfService
from fireline.recording import Recorder
from fireline.store import Store
from fireline.telemetry.lake import Lake
from fireline.terms.slo import BURN_RULES
from fireline.terms.timeline import EntryKind
from tests.support.living import BEGIN, SERVICE, Living, lines, rows

MINUTE = timedelta(minutes=1)
SLOS = """\
slos:
  - {name: answers, indicator: availability, objective: 0.98}
  - {name: fresh, indicator: freshness, objective: 0.99, threshold: 300, window: 7d}
  - {name: inputs, indicator: null_share, objective: 0.999, of: x}
  - {name: quick, indicator: latency, objective: 0.9, threshold: 100}
"""


def played(book: Path, tmp_path: Path, silent: bool = False) -> tuple[Living, list[dict[str, Any]]]:
    """Hours of calm, with 24 minutes of silence or not, and version B failing until there is an
    incident; with the rows in the order in which they came, some too late."""
    shutil.copytree(book.parent, tmp_path / "book")
    place = tmp_path / "book" / book.name
    place.write_text(place.read_text() + SLOS)
    came: list[dict[str, Any]] = []
    one = Living(place, tmp_path / "live")

    def told(since: datetime, until: datetime, **more: Any) -> list[dict[str, Any]]:
        quiet = silent and BEGIN + 60 * MINUTE <= since < BEGIN + 84 * MINUTE
        found = [] if quiet else rows(since, until, **more)
        if since == BEGIN + 48 * MINUTE:
            late = rows(BEGIN, BEGIN + 10 * MINUTE, wrong=1.0)
            found = [{**row, "request_id": f"late-{row['request_id']}"} for row in late] + found
        came.extend(found)
        return found

    one.play(BEGIN + timedelta(hours=2), traffic=told)
    broken: Callable[..., Any] = lambda since, until: told(since, until, version="B", wrong=0.4)  # noqa: E731
    while not one.store.incidents():
        one.play(one.clock.now() + MINUTE, MINUTE, broken)  # a server looks far more often than that
    return one, came


@pytest.fixture(scope="module")
def failing(book: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Living, Any]]:
    """A server whose version B fails."""
    live, came = played(book, tmp_path_factory.mktemp("failing"))
    yield live, came
    live.store.close()


def test_a_replay_reads_the_same_totals_and_nothing_that_came_later(book: Path, tmp_path: Path) -> None:
    live, came = played(book, tmp_path, silent=True)
    now = live.clock.now()
    later = rows(now, now + timedelta(hours=3), version="B", wrong=1.0)
    log = tmp_path / "came.jsonl"
    log.write_bytes(lines(came + later))
    agreed = live.pulse.book
    with Store.open(":memory:") as store:
        recorder = Recorder(agreed.baseline.plan, agreed.runbook, store, Lake(tmp_path / "lake"))
        recorder.take(log_of(agreed.runbook, [log], lambda *about: None), now, lambda *about: None)
        assert recorder.late > 0
        known = [
            totals(agreed.baseline.plan, agreed.runbook, counts, micros(now), counts.begins)
            for counts in (OfService(store, SERVICE), OfService(live.store, SERVICE, live.pulse.read))
        ]
        assert list(known[0]) == ["answers", "fresh", "inputs"]  # nothing tells how long answers took
        for name in known[0]:
            for rule in BURN_RULES:
                for window in (rule.long, rule.short):
                    assert known[0][name](window) == known[1][name](window), (name, window)
        assert known[0]["answers"](timedelta(hours=1))[0] > 0
        assert known[0]["fresh"](timedelta(hours=3))[0] > 5
    live.store.close()


def test_severity_is_told_by_the_budget_the_same_live_and_replayed(
    failing: tuple[Living, Any], tmp_path: Path
) -> None:
    live, came = failing
    (told,) = live.entries(EntryKind.SEVERITY)
    assert "The error budget of answers burns" in told.because
    now = live.clock.now()
    log = tmp_path / "came.jsonl"
    log.write_bytes(lines(came + rows(now, now + timedelta(hours=1), version="B", wrong=0.4)))
    options = ["--events", str(log), "--from", iso(BEGIN), "--out", str(tmp_path / "out"), "-q"]
    assert main(["replay", str(live.book), *options]) == 0
    (incident,) = json.loads((tmp_path / "out" / "incidents.json").read_text())
    again = [e for e in incident["timeline"] if e["kind"] == "severity"]
    assert (again[0]["at"], again[0]["because"]) == (iso(told.at), told.because)
    report = (tmp_path / "out" / "report.html").read_text()
    assert report.count('<li class="promise ') == 4


def test_the_view_tells_budgets_and_reads_days_that_are_over_once(
    failing: tuple[Living, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    live, _ = failing
    first = {b.slo: b for b in live.running.service(SERVICE).budgets}
    assert [b.verdict for b in first.values()][3] == "unmeasured"
    assert "does not count how long answers take" in first["quick"].because
    assert first["answers"].verdict == "broken"  # of the few hours there are
    assert any(burn.holds for burn in first["answers"].burns)
    assert first["fresh"].verdict == "kept"
    assert first["answers"].curve[-1][1] == pytest.approx(first["answers"].left)
    plain = json.loads(json.dumps(live.running.service(SERVICE).as_json()))["budgets"]
    assert [one["slo"] for one in plain] == list(first)
    assert isinstance(live.clock, ManualClock)
    live.to(live.clock.now() + timedelta(days=4))
    live.running.service(SERVICE)
    asked: list[tuple[int, int]] = []
    counts = live.store.counts

    def counted(grain: int, first: int, last: int, *more: Any, **named: Any) -> Any:
        asked.append((grain * first, grain * last))
        return counts(grain, first, last, *more, **named)

    monkeypatch.setattr(live.store, "counts", counted)
    live.pulse.budgets.look(live.pulse.book, live.clock.now() + 2 * MINUTE)
    days = {low // 86_400 for low, _ in asked}
    begun = int(BEGIN.timestamp()) // 86_400
    assert begun not in days
    assert len(days) <= 12  # the window's first day and its last two, of each window
