"""The commands put together: what `fireline --help` shows."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from fireline import __version__
from fireline.cli import (
    baseline,
    canary,
    check,
    collect,
    commands,
    compare,
    coverage,
    demo,
    doctor,
    guard_bench,
    incidents,
    init,
    people,
    pull,
    replay,
    runbook,
    screen,
    send,
    serve,
    slo,
    spans,
    tally,
)

HELP = """
Smoke alarms, a playbook that acts, and fire drills, for machine-learning services.

\b
Try it on your own last outage, with nothing to integrate:
  fireline init events.parquet --service pricing --until 2026-03-01
  fireline check runbook.yaml
  fireline replay runbook.yaml --events events.parquet --out out

\b
Or see it on real flights and a real bug first:
  fireline demo replay
"""

app = typer.Typer(
    name="fireline",
    help=HELP,
    epilog="Exit codes: 0 all well, 1 something was found, 2 wrong usage or input.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

BEGIN, LIVE, ACT, PEOPLE = "Begin here", "Run it", "On call", "Who may do what"
AGREED, LEARN = "What was agreed", "See it work"

app.command("init", rich_help_panel=BEGIN, epilog=init.EXAMPLES)(init.init)
app.command("check", rich_help_panel=BEGIN, epilog=check.EXAMPLES)(check.check)
app.command("replay", rich_help_panel=BEGIN, epilog=replay.EXAMPLES)(replay.replay)
app.command("coverage", rich_help_panel=LEARN, epilog=coverage.EXAMPLES)(coverage.coverage)
app.command("compare", rich_help_panel=LEARN, epilog=compare.EXAMPLES)(compare.compare)
app.command("serve", rich_help_panel=LIVE, epilog=serve.EXAMPLES)(serve.serve)
app.command("backfill", rich_help_panel=LIVE, epilog=serve.BACKFILL)(serve.backfill)
app.command("tally", rich_help_panel=LIVE, epilog=tally.EXAMPLES)(tally.tally)
app.command("collect", rich_help_panel=LIVE, epilog=collect.EXAMPLES)(collect.collect)
app.command("spans", rich_help_panel=LIVE, epilog=spans.EXAMPLES)(spans.spans)
app.command("doctor", rich_help_panel=LIVE, epilog=doctor.EXAMPLES)(doctor.doctor)
app.command("pull", rich_help_panel=LIVE, epilog=pull.EXAMPLES)(pull.pull)
app.command("send", rich_help_panel=LIVE, epilog=send.SEND)(send.send)
app.command("canary", rich_help_panel=LIVE, epilog=canary.EXAMPLES)(canary.canary)
app.command("change", rich_help_panel=LIVE, epilog=send.CHANGE)(send.change)
app.command("guard-bench", rich_help_panel=LIVE, epilog=guard_bench.EXAMPLES)(guard_bench.guard_bench)
for one in incidents.COMMANDS:
    app.command(one.__name__, rich_help_panel=ACT, epilog=incidents.EXAMPLES[one.__name__])(one)
app.command("commands", hidden=True)(commands.commands)
app.add_typer(runbook.app, name="runbook", rich_help_panel=AGREED)
app.add_typer(baseline.app, name="baseline", rich_help_panel=AGREED)
app.add_typer(slo.app, name="slo", rich_help_panel=AGREED)
app.add_typer(people.user, name="user", rich_help_panel=PEOPLE)
app.add_typer(people.token, name="token", rich_help_panel=PEOPLE)
app.add_typer(demo.app, name="demo", rich_help_panel=LEARN)


def _flowing(within: typer.Typer) -> None:
    """Let the paragraphs of help texts fill the screen: a docstring's own line ends are for its source."""
    for command in within.registered_commands:
        text = inspect.getdoc(command.callback) if command.callback else None
        if text and not command.help:
            command.help = "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))
    for group in within.registered_groups:
        if group.typer_instance is not None:
            _flowing(group.typer_instance)


_flowing(app)


def _version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"fireline {__version__}\n")
        raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option(
            "--version", metavar="", callback=_version, is_eager=True, help="Show the version and stop."
        ),
    ] = False,
    no_color: Annotated[
        bool,
        typer.Option("--no-color", metavar="", help="No colours; NO_COLOR in the environment does the same."),
    ] = False,
) -> None:
    """Set what all commands share; a command that types others (the demo) gets ``run`` to do it with."""
    context.obj = run
    if no_color:
        screen.without_colour()


def run(arguments: Sequence[str]) -> int:
    """Run with ``arguments``; returns the exit code. Errors of Fireline itself are raised."""
    try:
        app(args=list(arguments), prog_name="fireline")
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else int(done.code is not None)
    return 0
