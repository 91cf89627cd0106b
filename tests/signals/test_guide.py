"""The guide's commands run as they stand there."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fireline.cli.entry import main
from fireline.clock import iso
from tests.docs.test_docs import commands
from tests.signals.conftest import calls, every
from tests.support.living import rows

PAGE = "docs/guides/watch-what-the-model-depends-on.md"
START, LIVE, END = (datetime(2026, 3, day, tzinfo=UTC) for day in (1, 5, 6))
FAILS = LIVE + timedelta(hours=8)


def put(path: Path, found: list[dict[str, object]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in found))


def test_the_commands_run_and_name_what_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    put(Path("events.jsonl"), rows(START, END, rate=1))
    put(Path("past-signals.jsonl"), calls("feature_store", START, LIVE, lambda at: 0.01))
    put(Path("signals.jsonl"), calls("feature_store", LIVE, END, lambda at: 0.6 if at > FAILS else 0.01, 2))
    put(Path("jobs.jsonl"), [{"at": iso(FAILS), "job": "nightly-train", "run": "81", "state": "failed"}])
    first, replay, canary = commands(PAGE)
    assert main(first) == 0
    assert main(replay) == 0
    told = {a["monitor"] for i in json.loads(Path("out/incidents.json").read_text()) for a in i["alerts"]}
    assert {"dependency_errors", "job_failed"} <= told
    capsys.readouterr()
    assert main(canary) == 2
    assert "has no canaries" in capsys.readouterr().err
    assert list(every(timedelta(hours=1), START, START)) == []
