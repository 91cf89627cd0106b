"""`fireline baseline`: what is called usual; proposed by the server or a person, accepted, gone back from."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.console import Console
from rich.text import Text

from fireline.cli import screen
from fireline.cli.client import HERE, TOKEN, URL, client
from fireline.cli.options import Quiet, RunbookPath, a_time
from fireline.clock import iso
from fireline.errors import InputError, Where
from fireline.runbook.load import read

app = typer.Typer(
    help="What is called usual: propose, show, accept, reject, go back; or take it from a log.",
    no_args_is_help=True,
)
Service = Annotated[str, typer.Argument(metavar="SERVICE", help="The service.", show_default=False)]
Id = Annotated[
    str, typer.Argument(metavar="PROPOSAL", help="Its id; the beginning is enough.", show_default=False)
]
Why = Annotated[
    str, typer.Option("--because", "-m", metavar="TEXT", help="Why, in one sentence.", show_default=False)
]
Since = Annotated[
    str, typer.Option("--since", metavar="TIME", help="The first day, included.", show_default=False)
]
Until = Annotated[
    str, typer.Option("--until", metavar="TIME", help="The last day, not included.", show_default=False)
]


def _path(service: str, *more: str) -> str:
    return "/".join(
        ["/v1/services", quote(service, safe=""), "baselines", *(quote(m, safe="") for m in more)]
    )


@app.command("list", epilog="Example: fireline baseline list pricing")
def list_(service: Service, url: URL = HERE, token: TOKEN = "") -> None:
    """The baseline in force, those kept, what is proposed, and who decided what."""
    told = client(url, token).get(_path(service))
    out = screen.out()
    own = told["own"]
    lines = [("own", own["since"], own["until"], "the runbook's own"), *(
        (one["id"], one["since"], one["until"], f"{one['by']}: {one['because']}") for one in told["kept"]
    )]  # fmt: skip
    for name, since, until, why in lines:
        mark = "in force" if (told["active"] or "own") == name else ""
        out.print(Text(f"{name:<16} {since[:10]} to {until[:10]}  ").append(f"{mark:<9}", "bold").append(why))
    for one in told["proposals"]:
        out.print(Text(f"{one['id']:<16} {one['since'][:10]} to {one['until'][:10]}  ").append(
            f"{one['standing']:<9}", "yellow" if one["standing"] == "proposed" else "dim",
        ).append(one["because"]))  # fmt: skip


@app.command("show", epilog="Example: fireline baseline show pricing bsl-1f2e")
def show(service: Service, proposal: Id, url: URL = HERE, token: TOKEN = "") -> None:
    """One proposal with its evidence: what moved, since when, which days, what would fire no longer."""
    told = client(url, token).get(_path(service))
    found = [one for one in told["proposals"] if one["id"].startswith(proposal)]
    if len(found) != 1:
        raise InputError(
            f"{len(found) or 'no'} proposals begin with {proposal!r}",
            todo=f"see `fireline baseline list {service}`",
        )
    _show(screen.out(), found[0])


def _show(out: Console, one: Mapping[str, Any]) -> None:
    out.print(Text(f"{one['id']} ", "bold").append(f"{one['reason']}, {one['standing']}", "default"))
    out.print(Text(one["because"]))
    out.print(Text(f"days      {one['since']} to {one['until']}"))
    if one["left_out"]:
        out.print(Text("left out  " + ", ".join(day[:10] for day in one["left_out"])))
    for moved in one["moved"]:
        since = f" since {moved['since'][:10]}" if moved["since"] else ""
        out.print(
            Text(f"moved     {moved['series']}: PSI {moved['psi']:.3g}, usually {moved['usual']:.3g}{since}")
        )
    for name in one["quiet"]:
        out.print(Text(f"no longer {name}"))


@app.command(
    "propose", epilog="Example: fireline baseline propose shop --since 2026-03-01 --until 2026-03-15"
)
def propose(
    service: Service, since: Since, until: Until, because: Why = "", url: URL = HERE, token: TOKEN = ""
) -> None:
    """Propose days as the new reference; those of past incidents are left out."""
    body = {
        "since": iso(a_time(since, "UTC", "--since")),
        "until": iso(a_time(until, "UTC", "--until")),
        "because": because,
    }
    told = client(url, token).post(_path(service), body)
    waiting = [one for one in told["proposals"] if one["standing"] == "proposed"]
    _show(screen.out(), waiting[-1])


@app.command("accept", epilog="Example: fireline baseline accept pricing bsl-1f2e -m 'retrained on spring'")
def accept(service: Service, proposal: Id, because: Why = "", url: URL = HERE, token: TOKEN = "") -> None:
    """Take the proposed reference: a new series identity with a cold start; the old one is kept."""
    told = _decide(service, proposal, "accept", because, url, token)
    screen.out().print(
        Text(f"{told['active']} is in force; its series are counted since {told['counted_since']}")
    )


@app.command("reject", epilog="Example: fireline baseline reject pricing bsl-1f2e -m 'a holiday'")
def reject(service: Service, proposal: Id, because: Why, url: URL = HERE, token: TOKEN = "") -> None:
    """No: these days are not usual."""
    _decide(service, proposal, "reject", because, url, token)
    screen.out().print(Text(f"{proposal} is rejected"))


@app.command("back", epilog="Example: fireline baseline back pricing own -m 'the old mix is back'")
def back(service: Service, baseline: Id, because: Why, url: URL = HERE, token: TOKEN = "") -> None:
    """Put an earlier baseline in force again; `own` is the runbook's."""
    told = _decide(service, baseline, "back", because, url, token)
    screen.out().print(
        Text(f"{told['active'] or 'own'} is in force; its series are counted since {told['counted_since']}")
    )


def _decide(service: str, name: str, command: str, because: str, url: str, token: str) -> Any:
    return client(url, token).post(_path(service, name, command), {"because": because})


@app.command(
    "take",
    epilog="Example: fireline baseline take book.yaml --events log.csv --since 2026-03-01 --until 2026-03-29",
)
def take(
    runbook: RunbookPath,
    events: Annotated[
        list[Path],
        typer.Option(
            "--events", metavar="EVENTS", help="Event and label logs; may be given again.", show_default=False
        ),
    ],
    since: Since,
    until: Until,
    quiet: Quiet = False,
) -> None:
    """Take a new baseline from a log, without a server: beside the old one, which is kept."""
    from fireline.replay import take_baseline

    file = read(runbook)
    zone = file.runbook.timezone
    begin, end = a_time(since, zone, "--since"), a_time(until, zone, "--until")
    name = f"{runbook.stem}.baseline-{end:%Y%m%dT%H%M}.npz"
    draft = runbook.with_name(f".{runbook.name}.new")
    draft.write_text(moved(runbook.read_text(encoding="utf-8"), begin, end, name, runbook), encoding="utf-8")
    try:
        with screen.busy("counting what normal looks like", quiet):
            take_baseline(draft, events)
        os.replace(draft, runbook)
    except InputError as error:
        if error.where is None or error.where.file != str(draft):
            raise
        spot = Where(file=str(runbook), key=error.where.key)
        raise InputError(error.message, where=spot, todo=error.todo) from error
    finally:
        draft.unlink(missing_ok=True)
    if not quiet:
        screen.out().print(
            Text(f"{name} taken and named in {runbook}; the old one, {file.baseline_path}, is kept")
        )


def moved(text: str, since: datetime, until: datetime, baseline: str, path: Path) -> str:
    """A runbook's text with another reference; everything else, comments too, stays as it stands. Raises
    InputError when it has no such part."""
    part = re.search(r"^reference:[^\n]*\n(?:[ \t]+[^\n]*\n?|\s*\n)*", text, re.MULTILINE)
    if part is None:
        raise InputError("the runbook has no reference", where=Where(file=str(path)), todo="add `reference:`")
    new = f"reference:\n  since: {iso(since)}\n  until: {iso(until)}\n  baseline: {baseline}\n\n"
    return text[: part.start()] + new + text[part.end() :]
