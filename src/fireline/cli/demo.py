"""`fireline demo`: real flights, a real model, a real bug."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

app = typer.Typer(
    help="Real flights, a real model, and a bug deployed on a day in March.", no_args_is_help=True
)


@app.command("replay", epilog="Example: fireline demo replay --no-fault --out out/healthy")
def replay(
    context: typer.Context,
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Where the log and the report go.")
    ] = Path("out/demo"),
    fault: Annotated[
        bool,
        typer.Option(
            "--fault/--no-fault", metavar="", help="Whether the version deployed in March has the bug."
        ),
    ] = True,
    months: Annotated[
        int,
        typer.Option("--months", min=1, max=10, help="How many months of 2013 are served, from March on."),
    ] = 1,
    show: Annotated[
        bool | None,
        typer.Option(
            "--open/--no-open",
            metavar="",
            help="Open the report; if there is a screen, unless said.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Train a delay model, write the log it would have written, and replay the incident.

    The commands it types are the ones you would type for a log of your own.
    """
    from fireline.demo.replay import run  # here: it needs the extra `demo`

    code = run(out, fault, invoke=context.obj, months=months, open_report=show)
    if code:
        raise typer.Exit(code)


@app.command("live", epilog="Example: fireline demo live --no-stay")
def live(
    context: typer.Context,
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Where the state, the runbook and the logs go.")
    ] = Path("out/live"),
    fault: Annotated[
        bool,
        typer.Option(
            "--fault/--no-fault", metavar="", help="Whether the version deployed in March has the bug."
        ),
    ] = True,
    stay: Annotated[
        bool,
        typer.Option("--stay/--no-stay", metavar="", help="Leave the pages up afterwards, until Ctrl-C."),
    ] = True,
    port: Annotated[
        int, typer.Option(metavar="PORT", help="Where the pages are; any other if taken.")
    ] = 8700,
) -> None:
    """Run the story live: a model service behind its guard, the server, a pager, March's flights over HTTP.

    A bad version goes out, is detected, rolled back through the guard, confirmed in live traffic, watched,
    resolved and written up. Exit code 0 only if every step happened.
    """
    from fireline.demo.live import run  # here: it needs the extra `demo`
    from fireline.demo.timetable import NEW_YORK
    from fireline.web.story import Story

    console = Console(highlight=False, soft_wrap=True)
    teller = Story(console, timezone=NEW_YORK)
    code = run(out, invoke=context.obj, fault=fault, stay=stay, port=port, teller=teller, console=console)
    if code:
        raise typer.Exit(code)
