"""`fireline send` and `fireline change`: what a batch job or a deploy pipeline tells a running server."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from fireline.cli import screen
from fireline.cli.client import HERE, URL, client
from fireline.cli.options import Quiet, a_length, a_time
from fireline.clock import SystemClock, iso
from fireline.errors import InputError, Where

if TYPE_CHECKING:
    from fireline.live.sending import Line, Sent

SEND = "Example: fireline send predictions.parquet --service pricing"
CHANGE = 'Example: fireline change "model B to everybody" --service pricing --version B'
LOOK = 1.0
"""Seconds between two looks at a file that is followed."""
SPEAK = 10.0

Token = Annotated[
    str,
    typer.Option(
        "--token", metavar="TOKEN", envvar="FIRELINE_TOKEN", help="A token of scope ingest, guard or admin.",
        show_default=False,
    ),
]  # fmt: skip
Service = Annotated[
    str, typer.Option("--service", metavar="NAME", help="The service it is about.", show_default=False)
]


def send(
    service: Service,
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[FILES]", help="Parquet, CSV or JSON lines; files, folders or patterns.",
            show_default=False,
        ),
    ] = None,
    labels: Annotated[
        bool, typer.Option("--labels", metavar="", help="They are labels, not events.")
    ] = False,
    counts: Annotated[
        bool,
        typer.Option("--counts", metavar="", help="They are counts that `fireline tally` wrote, not events."),
    ] = False,
    through: Annotated[
        str,
        typer.Option(
            "--through", metavar="TIME", help="With --counts: up to when all was counted.", show_default=False
        ),
    ] = "",
    follow: Annotated[
        bool, typer.Option("--follow", "-f", metavar="", help="Go on as it grows, until Ctrl-C.")
    ] = False,
    sql: Annotated[
        str | None,
        typer.Option(
            "--sql", metavar="URL", envvar="FIRELINE_SQL",
            help="A table instead of files: postgresql://user@host/name, sqlite:///file.sqlite.",
            show_default=False,
        ),
    ] = None,
    table: Annotated[
        str, typer.Option("--table", metavar="NAME", help="The table or view.", show_default=False)
    ] = "",
    cursor: Annotated[
        str,
        typer.Option(
            "--cursor", metavar="COLUMN", help="Its column that only grows: an id, a time.",
            show_default=False,
        ),
    ] = "",
    settle: Annotated[
        str,
        typer.Option(
            "--settle", metavar="TIME", help="Longer than a transaction lasts that writes to the table."
        ),
    ] = "10s",
    state: Annotated[
        Path | None,
        typer.Option(
            "--state", metavar="DIR", help="Where it is kept how far a table or a growing file was sent.",
            show_default="~/.local/state/fireline/send",
        ),
    ] = None,
    url: URL = HERE,
    token: Token = "",
    quiet: Quiet = False,
) -> None:  # fmt: skip
    """Send files, a growing file or a table to a running server: for batch jobs and loaders.

    Sent again, whole or after a crash, the same rows count once. While the server is away or busy it waits
    and tries again. Ends with 1 when rows were put aside, and says which and why.
    """
    from fireline.live.cursors import state_folder
    from fireline.live.sending import Line, Sent

    if files and not table:
        sql = None  # the environment's, meant for another call
    if bool(files) == bool(sql):
        raise typer.BadParameter(
            "name files, or a table with --sql, --table and --cursor", param_hint="FILES"
        )
    if counts:
        if sql or follow or labels:
            raise typer.BadParameter("counts come in files of their own", param_hint="--counts")
        _counts(service, files or [], through, url, token, quiet)
        return
    progress, sent = _Progress(quiet), Sent()
    line = Line(url or os.environ.get("FIRELINE_URL", HERE), service, "labels" if labels else "events", token)
    line.say = progress.say
    if follow:
        line.patience = float("inf")
    folder = state or state_folder()
    try:
        if sql:
            _table(line, sent, folder, progress, sql, table, cursor, a_length(settle, "--settle"), follow)
        elif follow:
            _follow(line, sent, folder, progress, files or [])
        else:
            _files(line, sent, progress, files or [])
    except KeyboardInterrupt:
        if not follow:
            raise
    finally:
        progress.done()
        _tell(sent, line.kind)
    if sent.bad:
        raise typer.Exit(1)


def _counts(service: str, files: list[Path], through: str, url: str, token: str, quiet: bool) -> None:
    """Each file is one batch, known by its name."""
    from fireline.live.sending import Counts

    progress = _Progress(quiet)
    line = Counts(url or os.environ.get("FIRELINE_URL", HERE), service, token, say=progress.say)
    upto = iso(a_time(through, "UTC", "--through")) if through else ""
    for path in files:
        known, events = line.send(path, upto)
        what = "was there already" if known else f"counts of {events:,} events taken"
        screen.out().print(Text(f"{path.name}: {what}"))


def _files(line: Line, sent: Sent, progress: _Progress, given: list[Path]) -> None:
    from fireline import sources
    from fireline.live.sending import send_file

    paths, notes = sources.find(given)
    for text in notes:
        progress.say(text)
    for i, path in enumerate(paths, 1):
        name = f"{path.name} ({i} of {len(paths)})" if len(paths) > 1 else path.name
        send_file(line, path, sent, partial(progress.taken, name))


def _follow(line: Line, sent: Sent, folder: Path, progress: _Progress, given: list[Path]) -> None:
    from fireline.live.cursors import Cursor
    from fireline.live.following import Follower
    from fireline.live.sending import must_be_lines

    followers = []
    for path in given:
        must_be_lines(path)
        kept = Cursor.of(folder, line.url, line.service, line.kind, str(path.resolve()))
        followers.append(Follower(path, line, kept, sent, progress.say))
    progress.say(f"following {', '.join(str(path) for path in given)}; Ctrl-C ends it")
    with _ended_politely():
        while True:
            for one in followers:
                one.catch_up(lambda rows: progress.at(f"{sent.taken:,} rows taken"))
            time.sleep(LOOK)


def _table(
    line: Line, sent: Sent, folder: Path, progress: _Progress, sql: str, table: str, cursor: str,
    settle: float, follow: bool,
) -> None:  # fmt: skip
    from fireline.live.cursors import Cursor
    from fireline.live.drawing import Drawer
    from fireline.store.outside import OutsideTable

    for value, option in ((table, "--table"), (cursor, "--cursor")):
        if not value:
            raise typer.BadParameter("is needed with --sql", param_hint=option)
    source = OutsideTable(sql, table, cursor)
    kept = Cursor.of(folder, line.url, line.service, line.kind, source.source)
    drawer = Drawer(source, line, kept, sent)
    with _ended_politely():
        while True:
            try:
                high = drawer.highest()
                time.sleep(settle)
                drawer.draw(high, lambda rows: progress.at(f"{table}: {rows:,} rows"))
            except InputError as error:
                if error.permanent or not follow:
                    raise
                progress.say(f"{error.message}; trying again")
            if not follow:
                return
            time.sleep(LOOK)


@contextmanager
def _ended_politely() -> Iterator[None]:
    """SIGTERM ends it like Ctrl-C: what a process manager sends."""
    import signal

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class _Progress:
    """What goes on, on standard error: a line that changes on a screen, now and then a line in a log."""

    def __init__(self, quiet: bool) -> None:
        self._quiet, self._console = quiet, screen.err()
        self._status: Any = None
        self._spoke = monotonic()

    def taken(self, name: str, rows: int) -> None:
        """How many rows of a file have gone."""
        self.at(f"{name}: {rows:,} rows")

    def at(self, text: str) -> None:
        """How far it is."""
        if self._quiet:
            return
        if self._console.is_terminal:
            if self._status is None:
                self._status = self._console.status(text)
                self._status.start()
            self._status.update(text)
        elif monotonic() - self._spoke >= SPEAK:
            self._spoke = monotonic()
            self._console.print(Text(text))

    def say(self, text: str) -> None:
        """What a person should know now."""
        self._console.print(Text(text))

    def done(self) -> None:
        """The line that changes goes."""
        if self._status is not None:
            self._status.stop()


def _tell(sent: Sent, kind: str) -> None:
    out = screen.out()
    parts = [f"{sent.taken:,} {kind} taken"]
    parts += [f"{sent.known:,} were there already"] if sent.known else []
    parts += [f"{sent.bad:,} put aside"] if sent.bad else []
    out.print(Text(", ".join(parts)))
    for one in sent.reasons:
        out.print(Text(f"  {one}"))
    if sent.bad > len(sent.reasons):
        out.print(Text(f"  and {sent.bad - len(sent.reasons):,} more"))


def change(
    what: Annotated[
        str, typer.Argument(metavar="WHAT", help="What changed, in a few words.", show_default=False)
    ],
    service: Service,
    version: Annotated[
        str, typer.Option("--version", metavar="NAME", help="The model version.", show_default=False)
    ] = "",
    kind: Annotated[
        str, typer.Option("--kind", metavar="KIND", help="deploy, config, schema, campaign, retrain.")
    ] = "deploy",
    at: Annotated[
        str | None, typer.Option("--at", metavar="TIME", help="When; now unless said.", show_default=False)
    ] = None,
    link: Annotated[
        str, typer.Option("--link", metavar="URL", help="Where more stands.", show_default=False)
    ] = "",
    url: URL = HERE,
    token: Token = "",
) -> None:
    """Tell of a deploy or another change: one line in a pipeline, the first suspect when it goes wrong."""
    when = a_time(at, "UTC", "--at") if at else SystemClock().now()
    told = {"at": iso(when), "kind": kind, "what": what, "service": service}
    told |= {name: value for name, value in (("version", version), ("link", link)) if value}
    answer = client(url, token).post("/v1/changes", told)
    for one in answer["quarantined"]:
        raise InputError(str(one["reason"]), where=Where(key=service), todo=str(one.get("todo", "")))
    screen.out().print(Text(f"{service}: {kind} {what!r} at {iso(when)} is noted"))
