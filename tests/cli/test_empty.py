"""A file given with an option that holds nothing is named, and the exit code stays as it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from fireline.cli.empty import EXPECTED, warn_of_empty
from fireline.cli.entry import main

EMPTY = {"nothing.csv": "", "header.csv": "at,kind,name,value\n", "blank.jsonl": "\n\n"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, text in EMPTY.items():
        Path(name).write_text(text)
    return tmp_path


@pytest.mark.parametrize("option", ["labels", "signals", "counts", "training"])
@pytest.mark.parametrize("name", EMPTY)
def test_each_empty_file_is_named_with_what_was_expected(folder, capsys, option, name):
    warn_of_empty(**{option: [Path(name)]})
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"warning: --{option} {name}: there is no row in it")
    assert EXPECTED[f"--{option}"] in said.err


@pytest.mark.parametrize("option", ["changes", "jobs"])
def test_lines_are_looked_for_where_one_is_an_entry(folder, capsys, option):
    warn_of_empty(**{option: Path("blank.jsonl")})
    assert f"--{option} blank.jsonl" in capsys.readouterr().err


def test_what_holds_a_row_however_bad_or_cannot_be_read_is_not_called_empty(folder, capsys):
    Path("bad.jsonl").write_text("{broken\n")
    warn_of_empty(signals=[Path("bad.jsonl"), Path("gone.csv")], changes=Path("bad.jsonl"), labels=None)
    assert capsys.readouterr().err == ""


def test_a_replay_says_it_and_goes_on(folder, capsys):
    hours = [f"2026-03-{d:02}T{h:02}:" for d in range(1, 13) for h in range(24)]
    lines = [f"{hour}{m:02}:00Z,{at % 9}" for at, hour in enumerate(hours) for m in (0, 30)]
    Path("events.csv").write_text("\n".join(["time,amount", *lines]) + "\n")
    drafting = ["init", "events.csv", "--service", "s", "--until", "2026-03-11"]
    assert main([*drafting, "--signals", "header.csv"]) == 0
    assert "--signals header.csv" in capsys.readouterr().err
    told = ["replay", "runbook.yaml", "--events", "events.csv", "--out", "out", "--quiet"]
    assert main([*told, "--changes", "blank.jsonl", "--labels", "header.csv"]) == 0
    said = capsys.readouterr().err
    assert "--changes blank.jsonl" in said
    assert "--labels header.csv" in said
