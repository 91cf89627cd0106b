"""`fireline canary`: send a runbook's canaries once, and see what a server would make of the answers."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from fireline.cli import screen
from fireline.cli.options import RunbookPath
from fireline.clock import SystemClock
from fireline.errors import InputError, Where
from fireline.runbook.load import load

EXAMPLES = "Example: fireline canary runbook.yaml"


def canary(
    runbook: RunbookPath,
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="Only this one.", show_default=False)
    ] = None,
) -> None:
    """Send the runbook's canaries through the real service, once, and print what came back.

    A running server sends them on their schedule by itself. Ends with 1 when an answer is wrong.
    """
    from fireline.live.probing import result, sent

    chosen = [one for one in load(runbook).canaries if name in (None, one.name)]
    if not chosen:
        what = "has no canaries" if name is None else f"has no canary {name!r}"
        todo = "declare some: see docs/guides/watch-what-the-model-depends-on.md"
        raise InputError(f"the runbook {what}", where=Where(file=str(runbook), key="canaries"), todo=todo)
    table = Table("canary", "answer", "took", "says", box=None, pad_edge=False)
    rows = [result(one, sent(one), SystemClock().now()) for one in chosen]
    for row in rows:
        said = Text("right", "green") if row["ok"] else Text("wrong", "red")
        table.add_row(
            Text(row["name"]), said, f"{row['latency_ms']:.0f} ms", Text(str(row.get("message", "")))
        )
    screen.out().print(table)
    if not all(row["ok"] for row in rows):
        raise typer.Exit(1)
