"""`fireline check`: what a runbook still lacks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from fireline import sources
from fireline.cli import screen
from fireline.cli.options import RunbookPath, a_time
from fireline.clock import SystemClock
from fireline.errors import InputError
from fireline.runbook import check as checking
from fireline.runbook.against import Known
from fireline.runbook.load import RunbookFile, read
from fireline.runbook.problem import Problem, UnusableRunbook
from fireline.terms import words
from fireline.terms.alert import FAMILIES
from fireline.terms.plan import Plan

EXAMPLES = "Example: fireline check runbook.yaml --events events.parquet"
MOST_DULL = 3
"""How many dull monitors get a line of their own; the rest share one."""


def check(
    runbook: RunbookPath,
    events: Annotated[
        list[Path] | None,
        typer.Option(
            "--events", metavar="EVENTS", help="Hold the columns against this log too.", show_default=False
        ),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(
            "--at",
            metavar="TIME",
            help="Judge what has expired as of then; now unless said.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", metavar="", help="A JSON list instead of words.")
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", metavar="", help="Warnings count as errors.")] = False,
) -> None:
    """Say what a runbook still lacks, each with file, line and key.

    Exit code 1 when something is missing that a SEV1 would need; 2 when the runbook cannot be read.
    """
    console = screen.out()
    show = _show_json if as_json else screen.show_problems
    try:
        file = read(runbook)
    except UnusableRunbook as error:
        show(error.problems, console)
        raise typer.Exit(2) from None
    now = a_time(at, file.runbook.timezone, "--at") if at else SystemClock().now()
    problems = checking.check(file, now=now, log=_columns(events) if events else None, known=_known())
    problems = [*_sources(file), *problems, *_dull(file)]
    show(problems, console)
    grave = {"error", "warning"} if strict else {"error"}
    if any(one.level in grave for one in problems):
        raise typer.Exit(1)


def _sources(file: RunbookFile) -> list[Problem]:
    """What is wrong with the sources that a server would pull from."""
    from fireline.sources.pull import problems

    return problems(file)


def _dull(file: RunbookFile) -> list[Problem]:
    """Monitors that would notice next to nothing, because the reference was restless; and inputs that were
    served otherwise than trained even then."""
    from fireline.detect.baseline import Baseline  # here, so that `fireline --help` need not load them
    from fireline.detect.judge import Judge
    from fireline.detect.noticeable import blind, dull
    from fireline.detect.skew import skews

    if not file.baseline_path.exists():
        return []  # said already
    try:
        baseline = Baseline.load(file.baseline_path)
    except InputError as error:
        todo = error.todo or "take a new one with `fireline runbook baseline`"
        return [Problem("warning", str(file.baseline_path), None, "reference.baseline", error.message, todo)]
    todo = "find out which side is right; the monitor training_skew takes this for usual and tells only when "
    todo += "it grows"
    line = file.line("training")
    found = [
        Problem("warning", str(file.path), line, "training", f"served otherwise than trained: {skew}", todo)
        for skew in skews(baseline)
    ]
    judge = Judge(baseline, file.runbook, baseline.until)
    sleepy = sorted(dull(judge), key=lambda one: -one[2])
    dim = {what for what, _, _ in sleepy}
    for what in (one for one in blind(judge) if one not in dim):
        says = f"{what} would notice nothing within a day at this traffic"
        todo = "a figure that varies less shows more: whether it was sold (1 or 0) rather than the amount"
        found.append(Problem("hint", str(file.path), file.line("columns"), "columns.outcome", says, todo))
    for what, still, wide in sleepy[:MOST_DULL]:
        within = "" if still.startswith("nothing within a day") else "within a day "
        says = f"{what} is dull: {within}it would notice {still}, for the reference swings "
        says += f"{wide:.0f} times as far as chance"
        todo = "choose a calmer reference, or say `threshold:` for it under `monitors:`"
        line = file.line("reference")
        found.append(Problem("warning", str(file.path), line, "reference", says, todo))
    if rest := sleepy[MOST_DULL:]:
        says = f"{len(rest)} more monitors are dull: {words.listing([what for what, _, _ in rest])}"
        todo = "see what each would notice on the service's page or in the report"
        found.append(Problem("warning", str(file.path), file.line("reference"), "reference", says, todo))
    return found + _uncounted(file, baseline.plan) + _elsewhere(file, baseline.plan)


def _elsewhere(file: RunbookFile, plan: Plan) -> list[Problem]:
    """What cannot be watched where only counts come."""
    from fireline.live.unwatched import unwatched

    line = file.line("counts")
    return [
        Problem("hint", str(file.path), line, "counts", f"not watched by counts: {one}", one.todo)
        for one in unwatched(file.runbook, plan)
    ]


def _uncounted(file: RunbookFile, plan: Plan) -> list[Problem]:
    """Objectives whose columns are mapped and that the baseline does not count all the same."""
    from fireline.detect.promise import Unmeasured, reading

    found, columns = [], file.runbook.columns
    for at, slo in enumerate(file.runbook.slos):
        read = reading(plan, slo)
        if isinstance(read, Unmeasured) and getattr(columns, slo.known.role):
            says, line = f"{slo.name} cannot be measured: {read.why}", file.line("slos", at)
            found.append(Problem("warning", str(file.path), line, f"slos[{at}]", says, read.todo))
    return found


def _known() -> Known:
    """The monitors and actions of this release."""
    from fireline.actions import found  # here, so that `fireline --help` need not load them
    from fireline.detect.registry import kinds

    every = kinds()
    return Known(
        frozenset({*FAMILIES, *(one.name for one in every), *(one.family for one in every)}),
        frozenset(found()),
    )


def _show_json(problems: Sequence[Problem], console: Console) -> None:
    console.print(json.dumps([asdict(one) for one in problems], indent=1), markup=False)


def _columns(events: list[Path]) -> set[str]:
    """The columns of all files, from the first piece of each."""
    files, _ = sources.find(events)
    found: set[str] = set()
    for path in files:
        piece = next(iter(sources.read(path)), None)
        found |= set(piece.columns) if piece is not None else set()
    return found
