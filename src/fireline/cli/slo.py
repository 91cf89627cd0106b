"""`fireline slo`: how the error budgets stand, and objectives to and from OpenSLO."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer
from rich.table import Table
from rich.text import Text

from fireline.cli import screen
from fireline.cli.client import HERE, TOKEN, client
from fireline.cli.empty import warn_of_empty
from fireline.cli.options import Labels, Quiet, RunbookPath, Signals, a_time
from fireline.errors import InputError, Where
from fireline.runbook import openslo
from fireline.runbook.load import load
from fireline.terms.budget import BurnView, ErrorBudget

app = typer.Typer(help="How error budgets stand; objectives to and from OpenSLO.", no_args_is_help=True)


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
            f"cannot be read: {getattr(error, 'strerror', None) or error}",
            where=Where(file=str(file)),
            todo="give a YAML file in UTF-8",
        ) from None
    found, left = openslo.taken(text)
    typer.echo(openslo.block(found), nl=False)
    _tell(file, left)


def _tell(file: Path, left: list[openslo.Left]) -> None:
    for one in left:
        screen.err().print(Text(f"{file}: {one.name}: {one.why}", "yellow"))
    if left:
        raise typer.Exit(1)


STYLES = {"kept": "green", "ticket": "yellow", "page": "bold red", "broken": "bold red", "unmeasured": "dim"}
SAID = {
    "kept": "kept",
    "ticket": "burning",
    "page": "burning fast",
    "broken": "broken",
    "unmeasured": "not measured",
}
BAR, ROOM = 10, 100


@app.command(
    "status",
    epilog="Example: fireline slo status runbook.yaml --events events.parquet; fireline slo status pricing",
)
def status(
    runbook: Annotated[
        str,
        typer.Argument(
            metavar="RUNBOOK", help="The runbook; of a running server the service's name will do.",
            show_default=False,
        ),
    ],
    events: Annotated[
        list[Path] | None,
        typer.Option(
            "--events",
            metavar="EVENTS",
            help="Count this log instead of asking a server; may be given again.",
            show_default=False,
        ),
    ] = None,
    labels: Labels = None,
    signals: Signals = None,
    at: Annotated[
        str | None,
        typer.Option(
            "--at", metavar="TIME", help="As it stood then; the log's end unless said.", show_default=False
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", metavar="", help="Print JSON, with the curves.")] = False,
    quiet: Quiet = False,
    url: Annotated[
        str,
        typer.Option(
            "--url", "--server", metavar="URL", envvar="FIRELINE_URL", help="The server.", show_default=True
        ),
    ] = HERE,
    token: TOKEN = "",
) -> None:  # fmt: skip
    """Show what is left of each objective's error budget, and how fast it burns.

    The budget is what may go wrong over the objective's window. A burn rate of 1 spends it exactly in that
    time; of each pair of windows both must reach the rate for it to fire: 14.4 over 1 h and 5 min, or 6 over
    6 h and 30 min, is worth a page; 3 over 1 day and 2 h, or 1 over 3 days and 6 h, a ticket. With --events a
    log is counted here; without, the server at --url tells.

    Exit code 1 when a promise is broken or burns as fast as a page asks; 0 otherwise, also where something
    is not measured.
    """
    found = (
        _counted(runbook, events, labels, signals, at, quiet) if events else _asked(runbook, at, url, token)
    )
    if as_json:
        typer.echo(json.dumps([one.as_json() for one in found], indent=1, ensure_ascii=False))
    else:
        _show(found)
    if any(one.verdict in ("broken", "page") for one in found):
        raise typer.Exit(1)


def _counted(
    runbook: str,
    events: list[Path],
    labels: list[Path] | None,
    signals: list[Path] | None,
    at: str | None,
    quiet: bool,
) -> list[ErrorBudget]:
    from fireline.promised import budgets_of  # here, so that `fireline --help` need not load what counts

    path = Path(runbook)
    warn_of_empty(labels=labels, signals=signals)
    then = a_time(at, load(path).timezone, "--at") if at else None
    with screen.busy("counting the log", quiet):
        return list(budgets_of(path, [*events, *(labels or ())], signals=signals or (), at=then))


def _asked(runbook: str, at: str | None, url: str, token: str) -> list[ErrorBudget]:
    if at is not None:
        raise typer.BadParameter(
            "a server tells how it stands now: give a log with --events", param_hint="--at"
        )
    service = load(Path(runbook)).service if Path(runbook).is_file() else runbook
    try:
        told = client(url, token).get(f"/v1/services/{quote(service, safe='')}")
    except InputError as error:
        if not Path(runbook).is_file():
            raise
        todo = f"count a log here with --events, or {error.todo}"
        raise InputError(error.message, where=error.where, todo=todo) from None
    return [ErrorBudget.of_json(one) for one in told["budgets"]]


def _show(found: list[ErrorBudget]) -> None:
    out = screen.out()
    if not found:
        out.print(Text("The runbook promises nothing yet: write `slos:` into it."))
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    windows = next((one.burns for one in found if one.burns), ())
    table.add_column("objective", no_wrap=True)
    table.add_column("budget left", no_wrap=True, justify="right")
    for burn in windows:
        table.add_column(_brief(burn.windows), no_wrap=True, justify="right")
    table.add_column("verdict", no_wrap=True)
    for one in found:
        burns = [_burn(burn) for burn in one.burns] or [Text("-", "dim")] * len(windows)
        table.add_row(Text(one.slo), _left(one), *burns, Text(SAID[one.verdict], STYLES[one.verdict]))
    out.print(table)
    for one in found:
        said = f"{one.slo}: {one.says}: {one.because}"
        out.print(
            Text(f"{said}{f' -> {one.todo}' if one.todo else ''}", "" if one.verdict != "kept" else "dim")
        )


def _left(one: ErrorBudget) -> Text:
    if one.verdict == "unmeasured":
        return Text("-", "dim")
    full = round(BAR * min(max(one.left, 0.0), 1.0))
    style = "red" if one.left < 0.1 else "yellow" if one.left < 0.5 else "green"
    said = Text(f"{100 * one.left:.1f} %", style)
    if screen.out().width < ROOM:
        return said
    return Text.assemble(said, " ", ("\u2588" * full, style), ("\u2591" * (BAR - full), "dim"))


def _brief(windows: str) -> str:
    """``1h/5m`` for ``1 h / 5 min``."""
    parts = (part.split() for part in windows.split(" / "))
    return "/".join(f"{number}{unit[0]}" for number, unit in parts)


def _burn(burn: BurnView) -> Text:
    if not burn.asks:
        return Text("-", "dim")
    style = ("bold red" if burn.urgency == "page" else "yellow") if burn.holds else ""
    return Text(f"{burn.long:.1f} {burn.short:.1f}", style)
