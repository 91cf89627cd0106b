"""`fireline guard-bench`: what the guard costs on this machine, beside a bare call."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.table import Table

from fireline.cli import screen
from fireline.guard.bench import Bench, run

EXAMPLES = "Example: fireline guard-bench --json"
FULL = 10_000_000


def guard_bench(
    full: Annotated[
        bool, typer.Option("--full", metavar="", help="Watch memory over 10 million calls; takes minutes.")
    ] = False,
    threads: Annotated[int, typer.Option("--threads", min=1, max=64, help="Threads for the throughput.")] = 8,
    samples: Annotated[int, typer.Option("--samples", min=1000, help="Calls timed of each way.")] = 50_000,
    as_json: Annotated[bool, typer.Option("--json", metavar="", help="JSON instead of a table.")] = False,
) -> None:
    """Measure the guard's overhead on this machine, side by side with a bare call.

    Events are sent to a server on loopback meanwhile, as they would be. Exit code 1 when a target is missed.
    """
    with screen.busy("measuring", quiet=as_json):
        found = run(samples=samples, threads=threads, calls=FULL if full else 300_000)
    if as_json:
        typer.echo(json.dumps(found.as_json(), indent=1))
    else:
        _show(found)
    if any(cost.target_us is not None and cost.over_us > cost.target_us for cost in found.costs):
        raise typer.Exit(1)


def _show(found: Bench) -> None:
    table = Table("way of calling", title="What a call costs, in microseconds")
    for name in ("p50", "p99", "p50 over bare", "target", f"calls/s, {found.threads} threads"):
        table.add_column(name, justify="right")
    for cost in found.costs:
        missed = cost.target_us is not None and cost.over_us > cost.target_us
        over = f"[bold red]{cost.over_us:.2f}[/]" if missed else f"{cost.over_us:.2f}"
        target = f"<= {cost.target_us:g}" if cost.target_us is not None else ""
        rate = f"{cost.calls_per_s:,.0f}" if cost.calls_per_s is not None else ""
        table.add_row(cost.name, f"{cost.p50_us:.2f}", f"{cost.p99_us:.2f}", over, target, rate)
    console = screen.out()
    console.print(table)
    console.print(
        f"Memory grew by {found.grown_mib:.1f} MiB over {found.calls:,} calls of the full guard; "
        f"{found.sent:,} of its events were sent and {found.dropped:,} dropped: no call waits for the outbox."
    )
