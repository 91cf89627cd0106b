"""`fireline compare`: a batch beside the reference, for jobs that have one look at a file."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from fireline.cli import screen
from fireline.cli.options import Quiet, RunbookPath

if TYPE_CHECKING:
    from fireline.batches import Beside
    from fireline.detect.batches import Compared

EXAMPLES = "Example: fireline compare runbook.yaml tonight.parquet --by country"
WIDTH, FULL = 12, 0.5
"""Characters of a bar, and the PSI that fills it."""
ROOM = 100
ALIKE = 12
"""So many inputs that are alike are listed; the rest share a line."""


def compare(
    runbook: RunbookPath,
    batch: Annotated[
        list[Path],
        typer.Argument(metavar="BATCH...", help="The batch: files, folders or patterns.", show_default=False),
    ],
    by: Annotated[
        str | None,
        typer.Option(
            "--by", metavar="COLUMN", help="By the values of this segment column too.", show_default=False
        ),
    ] = None,
    false_alarms: Annotated[
        float, typer.Option("--false-alarms", metavar="N", help="False alarms accepted in that many batches.")
    ] = 1.0,
    looks: Annotated[
        int, typer.Option("--looks", metavar="N", help="How many batches: 30 for a month of nights.", min=1)
    ] = 30,
    as_json: Annotated[bool, typer.Option("--json", metavar="", help="JSON instead of a table.")] = False,
    quiet: Quiet = False,
) -> None:
    """Compare a batch with the runbook's reference: which inputs are unlike, and where.

    For a job that writes a file: a gate before the file is used, with nothing running. Each input's PSI is
    held against what chance and a small drift (PSI 0.05) would read over so many rows, so neither a
    small file nor a large one raises an alarm by its size.

    Exit code 1 when an input is unlike the reference or missing; 2 when there is nothing to compare.
    """
    from fireline.batches import beside_reference

    if false_alarms <= 0:
        raise typer.BadParameter("give a number above 0", param_hint="--false-alarms")
    with screen.busy("counting the batch", quiet or as_json):
        found = beside_reference(runbook, batch, by, false_alarms, looks)
    if as_json:
        rows = [asdict(one) for one in found.compared]
        body = {
            "service": found.service, "rows": found.batch.rows, "alpha": found.alpha, "inputs": rows,
            "absent": list(found.batch.absent), "unread": found.batch.unread, "bad_rows": found.batch.bad,
        }  # fmt: skip
        typer.echo(json.dumps(body, indent=1, ensure_ascii=False))
    else:
        _show(found, quiet)
    if found.unlike or found.batch.absent:
        raise typer.Exit(1)


def _show(found: Beside, quiet: bool) -> None:
    console = screen.out()
    if not quiet:
        console.print(_table(found))
        console.print()
    console.print(Text(_verdict(found), "bold red" if found.unlike else "bold green"))
    if found.batch.absent:
        console.print(Text(f"Not in the batch: {', '.join(found.batch.absent)}", "red"))
    for name, count in found.batch.unread.items():
        console.print(Text(f"{count:,} values of {name} could not be read and count as missing", "yellow"))
    if found.batch.bad:
        console.print(Text(f"{found.batch.bad:,} rows could not be read and were left out", "yellow"))


def _table(found: Beside) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    wide = screen.out().width >= ROOM
    table.add_column("input", overflow="fold", min_width=12)
    table.add_column("", no_wrap=True)
    table.add_column("PSI", justify="right", no_wrap=True)
    table.add_column("chance", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("most of it: usually -> now", overflow="fold")
    if wide:
        table.add_column("rows", justify="right")
    rest = [one for one in found.compared if one.verdict == "alike"][ALIKE:]
    listed = [one for one in found.compared if one not in rest]
    for one in listed:
        rows = [f"{one.rows:,}"] if wide else []
        table.add_row(_name(one), _bar(one), f"{one.psi:.3f}", f"{one.noise:.3f}", *_said(one), *rows)
    if rest:
        table.add_row(Text(f"{len(rest)} more", "dim"), "", "", "", Text("alike", "green"), "")
    return table


def _name(one: Compared) -> Text:
    return Text(one.feature).append(f" where {one.value}" if one.value else "", "dim")


def _bar(one: Compared) -> Text:
    filled = min(round(one.psi / FULL * WIDTH), WIDTH) if one.psi == one.psi else 0
    return Text("█" * filled, "red" if one.verdict == "unlike" else "cyan").append(
        "·" * (WIDTH - filled), "dim"
    )


def _said(one: Compared) -> tuple[Text, Text]:
    style = {"unlike": "bold red", "alike": "green"}.get(one.verdict, "yellow")
    if one.verdict == "alike":
        return Text("alike", style), Text("")
    return Text(one.verdict, style), Text(f"{one.cell}: {one.usual:.1%} -> {one.now:.1%}")


def _verdict(found: Beside) -> str:
    unlike = {one.feature for one in found.unlike}
    few = sum(one.verdict == "too few rows" for one in found.compared)
    words = f"{found.service}: {found.batch.rows:,} rows, "
    many = "1 input is" if len(unlike) == 1 else f"{len(unlike)} inputs are"
    words += f"{many} unlike the reference" if unlike else "no input is unlike the reference"
    return words + (f"; {few} comparisons have too few rows" if few else "")
