"""`fireline replay`: the whole loop over a recorded log, in virtual time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, Self

import typer
from rich.console import Console
from rich.status import Status
from rich.text import Text

from fireline import __version__
from fireline.cli import screen
from fireline.cli.empty import warn_of_empty
from fireline.cli.options import Changes, Jobs, Labels, Quiet, RunbookPath, Signals, a_time
from fireline.runbook.load import load
from fireline.terms.incident import Incident
from fireline.terms.timeline import Entry
from fireline.web.story import Story

EXAMPLES = "Example: fireline replay runbook.yaml --events events.parquet --changes changes.jsonl --out out"


def replay(
    runbook: RunbookPath,
    out: Annotated[
        Path,
        typer.Option(
            "--out", metavar="DIR", help="Where incidents.json and report.html go.", show_default=False
        ),
    ],
    events: Annotated[
        list[Path] | None,
        typer.Option(
            "--events",
            metavar="EVENTS",
            help="An event log: file, folder or pattern; may be given again.",
            show_default=False,
        ),
    ] = None,
    counts: Annotated[
        list[Path] | None,
        typer.Option(
            "--counts",
            metavar="FILE",
            help="Counts of `fireline tally` in the place of events; may be given again.",
            show_default=False,
        ),
    ] = None,
    labels: Labels = None,
    changes: Changes = None,
    signals: Signals = None,
    jobs: Jobs = None,
    since: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="TIME",
            help="Judge from then on; the end of the reference unless said.",
            show_default=False,
        ),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Play detect, triage, contain, verify and learn over recorded events.

    Nothing is performed: measures say what would have been done.
    Writes incidents.json and report.html, the same bytes every time.
    Exit code 0 also when there were incidents: they are the answer, not an error.
    """
    from fireline.replay import run  # here, so that `fireline --help` need not load the whole loop
    from fireline.web import report

    if not events and not counts:
        raise typer.BadParameter("give the events, or counts of them with --counts", param_hint="--events")
    agreed = load(runbook)
    warn_of_empty(counts=counts, labels=labels, changes=changes, signals=signals, jobs=jobs)
    start = a_time(since, agreed.timezone, "--from") if since else None
    with Telling(screen.out(), agreed.timezone, quiet) as telling:
        done = run(
            runbook,
            [*(events or ()), *(labels or ())],
            out=out,
            changes=changes,
            signals=signals or (),
            jobs=jobs,
            since=start,
            counts=counts or (),
            on_entry=telling.entry,
            on_tick=telling.time,
            progress=telling.work,
        )
    incidents = json.loads((done.folder / "incidents.json").read_text(encoding="utf-8"))
    summary = {**done.summary, "purpose": agreed.purpose, "made_by": f"fireline {__version__}"}
    page = report.write(done.report, incidents, summary)
    telling.end(incidents, summary, page)


class Telling:
    """What a replay says: first how the reading goes, then the story."""

    def __init__(self, console: Console, timezone: str, quiet: bool) -> None:
        self.story = Story(console, timezone=timezone)
        self.quiet = quiet
        self._progress = screen.err()
        self._status: Status | None = None
        self._said = ""
        self._telling = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._still()
        if self._telling:
            self.story.__exit__(kind, error, trace)
            self._telling = False

    def work(self, what: str, done: float) -> None:
        """Long work before the story: a spinner on a screen, a line for each kind of it in a log."""
        if self.quiet or self._telling:
            return
        if self._progress.is_terminal:
            share = f" {done:.0%}" if 0 < done < 1 else ""
            if self._status is None:
                self._status = self._progress.status(what)
                self._status.start()
            self._status.update(f"{what}{share}")
        elif what != self._said:
            self._progress.print(Text(what))
        self._said = what

    def time(self, now: datetime, done: float) -> None:
        """Virtual time goes on."""
        if not self.quiet:
            self._begin()
            self.story.on_tick(now, done)

    def entry(self, incident: Incident, entry: Entry) -> None:
        """Something happened."""
        if not self.quiet:
            self._begin()
            self.story.on_entry(incident, entry)

    def end(self, incidents: list[Mapping[str, Any]], summary: Mapping[str, Any], page: Path) -> None:
        """What it came to."""
        if self.quiet:
            self.story.console.print(Text(str(page)))
        else:
            self.story.summary(incidents, summary, page)

    def _begin(self) -> None:
        self._still()
        if not self._telling:
            self.story.__enter__()
            self._telling = True

    def _still(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None
