"""The demo types what a newcomer would type, in order, and stops where something fails."""

from __future__ import annotations

import io
import shlex
from pathlib import Path

import pytest
from rich.console import Console

from fireline.demo import replay
from fireline.demo.flights import Plan, Recording

MEASURED = {
    "held_out_auc": 0.65,
    "before_canary": {"A": 0.74, "B": 0.69, "n": 15890, "late_share": 0.27},
    "after_canary": {"A": 0.71, "B": 0.68, "n": 12944, "late_share": 0.23},
}


@pytest.fixture(autouse=True)
def recorded(monkeypatch: pytest.MonkeyPatch):
    def fake(folder: Path, plan: Plan, *, say) -> Recording:
        say("writing the log")
        return Recording(folder, plan, MEASURED, fresh=True)

    monkeypatch.setattr(replay, "record", fake)


def demo(out: Path, **more) -> tuple[int, list[list[str]], str]:
    typed: list[list[str]] = []
    answer = more.pop("answer", lambda _: 0)
    screen = io.StringIO()

    def invoke(command: list[str]) -> int:
        typed.append(command)
        return answer(command)

    code = replay.run(out, invoke=invoke, console=Console(file=screen, width=200), open_report=False, **more)
    return code, typed, screen.getvalue()


def test_init_check_and_replay_are_typed_and_shown(tmp_path: Path):
    code, typed, shown = demo(tmp_path)
    assert code == 0
    assert [command[0] for command in typed] == ["init", "check", "replay"]
    assert all(f"$ fireline {command[0]}" in shown for command in typed)
    joined = " ".join(shown.replace("\\\n", " ").split())
    for command in typed:  # what is shown can be typed
        assert shlex.join(["fireline", *command]) in joined
    assert typed[0][typed[0].index("--timezone") + 1] == "America/New_York"
    assert typed[2][-1] == str(tmp_path)


def test_the_truth_is_told_only_at_the_end(tmp_path: Path):
    _, typed, shown = demo(tmp_path)
    assert "UTC" in shown.split("the truth")[1]
    assert "UTC" not in shown.split("the truth")[0]
    assert not any("UTC" in word for command in typed for word in command)
    assert "no fault" in demo(tmp_path, fault=False)[2]


def test_a_command_that_fails_ends_the_demo_with_its_code(tmp_path: Path):
    code, typed, shown = demo(tmp_path, answer=lambda command: 1 if command[0] == "check" else 0)
    assert code == 1
    assert [command[0] for command in typed] == ["init", "check"]
    assert "stops here" in shown


def test_the_report_opens_only_where_there_is_a_screen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    opened: list[str] = []
    monkeypatch.setattr(replay.webbrowser, "open", opened.append)
    (tmp_path / "report.html").write_text("<p>")
    screen = Console(file=io.StringIO())
    replay.run(tmp_path, invoke=lambda _: 0, console=screen, open_report=True)
    assert opened == [(tmp_path / "report.html").as_uri()]
    assert replay.has_screen({"DISPLAY": ":0"}, "linux")
    assert replay.has_screen({}, "darwin")
    assert not replay.has_screen({}, "linux")
    assert not replay.has_screen({"CI": "true", "DISPLAY": ":0"}, "linux")
