"""A source tried out: what it would bring, and nothing is kept of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from fireline.live.pulling import as_piece, facts_in, said
from fireline.runbook.schema import Runbook
from fireline.runbook.sources import Source
from fireline.sources.pull import Around, Pulled, opened, portions, scrubbed, secrets_of
from fireline.telemetry.intake import Intake
from fireline.telemetry.quarantine import Quarantine
from fireline.telemetry.signals import signals_of
from fireline.terms.quarantine import BadRow

SHOWN = 10


@dataclass
class Trial:
    """What a source would bring: rows read, rows that would be taken, rows put aside by reason, the columns
    with their types, the first rows. ``more`` is True where reading stopped at the limit; ``trouble`` says
    why it cannot be read, "" where it can."""

    source: Source
    rows: int = 0
    taken: int = 0
    bad: int = 0
    more: bool = False
    trouble: str = ""
    columns: dict[str, str] = field(default_factory=dict)
    first: list[dict[str, Any]] = field(default_factory=list)
    origins: dict[str, None] = field(default_factory=dict)
    reasons: list[BadRow] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """As values that JSON can hold."""
        return {
            "source": self.source.name, "kind": self.source.kind, "feed": self.source.feed,
            "rows": self.rows, "taken": self.taken, "put_aside": self.bad, "more": self.more,
            "trouble": self.trouble, "columns": self.columns, "origins": list(self.origins)[:SHOWN],
            "first": self.first, "reasons": [row.as_json() for row in self.reasons],
        }  # fmt: skip


def tried(
    source: Source, runbook: Runbook, folder: Path, now: datetime, most: int = 10_000, shown: int = 3,
    progress: Callable[[int], None] = lambda rows: None,
) -> Trial:  # fmt: skip
    """What ``source`` brings from its beginning, up to about ``most`` rows, held against ``runbook``."""
    found = Trial(source)
    around = Around(runbook.service, source.name, source.feed, folder, trial=True)
    try:
        one = opened(source, around)
        try:
            with portions(one, "", now) as given:
                _read(given, found, runbook, now, most, shown, progress)
        finally:
            one.close()
    except Exception as error:  # whatever a library raises is what the user wants to be told
        found.trouble = scrubbed(said(error), secrets_of(source.own))
    return found


def _read(
    given: Iterable[Pulled], found: Trial, runbook: Runbook, now: datetime, most: int, shown: int,
    progress: Callable[[int], None],
) -> None:  # fmt: skip
    take = _taker(found, runbook, now)
    for portion in given:
        if found.rows >= most:
            found.more = True
            return
        found.rows += len(portion)
        if portion.origin and (len(portion) or portion.bad):
            found.origins[portion.origin] = None
        table = as_piece(portion, found.source.name).table
        for name, kind in zip(table.column_names, table.schema.types, strict=True):
            if not pa.types.is_null(kind):
                found.columns.setdefault(name, str(kind))
        found.first += (
            table.slice(0, shown - len(found.first)).to_pylist() if shown > len(found.first) else []
        )
        take(portion)
        progress(found.rows)


def _taker(found: Trial, runbook: Runbook, now: datetime) -> Callable[[Pulled], None]:
    """What would be taken of a portion, and what be put aside."""
    if found.source.feed in ("changes", "jobs"):

        def tell(portion: Pulled) -> None:
            facts, bad = facts_in(portion, runbook.service, found.source.name, now)
            found.taken += len(facts)
            _aside(found, bad, len(bad))

        return tell
    if found.source.feed == "signals":

        def count(portion: Pulled) -> None:
            aside = Quarantine()
            piece = as_piece(portion, found.source.name)
            found.taken += len(signals_of(iter([piece]), runbook.service, runbook.timezone, aside))
            _aside(found, aside.items, aside.rows)

        return count
    positive = runbook.labels.positive if runbook.labels else None
    intake = Intake(runbook.columns, runbook.service, runbook.task, positive, runbook.timezone)
    kept = Counter[str]()

    def read(portion: Pulled) -> None:
        before = intake.quarantine.rows
        taken = intake.take(as_piece(portion, found.source.name), found.source.name)
        found.taken += len(taken.events) + len(taken.labels)
        items = intake.quarantine.items[kept["items"] :]
        kept["items"] = len(intake.quarantine.items)
        _aside(found, items, intake.quarantine.rows - before)

    return read


def _aside(found: Trial, rows: Iterable[BadRow], count: int) -> None:
    found.bad += count
    found.reasons += [replace(row, raw=row.raw[:200]) for row in rows][: SHOWN - len(found.reasons)]


def lacking(found: Trial, wanted: Mapping[str, str]) -> list[tuple[str, str]]:
    """Columns (and their roles) that the runbook wants and the source does not bring."""
    return [(role, column) for role, column in wanted.items() if column not in found.columns]
