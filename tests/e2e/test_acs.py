"""Census rows that do not drift: half of them as the reference, and the other half must ring no alarm."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from fireline.cli.entry import main
from fireline.clock import iso
from tests.support import acs

SOME, ALL = (100_000, 28), (None, 56)  # rows, days


@pytest.mark.parametrize(
    ("rows", "days"),
    [pytest.param(*SOME, id="some rows"), pytest.param(*ALL, id="all rows", marks=pytest.mark.soak)],
)
def test_the_census_pages_nobody_and_asks_for_no_measure(tmp_path: Path, rows: int | None, days: int) -> None:
    log = acs.event_log(tmp_path / "log", days=days, rows=rows)
    runbook, out = tmp_path / "runbook.yaml", tmp_path / "out"
    until = iso(log.since + timedelta(days=days / 2))
    assert (
        main(
            [
                "init",
                str(log.events),
                "--labels",
                str(log.labels),
                "--service",
                "census",
                "--until",
                until,
                "-o",
                str(runbook),
                "-q",
            ]
        )
        == 0
    )
    assert main(["replay", str(runbook), "--events", str(log.events), "--labels", str(log.labels), "--out",
                 str(out), "-q"]) == 0  # fmt: skip
    incidents = json.loads((out / "incidents.json").read_text())
    summary = json.loads((out / "summary.json").read_text())
    pages = [a["because"] for i in incidents for a in i["alerts"] if a["urgency"] == "page"]
    assert pages == []
    assert [m["action"] for i in incidents for m in i["measures"]] == []
    assert summary["quarantined"] in ({}, []) or not any(summary["quarantined"].values())
    assert summary["events"] > 0.4 * (rows or 250_000), "the whole log was judged"
