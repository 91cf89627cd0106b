"""`fireline tally`: counts made where the events lie, by the engine that holds them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from fireline.cli import screen
from fireline.cli.options import Quiet, RunbookPath, a_time
from fireline.errors import InputError, Where

if TYPE_CHECKING:
    import pyarrow as pa

EXAMPLES = (
    "Example: fireline tally runbook.yaml --engine duckdb --table events.parquet --until 2026-03-08 --out "
    "counts.parquet"
)


def tally(
    runbook: RunbookPath,
    table: Annotated[
        str,
        typer.Option(
            "--table",
            metavar="TABLE",
            help="A table, a Parquet file or a folder of them.",
            show_default=False,
        ),
    ],
    engine: Annotated[
        str, typer.Option("--engine", metavar="NAME", help="duckdb, clickhouse or spark.")
    ] = "duckdb",
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FILE", help="Where counts go: .parquet or .jsonl.", show_default=False
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="TIME", help="Events from then on.", show_default=False),
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="TIME", help="Events before then.", show_default=False)
    ] = None,
    database: Annotated[
        str | None,
        typer.Option(
            "--database",
            metavar="PATH",
            help="The engine's own file, folder or schema that holds the table.",
            show_default=False,
        ),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(
            "--labels",
            metavar="TABLE",
            help="A table of labels of their own, joined by the request's id.",
            show_default=False,
        ),
    ] = None,
    ripe: Annotated[
        bool,
        typer.Option(
            "--ripe",
            metavar="",
            help="Quality of the cohorts whose labels came of age between the two times.",
        ),
    ] = False,
    sql_only: Annotated[
        bool, typer.Option("--sql-only", metavar="", help="Print the SQL and run nothing.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Count a table's events in SQL, where they lie.

    What comes out are counts, no rows: `fireline replay --counts` judges them, and a server that `fireline
    send --counts` gives them to. Counts made as time goes on need --ripe: the labels of what was just
    answered are not there yet.
    """
    from fireline.detect.baseline import Baseline  # here, so that `fireline --help` need not load all of it
    from fireline.runbook.load import load
    from fireline.telemetry.pushdown.counting import Asked
    from fireline.telemetry.pushdown.dialects import dialects

    agreed = load(runbook)
    if engine not in dialects():
        raise typer.BadParameter(f"{engine!r}: there are {', '.join(dialects())}", param_hint="--engine")
    frozen = runbook.parent / agreed.reference.baseline
    if not frozen.exists():
        raise InputError(
            "the baseline is missing: it says what is counted", where=Where(file=str(frozen)),
            todo="take one with `fireline init` from a sample of the events",
        )  # fmt: skip
    asked = Asked(
        agreed, Baseline.load(frozen).plan, dialects()[engine], table,
        a_time(since, agreed.timezone, "--since") if since else None,
        a_time(until, agreed.timezone, "--until") if until else None, database, ripe, labels,
    )  # fmt: skip
    if sql_only:
        print(asked.written(), end="")
        return
    if out is None:
        raise typer.BadParameter("say where the counts go, or --sql-only", param_hint="--out")
    counted = 0
    with _writing(out) as write:
        for layout, found in asked.counted():
            write(found)
            counted += len(found)
            if not quiet:
                screen.err().print(Text(f"{layout}: {len(found):,} counts"))
    if asked.uncounted and not quiet:
        screen.err().print(Text(f"not counted by SQL: {', '.join(asked.uncounted)}"))
    screen.out().print(Text(f"{out}: {counted:,} counts"))


@contextmanager
def _writing(out: Path) -> Iterator[Any]:
    """Writes tables of counts to ``out``, whole or not at all."""
    import pyarrow.parquet as pq

    from fireline.telemetry.pushdown.stored import SCHEMA

    partial = out.with_name(out.name + ".part")
    if out.suffix == ".parquet":
        with pq.ParquetWriter(partial, SCHEMA) as writer:
            yield writer.write_table
    else:
        with partial.open("w", encoding="utf-8") as lines:

            def write(found: pa.Table) -> None:
                for batch in found.to_batches():
                    lines.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in batch.to_pylist())

            yield write
    partial.replace(out)
