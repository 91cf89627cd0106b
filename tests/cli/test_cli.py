"""The command line: it teaches, its errors are clean, and its exit codes mean something."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
import pytest
import typer

from fireline import __version__
from fireline.cli import commands
from fireline.cli.app import app
from fireline.cli.entry import main
from fireline.runbook.load import load, read
from tests.support.books import READY, log

Output = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No colours, wide lines, and a folder of its own."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr("fireline.cli.check._dull", lambda file: [])  # baselines here are empty files
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def no_baseline(monkeypatch: pytest.MonkeyPatch) -> list[list[Path]]:
    """Taking a baseline is another area's work: here only a file appears."""
    import fireline.replay

    asked: list[list[Path]] = []

    def take(runbook: Path, events: list[Path], **more: object) -> None:
        asked.append([Path(one) for one in events])
        read(runbook).baseline_path.write_bytes(b"")

    monkeypatch.setattr(fireline.replay, "take_baseline", take)
    return asked


def written(name: str, table: pa.Table) -> str:
    if name.endswith(".csv"):
        pc.write_csv(table, name)
    elif name.endswith(".jsonl"):
        rows = table.to_pylist()
        Path(name).write_text("".join(json.dumps(row, default=str) + "\n" for row in rows))
    else:
        pq.write_table(table, name)
    return name


def ready(text: str = READY) -> str:
    Path("runbook.yaml").write_text(text)
    Path("runbook.baseline.npz").write_bytes(b"")
    return "runbook.yaml"


def test_help_teaches_and_the_version_is_told(capsys: Output) -> None:
    assert main(["--help"]) == 0
    said = capsys.readouterr().out
    for words in ("fireline init events.parquet", "fireline demo replay", "Begin here", "Exit codes"):
        assert words in said
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"fireline {__version__}\n"
    assert main(["chekc"]) == 2
    assert "Did you mean 'check'?" in capsys.readouterr().err


def test_the_reference_page_in_the_docs_is_made_from_the_commands() -> None:
    page = Path(__file__).parents[2] / "docs/reference/commands.md"
    made = commands.as_markdown(typer.main.get_command(app))
    assert page.read_text(encoding="utf-8") == made, (
        "make it anew: fireline commands -o docs/reference/commands.md"
    )


def test_every_command_and_option_says_what_it_does() -> None:
    def bare(command: object, name: str) -> list[str]:
        below = getattr(command, "commands", {})
        found = [
            f"{name} {one.name}" for one in getattr(command, "params", []) if not getattr(one, "help", None)
        ]
        return found + [gap for word, one in below.items() for gap in bare(one, f"{name} {word}")]

    assert bare(typer.main.get_command(app), "fireline") == []


def test_the_base_install_says_what_to_install() -> None:
    source = str(Path(__file__).parents[2] / "src")
    code = (
        "import sys; sys.modules['typer'] = None\nfrom fireline.cli.entry import main; "
        "sys.exit(main(['check']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": source},
    )
    assert done.returncode == 2
    assert "pip install 'fireline[server]'" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["events.parquet", "events.csv", "events.jsonl"])
def test_init_drafts_a_runbook_from_any_kind_of_log(
    name: str, no_baseline: list[list[Path]], capsys: Output
) -> None:
    assert main(["init", written(name, log()), "--service", "pricing", "--until", "2026-01-20"]) == 0
    said = capsys.readouterr().out
    assert "task             binary" in said
    assert "last known good  v1" in said
    assert "nobody is named as incident commander" in said
    runbook = load("runbook.yaml")
    assert (runbook.service, runbook.columns.time) == ("pricing", "timestamp")
    assert no_baseline == [[Path(name)]]


def test_init_names_the_first_rows_that_it_could_not_read(
    no_baseline: list[list[Path]], capsys: Output
) -> None:
    name = written("events.csv", log())
    with open(name, "a", encoding="utf-8") as file:
        file.write("too,few\n" * 5)
    assert main(["init", name, "--service", "pricing", "--until", "2026-01-20"]) == 0
    said = capsys.readouterr().out.replace("\n", " ")
    assert "events.csv: 5 rows could not be read: left out" in said
    assert said.count("2 values where the header names") == 3
    assert "... and 2 more" in said
    assert "quote values that hold the delimiter" in said


def test_help_fills_the_line(capsys: Output) -> None:
    assert main(["slo", "status", "--help"]) == 0
    shown = [line.strip() for line in capsys.readouterr().out.split("Arguments")[0].splitlines()]
    assert max(map(len, shown)) > 60
    assert not [line for line in shown if line.isascii() and 0 < len(line) < 12]


def test_without_a_server_the_status_of_a_runbook_says_that_a_log_can_be_counted(
    no_baseline: list[list[Path]], capsys: Output
) -> None:
    assert main(["init", written("events.csv", log()), "--service", "pricing", "--until", "2026-01-20"]) == 0
    assert main(["slo", "status", "runbook.yaml", "--url", "http://127.0.0.1:9"]) == 2
    assert "count a log here with --events" in capsys.readouterr().err


def test_init_takes_people_and_zone_from_its_options(no_baseline: list[list[Path]], capsys: Output) -> None:
    events = written("events.parquet", log())
    people = [
        "--contact",
        "Ada, commander/ops, +1 555",
        "--contact",
        "Joan, comms, #rooms",
        "--owner",
        "Revenue",
    ]
    more = ["--timezone", "Asia/Tokyo", "--column", "score=rate", "-o", "tokyo.yaml"]
    assert main(["init", events, "--service", "p", "--until", "2026-01-20", *people, *more]) == 0
    runbook = load("tokyo.yaml")
    assert [(c.name, c.role.value) for c in runbook.ownership.contacts] == [
        ("Ada", "incident commander"), ("Ada", "ops"), ("Joan", "comms"),
    ]  # fmt: skip
    assert runbook.columns.score == "rate"
    assert runbook.reference.until.isoformat() == "2026-01-19T15:00:00+00:00"
    assert runbook.reference.baseline == "tokyo.baseline.npz"
    capsys.readouterr()
    assert main(["check", "tokyo.yaml", "--at", "2026-01-20"]) == 0


def test_init_tells_events_labels_and_changes_in_a_folder_apart(
    no_baseline: list[list[Path]], capsys: Output
) -> None:
    table = log()
    Path("logs").mkdir()
    written("logs/a.parquet", table.drop_columns(["label", "label_time"]).slice(0, 1_500))
    written("logs/b.csv", table.drop_columns(["label", "label_time"]).slice(1_500))
    written("logs/truth.parquet", table.select(["request_id", "label", "label_time"]))
    Path("logs/changes.jsonl").write_text(
        '{"at": "2026-01-05", "kind": "deploy", "what": "v1", "service": "p"}\n'
    )
    assert main(["init", "logs", "--service", "p", "--until", "2026-01-20"]) == 0
    assert "changes.jsonl is a change log" in capsys.readouterr().out
    runbook = load("runbook.yaml")
    assert runbook.columns.label == "label"
    assert runbook.labels is not None
    assert "rooms" in runbook.columns.features
    assert [path.name for path in no_baseline[0]] == ["a.parquet", "b.csv", "truth.parquet"]


def test_init_does_not_write_over_a_runbook(no_baseline: list[list[Path]], capsys: Output) -> None:
    ready()
    arguments = ["init", written("e.parquet", log()), "--service", "p", "--until", "2026-01-20"]
    assert main(arguments) == 2
    assert "--force" in capsys.readouterr().err
    assert Path("runbook.yaml").read_text() == READY
    assert main([*arguments, "--force", "--quiet"]) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["none.parquet", "--until", "2026-01-20"], "there is no such file"),
        (["e.parquet", "--until", "soon"], "is not a time"),
        (["e.parquet", "--until", "2024-01-01"], "the first event is of 2026-01-01T00:00:00Z"),
        (["e.parquet", "--until", "2026-01-20", "--timezone", "Asia/Tokio"], "did you mean Asia/Tokyo?"),
        (["e.parquet", "--until", "2026-01-20", "--contact", "Ada"], "NAME, ROLE, REACH"),
        (["e.parquet", "--until", "2026-01-20", "--contact", "Ada, boss, +1"], "'boss' is no role"),
        (["e.parquet", "--until", "2026-01-20", "--column", "score"], "ROLE=COLUMN"),
        (["e.parquet", "--until", "2026-01-20", "--column", "score=x"], "no column x"),
        (["e.parquet", "--until", "2026-01-20", "-o", "no/such/folder.yaml"], "no such folder"),
        (["empty.csv", "--until", "2026-01-20"], "there is not a single event"),
        (["x.parquet", "--until", "2026-01-20"], "no column of the log looks like a time"),
        (["e.parquet"], "Missing option '--until'"),
    ],
)
def test_wrong_input_is_answered_with_what_to_do(more: list[str], says: str, capsys: Output) -> None:
    written("e.parquet", log(100))
    written("x.parquet", pa.table({"a": [1, 2, 3]}))
    Path("empty.csv").write_text("timestamp,score\n")
    assert main(["init", *more, "--service", "p"]) == 2
    said = capsys.readouterr().err
    assert says in said
    assert "Traceback" not in said
    assert not Path("runbook.yaml").exists()


def test_check_says_what_is_missing_and_ends_with_one(capsys: Output) -> None:
    assert main(["check", ready(), "--at", "2026-01-30"]) == 0
    assert capsys.readouterr().out == "nothing is missing\n"
    broken = READY.replace("watch: 24h", "watch: 0m").replace(
        "purpose: Says what a room should cost tonight.\n", ""
    )
    assert main(["check", ready(broken), "--at", "2026-01-30"]) == 1
    said = capsys.readouterr().out
    line = broken.splitlines().index("watch: 0m") + 1
    assert f"error   runbook.yaml:{line} watch: no watch period" in said
    assert "1 error, 1 warning" in said


def test_check_as_json_and_strictly(capsys: Output) -> None:
    text = READY.replace("purpose: Says what a room should cost tonight.\n", "")
    assert main(["check", ready(text), "--at", "2026-01-30", "--json"]) == 0
    assert [one["key"] for one in json.loads(capsys.readouterr().out)] == ["purpose"]
    assert main(["check", ready(text), "--at", "2026-01-30", "--strict"]) == 1


def test_check_holds_the_columns_against_a_log(capsys: Output) -> None:
    assert main(["check", ready(), "--at", "2026-01-30", "--events", written("e.parquet", log(100))]) == 1
    assert "the log has no column time" in capsys.readouterr().out


def test_a_runbook_that_cannot_be_read_ends_with_two(capsys: Output) -> None:
    assert main(["check", ready(READY.replace("watch:", "wach:"))]) == 2
    assert "did you mean `watch`?" in capsys.readouterr().out
    assert main(["check", "none.yaml"]) == 2
    assert "fireline init" in capsys.readouterr().err
    assert main(["runbook", "render", "none.yaml"]) == 2


def test_the_page_goes_to_the_screen_or_to_a_file(capsys: Output) -> None:
    assert main(["runbook", "render", ready()]) == 0
    assert capsys.readouterr().out.startswith("# Runbook: pricing\n")
    assert main(["runbook", "render", ready(), "-o", "page.html"]) == 0
    assert Path("page.html").read_text().startswith("<!doctype html>")
    assert capsys.readouterr().out == ""
    assert main(["runbook", "schema"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "Runbook"
    assert main(["runbook", "schema", "--markdown"]) == 0
    assert capsys.readouterr().out.startswith("# The runbook\n")


def test_a_baseline_can_be_taken_again(no_baseline: list[list[Path]], capsys: Output) -> None:
    assert main(["runbook", "baseline", ready(), "--events", "a.parquet", "--events", "b.parquet"]) == 0
    assert no_baseline == [[Path("a.parquet"), Path("b.parquet")]]
    assert "runbook.baseline.npz taken" in capsys.readouterr().out


def test_a_full_disk_is_said_without_a_traceback(monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    ready()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", "page.html")

    monkeypatch.setattr(Path, "write_text", full)
    assert main(["runbook", "render", "runbook.yaml", "-o", "page.html"]) == 2
    assert capsys.readouterr().err == "fireline: page.html: No space left on device\n"


def test_a_healthy_log_goes_through_init_check_and_replay(capsys: Output) -> None:
    events = written("events.parquet", log(rows=6_000, days=20))
    people = ["--contact", "Ada, all, +1 555", "--owner", "Revenue", "--timezone", "Europe/Paris"]
    assert main(["init", events, "--service", "pricing", "--until", "2026-01-16", *people]) == 0
    assert Path("runbook.baseline.npz").stat().st_size > 0
    assert main(["check", "runbook.yaml", "--events", events]) == 0
    capsys.readouterr()
    assert main(["replay", "runbook.yaml", "--events", events, "--out", "out"]) == 0
    assert "Nothing paged." in capsys.readouterr().out
    assert json.loads(Path("out/incidents.json").read_text()) == []
    assert "pricing" in Path("out/report.html").read_text()
