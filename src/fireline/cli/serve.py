"""`fireline serve`: the server, with its loop, its API and its pages."""

from __future__ import annotations

import logging
import socket
from datetime import datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from fireline.cli import screen
from fireline.cli.empty import warn_of_empty
from fireline.cli.options import Changes, RunbookPath, a_time
from fireline.errors import InputError, Where

EXAMPLES = "Example: fireline serve runbook.yaml --data state"
PORT = 8700

Data = Annotated[
    Path,
    typer.Option(
        "--data", metavar="DIR", help="Where the server keeps its state.", show_default="fireline-data"
    ),
]
Database = Annotated[
    str | None,
    typer.Option(
        "--db",
        metavar="URL",
        envvar="FIRELINE_DB",
        help="PostgreSQL instead of SQLite: postgresql://user@host/name. Events stay under --data.",
        show_default=False,
    ),
]


LakePlace = Annotated[
    Path | None,
    typer.Option(
        "--lake",
        metavar="DIR",
        help="Where events lie, if not under --data: one folder for all servers on one PostgreSQL.",
        show_default=False,
    ),
]


def place_of(data: Path, db: str | None) -> str | Path:
    """The database that --data and --db name."""
    return db if db else data / "fireline.sqlite"


def serve(
    runbooks: Annotated[
        list[Path],
        typer.Argument(metavar="RUNBOOK...", help="A runbook for each service.", show_default=False),
    ],
    data: Data = Path("fireline-data"),
    db: Database = None,
    lake: LakePlace = None,
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(metavar="PORT", help="The port to listen on.", min=0, max=65535)
    ] = PORT,
    config: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Channels and paging: who is called, and how; what is kept how long.",
            show_default=False,
        ),
    ] = None,
    address: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Where people reach it, for links in pages; from --host unless said.",
            show_default=False,
        ),
    ] = None,
    auth: Annotated[
        bool, typer.Option("--auth", metavar="", help="Ask for a login on a loopback address too.")
    ] = False,
    drill_clock: Annotated[
        str | None,
        typer.Option(
            "--drill-clock",
            metavar="TIME",
            help="For drills and demos: time stands still but for POST /v1/drill/clock, from TIME on.",
            show_default=False,
        ),
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", metavar="", help="Log every request.")] = False,
) -> None:
    """Run the server: events and labels in, switches out, pages at http://127.0.0.1:8700.

    On a loopback address whoever is on this machine may do everything; elsewhere people sign in, and the
    first start prints a link that makes the first admin.
    Ctrl-C ends it after the step it is in; killed anyhow, it goes on where it stopped.
    No runbook, and no log to draft one from? `fireline collect` comes first.
    """
    import uvicorn

    from fireline.clock import ManualClock, SystemClock
    from fireline.live.book import open_books
    from fireline.live.folder import owned
    from fireline.live.kept import kept_of
    from fireline.live.probing import Probing
    from fireline.live.running import Running
    from fireline.store import Store
    from fireline.web.app import create_app
    from fireline.web.auth.access import Access
    from fireline.web.auth.first import setup_link

    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING, format="%(asctime)s %(levelname)s %(message)s"
    )
    books = open_books(runbooks)
    keeping = kept_of(config, [book.runbook for book in books])
    listener, port = listen(host, port)
    loopback = is_loopback(host)
    where = address or f"http://{host if host not in ('0.0.0.0', '::') else socket.gethostname()}:{port}"
    start: datetime | None = a_time(drill_clock, "UTC", "--drill-clock") if drill_clock else None
    own(data)
    with owned(data), Store.open(place_of(data, db)) as store:
        clock = ManualClock(start) if start else SystemClock()
        running = Running(store, data, books, clock, lake_folder=lake, keeping=keeping)
        _with_paging(running, config, where)
        running.after_beat.append(Probing(running))
        access = Access(open_on_loopback=loopback and not auth, cookie_secure=where.startswith("https://"))
        link = setup_link(store, SystemClock(), access, where)
        _greet(where, [book.runbook.service for book in books], link, start)
        settings = uvicorn.Config(
            create_app(running, access), log_level="info" if verbose else "warning", access_log=verbose,
            timeout_graceful_shutdown=5, timeout_keep_alive=75,
        )  # fmt: skip
        uvicorn.Server(settings).run(sockets=[listener])


def _with_paging(running: Any, config: Path | None, where: str) -> None:
    """Whoever is called when the loop finds something."""
    if config is None:
        return
    from fireline.live.calling import calls

    running.after_beat.append(calls(running, config, where))
    running.calls_people = True


def own(folder: Path) -> None:
    """The state's folder, made for nobody but who runs the server: what signs switches lies in it."""
    if not folder.exists():
        folder.mkdir(parents=True, mode=0o700)


def listen(host: str, port: int) -> tuple[socket.socket, int]:
    """A socket that listens, and its port. Raises InputError where it cannot."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio turns Nagle's algorithm off: without it every answer took 44 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        raise InputError(
            f"cannot listen on {host}:{port}: {error.strerror or error}",
            todo="is another server running? Choose another --port", where=Where(key="--port"),
        ) from None  # fmt: skip
    return listener, int(listener.getsockname()[1])


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens at ``host``."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _greet(where: str, services: list[str], link: str | None, start: datetime | None) -> None:
    out = screen.err()
    said = Text("Fireline watches ")
    said.append(", ".join(services), style="bold")
    said.append(" at ")
    said.append(where, style="bold")
    out.print(said)
    if link:
        out.print(Text(f"Make the first admin (this link works once, for an hour): {link}"))
    if start:
        out.print(Text("Its clock is a drill's: it stands still until POST /v1/drill/clock moves it."))


def backfill(
    runbook: RunbookPath,
    events: Annotated[
        list[Path],
        typer.Option(
            "--events", metavar="EVENTS", help="An event log; may be given again.", show_default=False
        ),
    ],
    changes: Changes = None,
    data: Data = Path("fireline-data"),
    db: Database = None,
    lake: LakePlace = None,
) -> None:
    """Take a log of the past into a server's state, before the server runs.

    Triage compares with what was usual: with the reference's events at hand it can name segments and inputs
    from the first hour. Nothing of it is judged. Given again, a log counts once.
    """
    from fireline.live.past import take_past
    from fireline.store import Store

    own(data)
    warn_of_empty(changes=changes)
    err = screen.err()
    with Store.open(place_of(data, db)) as store, err.status("reading the log") as status:
        seen = take_past(
            store,
            data,
            runbook,
            events,
            changes,
            lambda what, done: status.update(f"{what} {done:.0%}"),
            lake,
        )
    screen.out().print(Text(f"{seen.events:,} events and {seen.labels:,} labels of the past are there."))


BACKFILL = "Example: fireline backfill runbook.yaml --events february.parquet --data state"
