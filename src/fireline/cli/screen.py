"""What all commands share on a screen: colours, problems, and lines that say what is going on."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.text import Text

from fireline.runbook.problem import LEVELS, Problem

STYLES = {"error": "bold red", "warning": "yellow", "hint": "cyan"}


def without_colour() -> None:
    """No colours from here on, in this process."""
    os.environ["NO_COLOR"] = "1"


def out() -> Console:
    """Where results go."""
    return Console(file=sys.stdout, highlight=False, soft_wrap=True)


def err() -> Console:
    """Where progress and errors go: never mixed into results."""
    return Console(file=sys.stderr, highlight=False, soft_wrap=True)


def show_problems(problems: Sequence[Problem], console: Console) -> None:
    """Each problem with its place and what to do, gravest first, and how many there are."""
    for one in problems:
        line = Text()
        line.append(f"{one.level:<8}", STYLES[one.level])
        line.append(f"{one.file}:{one.line}" if one.line is not None else one.file)
        line.append(f" {one.key}: " if one.key else ": ", "bold")
        line.append(one.says)
        console.print(line)
        if one.todo:
            console.print(Text(f"        -> {one.todo}", "dim"))
    console.print(Text(tell(problems), "bold"))


def tell(problems: Sequence[Problem]) -> str:
    """How many there are of each level."""
    counted = Counter(one.level for one in problems)
    parts = [
        f"{counted[level]} {level}{'s' if counted[level] != 1 else ''}" for level in LEVELS if counted[level]
    ]
    return ", ".join(parts) if parts else "nothing is missing"


@contextmanager
def busy(what: str, quiet: bool = False) -> Iterator[None]:
    """Say what is going on while it is: a spinner on a screen, a line in a log, nothing when ``quiet``."""
    console = err()
    if quiet:
        yield
    elif console.is_terminal:
        with console.status(what):
            yield
    else:
        console.print(what)
        yield
