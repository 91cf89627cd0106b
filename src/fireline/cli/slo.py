"""`fireline slo`: objectives to and from OpenSLO."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from fireline.cli import screen
from fireline.cli.options import RunbookPath
from fireline.errors import InputError, Where
from fireline.runbook import openslo
from fireline.runbook.load import load

app = typer.Typer(help="Objectives to and from OpenSLO.", no_args_is_help=True)


@app.command("export", epilog="Example: fireline slo export runbook.yaml -o slos.yaml")
def export(
    runbook: RunbookPath,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write there instead.", show_default=False),
    ] = None,
) -> None:
    """Print the runbook's objectives as OpenSLO v1 documents.

    Exit code 1 when OpenSLO cannot say one of them; the reason is told.
    """
    book = load(runbook)
    text, left = openslo.export(book.service, book.slos)
    if output is None:
        typer.echo(text, nl=False)
    else:
        output.write_text(text, encoding="utf-8")
    _tell(runbook, left)


@app.command("import", epilog="Example: fireline slo import slos.yaml")
def take(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="OpenSLO v1 documents.", show_default=False)],
) -> None:
    """Print the `slos:` block of a runbook from OpenSLO v1 documents.

    Exit code 1 when a document cannot become an objective; its name and the reason are told.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"cannot be read: {error}", where=Where(file=str(file)), todo="give a YAML file in UTF-8"
        ) from None
    found, left = openslo.taken(text)
    typer.echo(openslo.block(found), nl=False)
    _tell(file, left)


def _tell(file: Path, left: list[openslo.Left]) -> None:
    for one in left:
        screen.err().print(Text(f"{file}: {one.name}: {one.why}", "yellow"))
    if left:
        raise typer.Exit(1)
