"""Counts made in SQL are judged like counted events: the same alerts, and no crash where rows are missing."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from fireline.cli.entry import main
from fireline.clock import iso, micros
from fireline.detect.baseline import Baseline
from fireline.detect.judge import Judge
from fireline.detect.registry import kinds
from fireline.drill.faults import faults
from fireline.drill.worlds import World, write
from fireline.reader import CountsReader
from fireline.runbook.load import load
from fireline.store import Store
from fireline.telemetry.pushdown.arriving import read_counts
from fireline.telemetry.pushdown.further import further
from fireline.telemetry.pushdown.statement import COUNTED
from tests.pushdown.places import cells, differences, left_out, without

WORLD = World(days=12, reference_days=9, per_minute=4, features=4, segments=1, label_hours=4)


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A service whose new version breaks, its runbook, its story by events, and its counts by DuckDB."""
    folder = tmp_path_factory.mktemp("counts")
    world = faults()["bad_deploy"].play(WORLD, "large")
    write(world, folder)
    events, book = str(folder / "events.parquet"), str(folder / "runbook.yaml")
    said = ["--service", world.service, "--timezone", world.timezone, "--until", iso(world.live_from)]
    assert main(["init", events, *said, "-o", book, "--quiet"]) == 0
    assert main(["replay", book, "--events", events, "--out", str(folder / "by-events"), "--quiet"]) == 0
    assert main(["tally", book, "--table", events, "--out", str(folder / "counts.parquet"), "--quiet"]) == 0
    asked = ["replay", book, "--counts", str(folder / "counts.parquet"), "--out", str(folder / "by-counts")]
    assert main([*asked, "--quiet"]) == 0
    return folder


def alerts(folder: Path) -> list[dict]:
    incidents = json.loads((folder / "incidents.json").read_text(encoding="utf-8"))
    found = [alert for incident in incidents for alert in incident["alerts"]]
    return sorted(found, key=lambda alert: json.dumps(alert, sort_keys=True))


def watched(place: Path) -> set[str]:
    """The monitors that read what SQL counts."""
    plan = Baseline.load(place / "runbook.baseline.npz").plan
    blind = {name for one in further().values() for name in one.blind}
    return {kind.name for kind in kinds() if kind.laid_out(plan).name in COUNTED} - blind


def findings(place: Path, story: str) -> list:
    """All that those monitors find in the counts of one story, day by day."""
    runbook = load(place / "runbook.yaml")
    baseline = Baseline.load(place / "runbook.baseline.npz")
    first = micros(runbook.reference.until)
    judge = Judge(baseline, runbook, first)
    judge.meet("B")
    with Store.open(place / story / "state" / "store.sqlite") as store:
        read = CountsReader(store, runbook.service)
        days = range(first + 86_400_000_000, first + 4 * 86_400_000_000, 86_400_000_000)
        found = [finding for stop in days for finding in judge.advance(read, stop, stop)]
    mine = watched(place)
    return [finding for finding in found if finding.monitor in mine]


def test_the_judge_finds_in_counts_what_it_finds_in_events(place):
    by_events = findings(place, "by-events")
    assert len(by_events) > 3
    assert findings(place, "by-counts") == by_events


def test_alerts_from_events_are_all_there_from_counts(place):
    """There may be more: what triage learns from rows inhibits later alerts, and without rows it does not.
    From the simulated rollback on alerts go apart: rows and counts of the shadow are sure at different times
    that what fires would not have happened."""
    by_events, by_counts = alerts(place / "by-events"), alerts(place / "by-counts")
    assert {alert["urgency"] for alert in by_events} >= {"page"}
    incidents = json.loads((place / "by-counts" / "incidents.json").read_text(encoding="utf-8"))
    held = min(m["confirmed_at"] for incident in incidents for m in incident["measures"])
    mine = [a for a in by_events if a["monitor"] in watched(place) and a["fired_at"] <= held]
    assert len(mine) > 2
    assert [alert for alert in mine if alert not in by_counts] == []
    told = [json.loads((place / story / "summary.json").read_text()) for story in ("by-events", "by-counts")]
    assert told[0]["monitors"] == told[1]["monitors"]


def test_what_going_back_would_have_brought_is_told_from_the_shadow_s_counts(place):
    """No request is paired: counts of the version and of the other's shadow over the same ticks say it."""
    incidents = json.loads((place / "by-counts" / "incidents.json").read_text(encoding="utf-8"))
    said = [v for incident in incidents for v in incident["verdicts"] if v["verdict"] == "effective"]
    assert said
    for verdict in said:
        assert verdict["figures"]["how"] == "control"
        assert "in its shadow" in verdict["because"]
        assert "the same" not in verdict["because"]


def test_counts_of_a_log_are_those_its_replay_counted(place):
    plan = Baseline.load(place / "runbook.baseline.npz").plan
    log = read_counts(plan, [place / "counts.parquet"])
    with Store.open(place / "by-events" / "state" / "store.sqlite") as store:
        rows = [row for grain in (60, 900, 3600) for row in store.counts(grain, 0, 1 << 40, late=None)]
    counted = {plan.layout(name).identity for name in COUNTED}
    rows = [row for row in rows if row.layout in counted]
    expected = without(cells(plan, rows), left_out(plan))
    assert differences(cells(plan, list(log.counts)), expected) == []


def test_who_has_only_counts_is_told_what_was_not_looked_for(place):
    summary = json.loads((place / "by-counts" / "summary.json").read_text(encoding="utf-8"))
    assert any("only counts came in" in note for note in summary["notes"])
    assert "only counts came in" in (place / "by-counts" / "report.html").read_text(encoding="utf-8")


def test_counts_as_json_lines_say_the_same(place, tmp_path):
    events, book = str(place / "events.parquet"), str(place / "runbook.yaml")
    lines = tmp_path / "counts.jsonl"
    assert main(["tally", book, "--table", events, "--out", str(lines), "--quiet"]) == 0
    plan = Baseline.load(place / "runbook.baseline.npz").plan
    one, other = (read_counts(plan, [p]) for p in (lines, place / "counts.parquet"))
    assert cells(plan, list(one.counts)) == cells(plan, list(other.counts))


def test_two_stretches_count_what_the_whole_counts(place, tmp_path):
    book, events = str(place / "runbook.yaml"), str(place / "events.parquet")
    middle = "2026-01-08T05:17:00Z"
    parts = [(["--until", middle], tmp_path / "a.parquet"), (["--since", middle], tmp_path / "b.parquet")]
    first = pq.read_table(place / "events.parquet", columns=["time"]).column("time")[0].as_py()
    assert iso(first) < middle
    for bounds, out in parts:
        assert main(["tally", book, "--table", events, *bounds, "--out", str(out), "--quiet"]) == 0
    plan = Baseline.load(place / "runbook.baseline.npz").plan
    whole = read_counts(plan, [place / "counts.parquet"])
    cut = read_counts(plan, [out for _, out in parts])
    assert differences(cells(plan, list(cut.counts)), cells(plan, list(whole.counts))) == []


SPOILT = {
    "cell": lambda t: t.drop_columns(["cell"]),
    "has": lambda t: t.set_column(5, "cell", pc.add(t.column("cell"), 10_000)),
    "scope": lambda t: t.set_column(2, "scope", pa.array(["everything"] * len(t))),
    "layout": lambda t: t.set_column(0, "layout", pa.array(["rates-0"] * len(t))),
}


@pytest.mark.parametrize("says", SPOILT)
def test_counts_that_are_none_are_refused_with_their_file(place, tmp_path, capsys, says):
    path = tmp_path / "spoilt.parquet"
    pq.write_table(SPOILT[says](pq.read_table(place / "counts.parquet").slice(0, 500)), path)
    assert (
        main(["replay", str(place / "runbook.yaml"), "--counts", str(path), "--out", str(tmp_path / "o")])
        == 2
    )
    said = capsys.readouterr().err.replace("\n", "")
    assert "spoilt.parquet" in said
    assert says in said


def test_the_sql_is_printed_for_every_engine(place, capsys):
    for engine in ("duckdb", "clickhouse", "spark"):
        capsys.readouterr()
        asked = [
            "tally",
            str(place / "runbook.yaml"),
            "--engine",
            engine,
            "--table",
            "ml.events",
            "--sql-only",
        ]
        assert main(asked) == 0
        assert "GROUP BY" in capsys.readouterr().out
