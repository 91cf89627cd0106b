"""`fireline init`: a runbook drafted from a log, with the baseline beside it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from fireline.cli import screen
from fireline.cli.empty import warn_of_empty
from fireline.cli.options import (
    Changes,
    Labels,
    Quiet,
    Signals,
    Training,
    a_time,
    a_zone,
    contacts_of,
    roles_of,
)
from fireline.clock import iso
from fireline.errors import InputError, Where
from fireline.runbook.check import check
from fireline.runbook.load import read
from fireline.runbook.values import Dates
from fireline.terms import words
from fireline.terms.change import Change

if TYPE_CHECKING:
    from fireline.cli.sample import Sample
    from fireline.runbook.draft import Draft

EXAMPLES = (
    "Example: fireline init events.parquet --labels labels.parquet --service pricing --until 2026-03-01 "
    "--timezone Europe/Paris --contact 'Ada Lovelace, all, +1 555 0100' -o runbook.yaml"
)


def init(
    events: Annotated[
        list[Path],
        typer.Argument(
            metavar="EVENTS",
            help="Event logs: Parquet, CSV or JSON lines; files, folders or patterns.",
            show_default=False,
        ),
    ],
    service: Annotated[
        str, typer.Option("--service", metavar="NAME", help="The service's name.", show_default=False)
    ],
    until: Annotated[
        str,
        typer.Option(
            "--until",
            metavar="TIME",
            help="All was well until then: the reference ends here.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="Where the runbook goes.")
    ] = Path("runbook.yaml"),
    changes: Changes = None,
    labels: Labels = None,
    signals: Signals = None,
    training: Training = None,
    timezone: Annotated[
        str | None,
        typer.Option(
            "--timezone",
            metavar="ZONE",
            help="Where the users' day begins, such as Europe/Paris. A log cannot tell; UTC unless said.",
            show_default=False,
        ),
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(
            "--column",
            metavar="ROLE=COLUMN",
            help="Says which column plays a part, such as label=is_fraud.",
            show_default=False,
        ),
    ] = None,
    dates: Annotated[
        Dates | None,
        typer.Option(
            "--dates",
            help="How dates with slashes are written, where the log itself does not prove it.",
            show_default=False,
        ),
    ] = None,
    guarded: Annotated[
        bool,
        typer.Option(
            "--guarded", metavar="", help="A guard will write the events from now on: name its columns too."
        ),
    ] = False,
    owner: Annotated[
        str,
        typer.Option("--owner", metavar="TEAM", help="The team that owns the service.", show_default=False),
    ] = "",
    contact: Annotated[
        list[str] | None,
        typer.Option(
            "--contact",
            metavar="'NAME, ROLE, REACH'",
            help="Who is called; ROLE is incident commander, ops, ML owner, comms or all.",
            show_default=False,
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", metavar="", help="Write over a runbook that is there.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Draft a runbook from a log, and freeze what normal looks like.

    Columns, task, label age, objectives and the version to go back to are read off the events before --until.
    What no log can tell is marked `fill in`.
    """
    from fireline.cli.sample import read_sample  # here, so that `fireline --help` need not load all of it
    from fireline.detect.skew import skews
    from fireline.ingest import signals_log
    from fireline.replay import take_baseline
    from fireline.runbook.draft import draft

    zone = a_zone(timezone)
    at = a_time(until, zone or "UTC", "--until")
    roles, contacts = roles_of(column or ()), contacts_of(contact or ())
    if output.exists() and not force:
        todo = "write elsewhere with -o, or over it with --force"
        raise InputError("there is a runbook already", where=Where(file=str(output)), todo=todo)
    if not output.parent.is_dir():
        raise InputError(
            "there is no such folder", where=Where(file=str(output.parent)), todo="make it first"
        )
    warn_of_empty(labels=labels, changes=changes, signals=signals, training=training)
    with screen.busy("reading the log", quiet):
        sample = read_sample(events, labels or (), at, zone or "UTC", roles.get("time"), dates)
    found, notes = _changes(changes, service, zone)
    drafted = draft(
        sample.events,
        service,
        at,
        labels=sample.labels,
        changes=found,
        timezone=zone,
        roles=roles,
        time=sample.time,
        dates=sample.dates or dates,
        consecutive=sample.consecutive,
        guarded=guarded,
        team=owner,
        contacts=contacts,
        training=os.path.relpath(training, output.parent) if training else None,
        baseline=f"{output.stem}.baseline.npz",
        source=words.listing([path.name for path in sample.event_files[:3]]),
    )
    output.write_text(drafted.text, encoding="utf-8")
    with screen.busy("counting what normal looks like", quiet):
        sampled = signals_log(drafted.runbook, signals)[0] if signals else None
        taken = take_baseline(output, [*sample.event_files, *sample.label_files], signals=sampled)
    if training is not None:
        notes += [f"served otherwise than trained: {skew}" for skew in skews(taken)]
    if not quiet:
        _tell(drafted, sample, [*sample.notes, *notes], output)


def _changes(path: Path | None, service: str, zone: str | None) -> tuple[list[Change], list[str]]:
    if path is None:
        return [], []
    from fireline.telemetry.changes import read_changes

    found, bad = read_changes(path, service, zone or "UTC")
    return found, [str(one) for one in bad[:3]]


def _tell(drafted: Draft, sample: Sample, notes: list[str], output: Path) -> None:
    """What was read off the log, what was guessed, and what comes next."""
    console, runbook, past = screen.out(), drafted.runbook, drafted.past
    columns = runbook.columns
    console.print(Text(f"{output} drafted for {runbook.service}", "bold"))
    rows = [
        ("task", f"{runbook.task}: {drafted.notes.get(('task',), '')}"),
        ("reference", f"{iso(past.since)} to {iso(past.until)}, {words.number(sample.rows)} events"),
        (
            "columns",
            f"{_counted(len(columns.features), 'feature')}, "
            f"{_counted(len(columns.segments), 'segment column')}, "
            f"{len(columns.ignore)} left out",
        ),
        ("labels", _labels(drafted)),
        (
            "last known good",
            runbook.last_known_good.version if runbook.last_known_good else "no version column",
        ),
    ]
    for name, says in rows:
        console.print(Text(f"  {name:<16} ", "dim").append(says, "default"))
    for at, name in enumerate(columns.ignore[:8]):
        says = f"  {'left out' if at == 0 else '':<16} "
        console.print(
            Text(says, "dim").append(f"{name}: {drafted.notes['columns', 'ignore', at]}", "default")
        )
    for note in notes:
        console.print(Text(f"  note: {note}", "yellow"))
    problems = check(read(output), baseline=True)
    errors = [one for one in problems if one.level == "error"]
    console.print(
        f"\nNext: read it from top to bottom, then `fireline check {output}` ({screen.tell(problems)})."
    )
    for one in errors:
        console.print(Text(f"  {one.key}: {one.says}", "red"))


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" + ("" if count == 1 else "s")


def _labels(drafted: Draft) -> str:
    labels = drafted.runbook.labels
    if labels is None:
        return "none found: quality is not judged"
    share = f"{100 * labels.usual_share:.3g} %"
    if drafted.runbook.columns.label_time is None:
        return f"{share} of requests have theirs; no column says when it became known"
    return f"{share} of requests have theirs {words.length(labels.age)} later"
