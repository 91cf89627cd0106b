"""`fireline runbook`: the page for 3 a.m., the reference of the file, and the baseline."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from fireline.cli import screen
from fireline.cli.empty import warn_of_empty
from fireline.cli.options import Quiet, RunbookPath, Signals, Training
from fireline.runbook.check import check
from fireline.runbook.load import read
from fireline.runbook.reference import as_markdown, json_schema
from fireline.runbook.render import Form
from fireline.runbook.render import render as rendered

app = typer.Typer(
    help="The page a responder reads, the reference of the file, the baseline.", no_args_is_help=True
)

Output = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", metavar="FILE", help="Write there instead of to the screen.", show_default=False
    ),
]


@app.command("render", epilog="Example: fireline runbook render runbook.yaml --html -o runbook.html")
def render(
    runbook: RunbookPath,
    html: Annotated[
        bool, typer.Option("--html", metavar="", help="A self-contained page instead of Markdown.")
    ] = False,
    output: Output = None,
) -> None:
    """Print the one-page runbook a responder reads at 3 a.m.: Markdown, or HTML that prints well."""
    file = read(runbook)
    form: Form = "html" if html or (output is not None and output.suffix in (".html", ".htm")) else "md"
    _put(rendered(file.runbook, form, check(file)), output)


@app.command("schema", epilog="Example: fireline runbook schema --markdown -o docs/reference/runbook.md")
def schema(
    markdown: Annotated[
        bool, typer.Option("--markdown", metavar="", help="The reference page instead of JSON schema.")
    ] = False,
    output: Output = None,
) -> None:
    """Print what may stand in a runbook: as JSON schema for an editor, or as a page to read."""
    text = as_markdown() if markdown else json.dumps(json_schema(), indent=1) + "\n"
    _put(text, output)


@app.command("baseline", epilog="Example: fireline runbook baseline runbook.yaml --events events.parquet")
def baseline(
    runbook: RunbookPath,
    events: Annotated[
        list[Path],
        typer.Option(
            "--events", metavar="EVENTS", help="Event and label logs; may be given again.", show_default=False
        ),
    ],
    signals: Signals = None,
    training: Training = None,
    quiet: Quiet = False,
) -> None:
    """Freeze anew what normal looks like: after columns or the reference changed, or after a retraining."""
    from fireline.detect.skew import skews
    from fireline.ingest import signals_log
    from fireline.replay import take_baseline
    from fireline.runbook.load import load

    file = read(runbook)
    warn_of_empty(signals=signals, training=training)
    with screen.busy("counting what normal looks like", quiet):
        sampled = signals_log(load(runbook), signals)[0] if signals else None
        taken = take_baseline(runbook, events, signals=sampled, training=training)
    if not quiet:
        screen.out().print(f"{file.baseline_path} taken")
        for skew in skews(taken) if training or file.runbook.training else ():
            screen.out().print(Text(f"  note: served otherwise than trained: {skew}", "yellow"))


def _put(text: str, output: Path | None) -> None:
    if output is None:
        typer.echo(text, nl=False)
    else:
        output.write_text(text, encoding="utf-8")
