"""The demo from end to end: the log is written, a newcomer's commands are typed, then the truth is told."""

from __future__ import annotations

import os
import shlex
import sys
import webbrowser
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import perf_counter

from rich.console import Console
from rich.padding import Padding
from rich.panel import Panel
from rich.text import Text

from fireline.demo.flights import SERVICE, Plan, Recording, describe, record
from fireline.demo.timetable import NEW_YORK

REFERENCE_UNTIL = "2013-03-15"
Invoke = Callable[[list[str]], int]


def run(
    out: Path = Path("out/demo"),
    fault: bool = True,
    *,
    invoke: Invoke,
    months: int = 1,
    open_report: bool | None = None,
    console: Console | None = None,
) -> int:
    """Make the log in ``out``, run ``init``, ``check`` and ``replay`` on it, say where the report is.

    ``invoke`` runs one command of the command line and gives back its exit code. ``open_report`` None means:
    if there is a screen. Gives back 0, or the exit code of the first command that failed. Run again, it uses
    the log it finds.
    """
    console = console or Console(highlight=False, soft_wrap=True)
    started = perf_counter()
    _say(console, "1", "The log a delay service would have written in New York, 2013")
    recording = _record(out / "log", Plan(fault=fault, months=months), console)
    for number, says, command in commands(out, recording):
        _say(console, number, says)
        console.print(Text(typed(command), "bold cyan"))
        code = invoke(command)
        if code != 0:
            console.print(Text(f"  that ended with {code}; the demo stops here", "bold red"))
            return code
    _tell_truth(console, recording)
    report = out / "report.html"
    console.print(
        Text(f"\n{report} is one file to read and to send.  ").append(
            f"{perf_counter() - started:.0f} s", "dim"
        )
    )
    if report.is_file() and (has_screen(os.environ) if open_report is None else open_report):
        webbrowser.open(report.resolve().as_uri())
    return 0


def commands(out: Path, recording: Recording) -> list[tuple[str, str, list[str]]]:
    """(number, what it does, the command) as a newcomer would type them."""
    runbook, changes = str(out / "runbook.yaml"), str(recording.changes)
    logs = [str(recording.events), "--labels", str(recording.labels), "--changes", changes]
    init = [
        "init",
        *logs,
        "--service",
        SERVICE,
        "--until",
        REFERENCE_UNTIL,
        "--timezone",
        NEW_YORK,
        "--owner",
        "delays team",
        "--contact",
        "Pat Rivera, all, pat@example.com",
        "-o",
        runbook,
        "--force",
    ]
    return [
        (
            "2",
            f"A runbook drafted from it; what is normal is taken from the days before {REFERENCE_UNTIL}",
            init,
        ),
        ("3", "Does the runbook lack anything a bad night would need?", ["check", runbook]),
        (
            "4",
            "The whole month again, in virtual time: nothing is performed",
            ["replay", runbook, "--events", *logs, "--out", str(out)],
        ),
    ]


def typed(command: Sequence[str], width: int = 100) -> str:
    """``command`` as it would be typed, over several lines where it is long.

    >>> print(typed(["check", "a file.yaml"]))
      $ fireline check 'a file.yaml'
    """
    lines = ["  $ fireline"]
    for word in command:
        shown = shlex.quote(word)
        if word.startswith("-") and len(lines[-1]) + 40 > width:
            lines[-1] += " \\"
            lines.append("     ")
        lines[-1] += f" {shown}"
    return "\n".join(lines)


def has_screen(environment: Mapping[str, str], platform: str = sys.platform) -> bool:
    """Whether a page can be opened for a person: never under CI, on Linux only with a display."""
    if environment.get("CI"):
        return False
    if platform in ("darwin", "win32"):
        return True
    return bool(environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY"))


def _record(folder: Path, plan: Plan, console: Console) -> Recording:
    """The log, with each step said: as a spinner on a terminal, as a line elsewhere."""
    if console.is_terminal:
        with console.status("") as status:

            def spin(step: str) -> None:
                status.update(f"  {step}")
                console.print(Text(f"  {step}", "dim"))

            recording = record(folder, plan, say=spin)
    else:
        recording = record(folder, plan, say=lambda step: console.print(f"  {step}"))
    real = "flights, weather, model, scores and labels are real; latency and status are invented"
    console.print(Text(f"  {recording.folder}: {real}", "dim"))
    return recording


def _say(console: Console, number: str, text: str) -> None:
    console.print(Padding(Text(f"{number}  ", "bold dark_orange").append(text, "bold"), (1, 0, 0, 0)))


def _tell_truth(console: Console, recording: Recording) -> None:
    """What the detector was not told."""
    lines: Sequence[str] = describe(recording.measured)
    if recording.plan.fault:
        head = "What nobody told the detector: version B's feature code reads the departure hour in UTC."
    else:
        head = "What nobody told the detector: version B has no fault; its deploy is harmless."
    body = Text(head, "bold").append("".join(f"\n{line}" for line in lines), "default")
    console.print(Padding(Panel(body, title="the truth", title_align="left", expand=False), (1, 0, 0, 0)))
