"""`fireline pull`: tries the sources of a runbook before a server pulls from them."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.text import Text

from fireline.cli import screen
from fireline.cli.options import Quiet, RunbookPath
from fireline.clock import SystemClock
from fireline.errors import InputError, Where
from fireline.runbook.load import read

EXAMPLES = "Example: fireline pull runbook.yaml --source predictions"


def pull(
    runbook: RunbookPath,
    source: Annotated[
        list[str] | None,
        typer.Option(
            "--source", metavar="NAME", help="Only this one; may be given again. All unless told.",
            show_default=False,
        ),
    ] = None,
    rows: Annotated[
        int, typer.Option("--rows", metavar="N", help="How many rows are shown of each.", min=0, max=100)
    ] = 3,
    most: Annotated[
        int, typer.Option("--most", metavar="N", help="Stop reading a source after about so many.", min=1)
    ] = 10_000,
    as_json: Annotated[bool, typer.Option("--json", metavar="", help="JSON instead of words.")] = False,
    quiet: Quiet = False,
) -> None:  # fmt: skip
    """Try a runbook's sources: connect, read from the beginning, and show what each would bring.

    How many rows, their columns and types, the first of them, which columns of the runbook lack, and what
    would be put aside and why. Nothing is kept and no server is needed; `fireline serve` pulls for good.
    Ends with 1 when a source cannot be read, brings nothing that can be used, or has rows put aside.
    """
    from fireline.live.trying import tried
    from fireline.sources.pull import refuse

    file = read(runbook)
    refuse(file)
    declared = {one.name: one for one in file.runbook.sources}
    for name in source or ():
        if name not in declared:
            known = ", ".join(declared) or "none is declared"
            raise InputError(f"there is no source {name!r}", todo=f"use one of: {known}",
                             where=Where(file=str(runbook), key="sources"))  # fmt: skip
    if not declared:
        raise InputError(
            "no source is declared", where=Where(file=str(runbook), key="sources"),
            todo="write `sources:` with a `- {name: ..., kind: folder, path: ...}`; see "
            "docs/guides/bring-events.md",
        )  # fmt: skip
    found = []
    for name, one in declared.items():
        if source and name not in source:
            continue
        with screen.busy(f"reading {name}", quiet or as_json):
            found.append(tried(one, file.runbook, runbook.parent, SystemClock().now(), most, rows))
        if not as_json:
            _show(found[-1], file.runbook)
    if as_json:
        typer.echo(json.dumps([one.as_json() for one in found], indent=1, default=str))
    if any(one.trouble or one.bad or not one.taken for one in found):
        raise typer.Exit(1)


def _show(found: Any, runbook: Any) -> None:
    out = screen.out()
    source = found.source
    head = Text(source.name, "bold").append(f" ({source.kind}, {source.feed}): ", "default")
    if found.trouble:
        out.print(head.append("cannot be read", "bold red"))
        out.print(Text(f"  {found.trouble}"))
    else:
        more = " and more" if found.more else ""
        out.print(head.append(f"{found.rows:,} rows{more}, {found.taken:,} would be taken", "default"))
    for origin in list(found.origins)[:5]:
        out.print(Text(f"  from {origin}", "dim"))
    if found.columns:
        told = ", ".join(f"{name} {kind}" for name, kind in found.columns.items())
        out.print(Text(f"  columns: {told}"))
    for row in found.first:
        out.print(Text("  " + json.dumps(row, default=str, ensure_ascii=False)[:400]))
    _lacks(found, runbook, out)
    if found.bad:
        out.print(Text(f"  {found.bad:,} would be put aside:", "yellow"))
        for one in found.reasons:
            out.print(Text(f"    {one}"))


def _lacks(found: Any, runbook: Any, out: Any) -> None:
    from fireline.live.trying import lacking

    if found.source.feed != "events" or not found.rows:
        return
    columns = runbook.columns
    wanted = {"time": columns.time, **columns.roles()} | {name: name for name in columns.features}
    if runbook.labels is not None:
        wanted = {role: name for role, name in wanted.items() if role not in ("label", "label_time")}
    for role, column in lacking(found, wanted):
        what = f"{column}" if role == column else f"{column} ({role})"
        out.print(Text(f"  the runbook wants {what}: no row brings it", "yellow"))
