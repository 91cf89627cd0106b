"""`fireline doctor`: why nothing arrives, step by step."""

from __future__ import annotations

import json
import os
from typing import Annotated

import typer
from rich.text import Text

from fireline.cli import screen
from fireline.cli.client import HERE, URL

EXAMPLES = "Example: fireline doctor --url https://fireline.example.org --service pricing"
STYLES = {"ok": "green", "problem": "bold red", "hint": "cyan"}


def doctor(
    service: Annotated[
        str,
        typer.Option("--service", metavar="NAME", help="The service; needed where there are several.",
                     show_default=False),
    ] = "",
    url: URL = HERE,
    token: Annotated[
        str,
        typer.Option("--token", metavar="TOKEN", envvar="FIRELINE_TOKEN", show_default=False,
                     help="The token to check: the guard's, or a viewer's."),
    ] = "",
    key: Annotated[
        str,
        typer.Option("--switch-key", metavar="HEX", envvar="FIRELINE_SWITCH_KEY", show_default=False,
                     help="The switch key to check."),
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", metavar="", help="The verdicts as JSON.")] = False,
) -> None:  # fmt: skip
    """Say why nothing arrives: the address, the token, the clock, the rows, the guards, the judging.

    Run it where the model runs, in the guard's environment: then it goes the way the guard goes. It changes
    nothing. Ends with 1 when there is a problem.
    """
    from fireline.live.checkup import Checkup, Verdict
    from fireline.live.verdicts import verdicts

    out = screen.out()
    found: list[Verdict] = []

    def note(one: Verdict) -> None:
        found.append(one)
        if not as_json:
            line = Text(f"{one.outcome:<8}", STYLES[one.outcome]).append(f"{one.check:<11}", "bold")
            out.print(line.append(one.says, "default"))
            if one.todo:
                out.print(Text(f"{'':<19}-> {one.todo}", "dim"))

    checkup = Checkup(url or os.environ.get("FIRELINE_URL", HERE), service, token, key)
    for one in checkup.run():
        note(one)
    if checkup.told is not None:
        for one in verdicts(checkup.told, guarded=bool(key)):
            note(one)
    problems = sum(one.outcome == "problem" for one in found)
    if as_json:
        typer.echo(json.dumps([one.as_json() for one in found], indent=1))
    else:
        said = (
            f"{problems} problem{'s' if problems != 1 else ''}" if problems else "Nothing stands in the way"
        )
        out.print(Text(said, "bold"))
    if problems:
        raise typer.Exit(1)
