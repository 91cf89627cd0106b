"""Logs as they come: what cannot be used is named with what to do, and the good rows are kept."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
import pytest

from fireline.cli.entry import main
from tests.support.books import log

ROWS, DAYS = 6_000, 12.0
UNTIL = "2026-01-09T00:00:00Z"
ONSET = int(ROWS * 9.5 / DAYS)

Output = pytest.CaptureFixture[str]


def outage(**more: Any) -> pa.Table:
    """Twelve days of which eight are calm; on the tenth, two in five answers become errors."""
    rng = np.random.default_rng(5)
    status = np.where(rng.random(ROWS) < 0.01, 503, 200)
    late = np.arange(ROWS) >= ONSET
    status = np.where(late & (rng.random(ROWS) < 0.4), 503, status)
    return log(ROWS, DAYS, http_status=status, is_toxic=None, **more)


def put(path: Path, table: pa.Table) -> Path:
    if path.suffix == ".csv":
        pc.write_csv(table, path)
    elif path.suffix == ".jsonl":
        rows = table.to_pylist()
        path.write_text("".join(json.dumps(row, default=lambda at: at.isoformat()) + "\n" for row in rows))
    else:
        pq.write_table(table, path)
    return path


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)


def init(events: Path, *more: str) -> int:
    return main(["init", str(events), "--service", "pricing", "--until", UNTIL, "-q", "--force", *more])


def replay(events: Path | str, *more: str) -> int:
    return main(["replay", "runbook.yaml", "--events", str(events), "--out", "out", "-q", *more])


def incidents() -> list[dict[str, Any]]:
    return list(json.loads(Path("out/incidents.json").read_text()))


def summary() -> dict[str, Any]:
    return dict(json.loads(Path("out/summary.json").read_text()))


def families() -> set[str]:
    return {alert["family"] for incident in incidents() for alert in incident["alerts"]}


def clean_error(capsys: Output, *words: str) -> str:
    said = capsys.readouterr().err
    assert "Traceback" not in said
    assert said.startswith("fireline: "), said
    assert "-> " in said, f"it must say what to do: {said}"
    for word in words:
        assert word in said, said
    return said


# --- any log will do


def regression() -> pa.Table:
    rng = np.random.default_rng(6)
    said = rng.normal(80, 10, ROWS)
    return outage(score=None, prediction=said, label=said + rng.normal(0, 3, ROWS))


def multiclass() -> pa.Table:
    rng = np.random.default_rng(7)
    truth = rng.choice(["food", "travel", "media"], ROWS)
    said = np.where(rng.random(ROWS) < 0.8, truth, "food")
    return outage(score=None, prediction=said.tolist(), label=truth.tolist())


def flags_only() -> pa.Table:
    rng = np.random.default_rng(8)
    late = np.arange(ROWS) >= ONSET
    toxic = rng.random(ROWS) < np.where(late, 0.2, 0.005)
    return log(ROWS, DAYS).select(["timestamp"]).append_column("is_toxic", pa.array(toxic))


KINDS: dict[str, tuple[Callable[[], pa.Table], str]] = {
    "no version": (lambda: outage(model_version=None), "error_rate"),
    "no labels": (lambda: outage(label=None, label_time=None), "error_rate"),
    "no score": (lambda: outage(score=None), "error_rate"),
    "no request_id": (lambda: outage(request_id=None), "error_rate"),
    "no segments": (lambda: outage(country=None), "error_rate"),
    "regression": (regression, "error_rate"),
    "multiclass": (multiclass, "error_rate"),
    "flags only": (flags_only, "toxic_rate"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_log_of_any_kind_is_drafted_checked_and_judged(kind: str, capsys: Output) -> None:
    make, family = KINDS[kind]
    events = put(Path("events.parquet"), make())
    assert init(events) == 0
    assert main(["check", "runbook.yaml"]) in (0, 1)
    assert replay(events) == 0, capsys.readouterr().err
    assert family in families()


def test_csv_and_json_lines_tell_the_story_of_parquet() -> None:
    table = outage()
    assert init(put(Path("events.parquet"), table)) == 0
    told = []
    for name in ("events.parquet", "events.csv", "events.jsonl"):
        assert replay(put(Path(name), table)) == 0
        told.append(incidents())
    assert told[0] == told[1] == told[2]
    assert "error_rate" in families()


# --- rows that cannot be used


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pa.Table]:
    """A folder with the clean log and what was drafted for it, and the log."""
    folder, table = tmp_path_factory.mktemp("clean"), outage()
    with contextlib.chdir(folder):
        assert init(put(Path("events.parquet"), table)) == 0
    return folder, table


@pytest.fixture
def drafted(clean: tuple[Path, pa.Table], tmp_path: Path, plain: None) -> pa.Table:
    """A runbook of the clean log in this test's own folder, and the log."""
    shutil.copytree(clean[0], tmp_path, dirs_exist_ok=True)
    return clean[1]


def examples() -> str:
    return json.dumps(summary()["quarantine_examples"]) + json.dumps(summary()["quarantined"])


def test_a_wrong_type_in_a_row_is_put_aside_and_named(drafted: pa.Table) -> None:
    lines = put(Path("events.csv"), drafted).read_text().splitlines()
    cells = lines[101].split(",")
    cells[4] = "many"
    lines[101] = ",".join(cells)
    Path("events.csv").write_text("\n".join(lines) + "\n")
    assert replay("events.csv") == 0
    assert summary()["events"] == ROWS - 1
    for word in ("events.csv", "rooms", "many"):
        assert word in examples()
    assert "error_rate" in families()


def test_a_missing_column_is_named_with_its_key(drafted: pa.Table, capsys: Output) -> None:
    put(Path("less.parquet"), drafted.drop_columns(["rooms"]))
    assert replay("less.parquet") == 2
    clean_error(capsys, "rooms", "less.parquet")


def test_a_line_of_100_mb_is_put_aside(drafted: pa.Table) -> None:
    put(Path("events.jsonl"), drafted)
    whole = Path("events.jsonl").read_text().splitlines(keepends=True)
    with Path("events.jsonl").open("w") as stream:
        stream.writelines(whole[:50])
        stream.write('{"timestamp": "2026-01-01T02:00:00Z", "country": "')
        for _ in range(100):
            stream.write("x" * 1_000_000)
        stream.write('"}\n')
        stream.writelines(whole[50:])
    assert replay("events.jsonl") == 0
    assert summary()["events"] == ROWS
    assert "events.jsonl" in examples()
    assert '"line": 51' in examples()


def test_a_clock_three_hours_off_is_put_aside_with_its_host(drafted: pa.Table) -> None:
    hosts = ["h1" if i % 5 else "h2" for i in range(ROWS)]
    at = drafted["timestamp"].to_pylist()
    wrong = [t + timedelta(hours=3) if h == "h2" and 700 <= i < 900 else t
             for i, (t, h) in enumerate(zip(at, hosts, strict=True))]  # fmt: skip
    table = drafted.append_column("host", pa.array(hosts))
    table = table.set_column(0, "timestamp", pa.array(wrong, pa.timestamp("us", tz="UTC")))
    assert init(put(Path("events.parquet"), table)) == 0
    assert replay("events.parquet") == 0
    assert summary()["events"] == ROWS - 40
    for word in ("3 h ahead", "host h2", "NTP"):
        assert word in examples()


def test_labels_for_unknown_requests_are_counted_and_the_others_kept(drafted: pa.Table) -> None:
    labels = drafted.select(["request_id", "label", "label_time"])
    odd = pa.table({"request_id": ["nobody-1"], "label": pa.array([1], labels["label"].type),
                    "label_time": labels["label_time"].slice(0, 1)})  # fmt: skip
    put(Path("labels.parquet"), pa.concat_tables([labels, odd]))
    put(Path("only.parquet"), drafted.drop_columns(["label", "label_time"]))
    assert init(Path("only.parquet"), "--labels", "labels.parquet") == 0
    assert replay("only.parquet", "--labels", "labels.parquet") == 0
    assert "nobody-1" in examples()
    assert "unknown_request" in json.dumps(summary())
    assert summary()["labels"] >= ROWS - 5


def test_rows_of_another_service_are_put_aside(drafted: pa.Table) -> None:
    names = ["pricing"] * ROWS
    names[10:20] = ["parking"] * 10
    table = drafted.append_column("service", pa.array(names))
    assert init(put(Path("events.parquet"), table)) == 0
    assert replay("events.parquet") == 0
    assert summary()["events"] == ROWS - 10
    assert "parking" in examples()


def test_a_bad_line_of_the_changes_is_named_and_the_good_ones_kept(drafted: pa.Table, capsys: Output) -> None:
    good = {"at": "2026-01-10T00:00:00Z", "kind": "deploy", "what": "v2", "service": "pricing"}
    Path("changes.jsonl").write_text(json.dumps(good) + "\n" + '{"at": "soon", "kind": \n')
    assert replay("events.parquet", "--changes", "changes.jsonl") == 0
    assert [change["what"] for change in summary()["changes"]] == ["v2"]
    assert "changes.jsonl" in summary()["bad_changes"][0]
    assert "2" in summary()["bad_changes"][0]
    assert "Traceback" not in capsys.readouterr().err


# --- what stops the command, cleanly


def test_an_empty_file(drafted: pa.Table, capsys: Output) -> None:
    Path("empty.csv").write_text("")
    assert init(Path("empty.csv")) == 2
    clean_error(capsys, "empty.csv")
    assert replay("empty.csv") == 2
    clean_error(capsys, "empty.csv")


def test_a_file_that_is_not_there(drafted: pa.Table, capsys: Output) -> None:
    assert replay("nowhere.parquet") == 2
    clean_error(capsys, "nowhere.parquet")


def test_a_runbook_with_a_typo(drafted: pa.Table, capsys: Output) -> None:
    text = Path("runbook.yaml").read_text()
    Path("runbook.yaml").write_text(text.replace("\nreference:", "\nrefrence:"))
    assert replay("events.parquet") == 2
    clean_error(capsys, "runbook.yaml:", "refrence", "did you mean `reference`?")


def test_a_missing_baseline_and_a_log_without_its_reference(drafted: pa.Table, capsys: Output) -> None:
    Path("runbook.baseline.npz").unlink()
    put(Path("late.parquet"), drafted.slice(int(ROWS * 9 / DAYS)))
    assert replay("late.parquet") == 2
    clean_error(capsys, "runbook.baseline.npz", "fireline init")
    assert replay("events.parquet") == 0, "a log that holds the reference gives a new baseline"
    assert Path("runbook.baseline.npz").exists()


def test_a_broken_baseline(drafted: pa.Table, capsys: Output) -> None:
    Path("runbook.baseline.npz").write_bytes(b"not a baseline")
    assert replay("events.parquet") == 2
    clean_error(capsys, "runbook.baseline.npz")


def test_a_reference_with_too_few_rows(capsys: Output) -> None:
    events = put(Path("events.parquet"), outage().slice(int(ROWS * 7.9 / DAYS)))
    assert init(events) == 2
    clean_error(capsys, "too few")


def test_a_log_that_ends_before_the_replay_begins(drafted: pa.Table, capsys: Output) -> None:
    put(Path("early.parquet"), drafted.slice(0, ROWS // 2))
    assert replay("early.parquet") == 2
    clean_error(capsys, "early.parquet", "--from")
