"""Whether what is kept beside the journal still says what the journal says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import sqlalchemy as sa

from fireline.store import journal, measures
from fireline.store.rows import Fold
from fireline.terms.measure import Measure
from fireline.terms.timeline import Entry

ONLY_IN_LEDGER = ("ordinal",)
"""What the ledger knows and the journal does not say: its own numbering."""


def differences(connection: sa.Connection, fold: Fold) -> tuple[str, ...]:
    """One sentence for each thing the projections say otherwise than the journal's fold."""
    rows = journal.projection(connection)
    ledger = {measure.id: measure for measure in measures.read(connection)}
    found: list[str] = []
    for name in journal.every_incident(connection):
        entries = journal.read(connection, name)
        found += _gaps(name, entries)
        incident = fold(entries)
        found += _incident(rows.pop(name, None), journal.projected(incident, entries[-1].seq))
        for measure in incident.measures:
            found += _measure(ledger.pop(measure.id, None), measure)
    found += [f"incident {name}: projected, but the journal has no entry of it" for name in sorted(rows)]
    found += [f"measure {name}: in the ledger, but in no journal" for name in sorted(ledger)]
    return tuple(found)


def _gaps(name: str, entries: Sequence[Entry]) -> list[str]:
    seqs = [entry.seq for entry in entries]
    wanted = list(range(1, len(seqs) + 1))
    return [] if seqs == wanted else [f"incident {name}: entries are numbered {seqs}, not 1 to {len(seqs)}"]


def _incident(row: dict[str, Any] | None, wanted: dict[str, Any]) -> list[str]:
    if row is None:
        return [f"incident {wanted['id']}: in the journal, but not projected"]
    return [
        f"incident {wanted['id']}: {key} is {row[key]!r} in the projection and {wanted[key]!r} in the journal"
        for key in wanted
        if row[key] != wanted[key]
    ]


def _measure(kept: Measure | None, told: Measure) -> list[str]:
    if kept is None:
        return [f"measure {told.id}: in the journal, but not in the ledger"]
    names = [field.name for field in fields(Measure) if field.name not in ONLY_IN_LEDGER]
    return [
        f"measure {told.id}: {name} is {getattr(kept, name)!r} in the ledger and {getattr(told, name)!r} in "
        f"the journal"
        for name in names
        if getattr(kept, name) != getattr(told, name)
    ]
