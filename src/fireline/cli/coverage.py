"""`fireline coverage`: which faults of which size this runbook would notice, and how fast."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from fireline.cli import screen
from fireline.cli.empty import warn_of_empty
from fireline.cli.options import Labels, Quiet, RunbookPath, a_length

if TYPE_CHECKING:
    from fireline.drill.coverage import Coverage, Outcome

EXAMPLES = "Example: fireline coverage runbook.yaml --events events.parquet --out coverage"
MINUTES, HOURS, DAYS = 90 * 60, 36 * 3600, 86_400
ROOM = 110


def coverage(
    runbook: RunbookPath,
    events: Annotated[
        list[Path],
        typer.Option(
            "--events",
            metavar="EVENTS",
            help="An event log: file, folder or pattern; may be given again.",
            show_default=False,
        ),
    ],
    labels: Labels = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="DIR", help="Write coverage.html and coverage.json there.", show_default=False
        ),
    ] = None,
    within: Annotated[
        str, typer.Option("--within", metavar="LENGTH", help="How long a fault lasts: 6h, 24h, 3d.")
    ] = "24h",
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only", metavar="WORD", help="Only faults whose name or group holds it.", show_default=False
        ),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Show which faults this runbook would notice, how fast, and which it would not.

    Faults of three sizes are put into a copy of your own last day, counted, and judged against the
    runbook's baseline; so are their harmless twins, which should page nobody. Nothing is written but the
    page. Exit code 0 whatever is found.
    """
    from datetime import timedelta

    from fireline.drill.coverage import cover
    from fireline.web.coverage import write

    console = screen.out()
    warn_of_empty(labels=labels)
    with _telling(quiet) as tell:
        found = cover(
            runbook,
            [*events, *(labels or ())],
            window=timedelta(seconds=a_length(within, "--within")),
            only=only or (),
            progress=tell,
        )
    if not quiet:
        console.print(_table(found))
        _end(found)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        page = write(out / "coverage.html", found)
        text = json.dumps(found.as_json(), indent=1, ensure_ascii=False) + "\n"
        (out / "coverage.json").write_text(text, encoding="utf-8")
        console.print(Text(f"The plot: {page}"))


@contextmanager
def _telling(quiet: bool) -> Iterator[Callable[[str, float], None]]:
    """Say what is being played: a bar on a screen, a line each in a log, nothing when ``quiet``."""
    console, said = screen.err(), [""]
    if quiet or not console.is_terminal:

        def tell(what: str, done: float) -> None:
            if not quiet and what != said[0]:
                console.print(Text(what))
            said[0] = what

        yield tell
        return
    with Progress(BarColumn(), TextColumn("{task.description}"), console=console, transient=True) as bar:
        task = bar.add_task("reading the log", total=1.0)
        yield lambda what, done: bar.update(task, description=what, completed=done)


WIDTHS = {"small": 13, "medium": 13, "large": 13, "twin": 6}
"""Columns that are never cut, `ticket 35 min` and `silent`; long names go on in a second line."""


def _table(found: Coverage) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    wide = screen.out().width >= ROOM
    for name in ("fault", "small", "medium", "large", "twin", *(["noticed by"] if wide else [])):
        table.add_column(name, no_wrap=name in WIDTHS, overflow="fold", min_width=WIDTHS.get(name, 22))
    group = ""
    for row in found.rows:
        if row.harm.group != group:
            group = row.harm.group
            table.add_row(Text(group, "bold"))
        largest = row.sizes[-1].page or row.sizes[-1].first
        twin = Text("silent", "green") if row.woke is None else Text("pages", "bold red")
        cells = [_cell(outcome) for outcome in row.sizes]
        by = [Text(largest.by if largest else "", "dim")] if wide else []
        table.add_row(Text("  " + row.name), *cells, twin, *by)
    return table


def _cell(outcome: Outcome) -> Text:
    if outcome.page is not None:
        return Text(f"page {length(outcome.page.after)}", "bold")
    if outcome.first is not None:
        return Text(f"ticket {length(outcome.first.after)}", "yellow")
    return Text("no", "red")


def length(seconds: float) -> str:
    """A length of time in a few characters: 12 min, 3.5 h, 2.1 d."""
    if seconds < MINUTES:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < HOURS else f"{seconds / DAYS:.1f} d"


def _end(found: Coverage) -> None:
    from fireline.drill.coverage.cover import gaps

    console = screen.out()
    outcomes = found.outcomes
    paged = sum(o.page is not None for o in outcomes)
    seen = sum(o.first is not None for o in outcomes)
    silent = sum(row.woke is None for row in found.rows)
    console.print(
        f"\n{found.service}: of {len(outcomes)} faults {paged} page somebody, {seen - paged} more open a "
        f"ticket, {len(outcomes) - seen} go unnoticed within {found.hours:g} h; {silent} of "
        f"{len(found.rows)} harmless twins page nobody. {found.events:,} events, {found.monitors:,} monitors."
    )
    if found.already:
        says = (
            "Your events alert as they are, by what is listed here: that counts for no fault, and a fault of "
            "the same input may be missed. Give a log that ends on a good day."
        )
        console.print(Text(says, "yellow"))
    for alert in found.already:
        console.print(Text(f"  {alert}", "yellow"))
    for note in found.notes:
        console.print(Text(note, "yellow"))
    missing = gaps(found)
    if missing:
        console.print(Text("\nNot covered, and what to add:", "bold"))
    for line in missing:
        console.print(Text(f"  {line}"))
