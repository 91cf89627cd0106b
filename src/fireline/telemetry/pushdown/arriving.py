"""Counts coming in from files, in the place of events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj
import pyarrow.parquet as pq

from fireline.clock import from_micros
from fireline.errors import InputError, Where
from fireline.telemetry.pushdown.gaps import uncounted
from fireline.telemetry.pushdown.stored import counts_rows, counts_table
from fireline.telemetry.quarantine import Quarantine
from fireline.terms.counts import SERVICE, CountsRow, Scope
from fireline.terms.plan import Plan


@dataclass(frozen=True)
class CountedLog:
    """Counts of a stretch, and of the log they were made from what counts can tell.

    ``counts`` are the rows for the store, ``first`` and ``last`` the ticks of the first and last events,
    ``versions`` when each version was first seen (microseconds), ``rows`` how many events were counted.
    """

    counts: tuple[CountsRow, ...]
    first: datetime
    last: datetime
    rows: int
    duplicates: int
    versions: dict[str, int]
    notes: tuple[str, ...]
    labels: tuple[()] = ()
    quarantine: Quarantine = field(default_factory=Quarantine)

    @property
    def end(self) -> datetime:
        """The time at the last event: rows put aside are not in counts."""
        return self.last


def read_counts(plan: Plan, paths: Sequence[Path]) -> CountedLog:
    """The counts in ``paths``: Parquet or JSON lines as `fireline tally` writes them.

    Raises InputError where a file is not of counts, is of another declaration, or holds no events.
    """
    tables = [counts_in(path) for path in paths]
    rows = [
        row for table, path in zip(tables, paths, strict=True) for row in counts_rows(plan, table, str(path))
    ]
    told = told_by(plan, pa.concat_tables(tables))
    if told.first is None or told.last is None:
        where = Where(file=", ".join(map(str, paths)))
        raise InputError("counts no event of the service", where=where, todo="count a longer stretch")
    return CountedLog(
        counts=tuple(rows),
        first=from_micros(told.first),
        last=from_micros(told.last + 1),
        rows=told.events,
        duplicates=told.duplicates,
        versions=dict(told.versions),
        notes=_notes(plan),
    )


@dataclass(frozen=True)
class Told:
    """What counts tell of the log they were made from: how many events and duplicates, the beginnings of the
    first and last minute with an event, and of each version's first (microseconds)."""

    events: int
    duplicates: int
    first: int | None
    last: int | None
    versions: Mapping[str, int]


def told_by(plan: Plan, table: pa.Table) -> Told:
    """What the counts in ``table``, as ``counts_table`` gives it, tell of their log."""
    grain = plan.rates.grains["service"] * 1_000_000
    cells = plan.rates.by_name["rates"].cells
    start = plan.rates.offsets["rates"]
    seen = _cell(table, plan, start + cells.index("n"))
    again = _cell(table, plan, start + cells.index("duplicate"))
    ticks = [tick for scope, tick, _ in seen if scope == SERVICE.key]
    versions: dict[str, int] = {}
    for key, tick, _ in seen:
        scope = Scope.of_key(key)
        if scope.kind == "version":
            versions[scope.value] = min(versions.get(scope.value, tick * grain), tick * grain)
    return Told(
        events=sum(count for scope, _, count in seen if scope == SERVICE.key),
        duplicates=sum(count for scope, _, count in again if scope == SERVICE.key),
        first=min(ticks) * grain if ticks else None,
        last=max(ticks) * grain if ticks else None,
        versions=versions,
    )


def _cell(table: pa.Table, plan: Plan, cell: int) -> list[tuple[str, int, int]]:
    """(scope, tick, count) of one cell of the rates, each minute."""
    grain = plan.rates.grains["service"]
    expression = (
        (pc.field("layout") == plan.rates.identity)
        & (pc.field("grain") == grain)
        & (pc.field("cell") == cell)
    )
    part = table.filter(expression)
    columns = (part.column(name).to_pylist() for name in ("scope", "tick", "count"))
    return list(zip(*columns, strict=True))


def _notes(plan: Plan) -> tuple[str, ...]:
    notes = [
        "only counts came in, no events: what needs rows (the slice inside a segment, examples, "
        "two columns at once) was not looked for"
    ]
    absent = uncounted(plan)
    if absent:
        notes.append(f"not counted by SQL, so not watched: {', '.join(absent)}")
    return tuple(notes)


def counts_in(path: Path) -> pa.Table:
    """The counts in a file, as ``counts_table`` gives them. Raises InputError."""
    return counts_table(_read(path), str(path))


def _read(path: Path) -> pa.Table:
    try:
        return pj.read_json(path) if path.suffix in (".jsonl", ".json", ".ndjson") else pq.read_table(path)
    except FileNotFoundError:
        raise InputError("is not there", where=Where(file=str(path)), todo="is the path right?") from None
    except pa.ArrowInvalid as error:
        raise InputError(
            f"cannot be read as counts: {error}", where=Where(file=str(path)),
            todo="give Parquet or JSON lines as `fireline tally` writes them",
        ) from None  # fmt: skip
