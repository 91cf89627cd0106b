"""The journal: facts in order, and the projection of each incident that is kept beside them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from fireline.clock import from_micros, micros
from fireline.errors import StoreError
from fireline.store.plain import clean, plain
from fireline.store.tables import entries, incidents
from fireline.terms.incident import OVER, Incident
from fireline.terms.timeline import Draft, Entry, EntryKind

OVER_WORDS = tuple(sorted(state.value for state in OVER))

PROJECTED = [column.name for column in incidents.columns if column.name != "id"]

_NAME: sa.BindParameter[str] = sa.bindparam("name")
_APPEND = entries.insert()
_READ = (
    sa.select(entries)
    .where(entries.c.incident == _NAME, entries.c.seq > sa.bindparam("after"))
    .order_by(entries.c.seq)
)
_SERVICE = sa.select(incidents.c.service).where(incidents.c.id == _NAME)
_INSERT = incidents.insert()
_PROJECT = (
    incidents.update()
    .where(incidents.c.id == _NAME)
    .values({column: sa.bindparam(column) for column in PROJECTED})
)
_ALL = sa.select(incidents.c.id, incidents.c.last_seq).order_by(incidents.c.opened_at, incidents.c.id)
_OPEN = _ALL.where(incidents.c.state.not_in(OVER_WORDS))
_LISTED = {
    (of, open_only): query.where(incidents.c.service == sa.bindparam("of")) if of else query
    for open_only, query in ((False, _ALL), (True, _OPEN))
    for of in (False, True)
}
"""(of one service, open only) -> the query."""


def append(connection: sa.Connection, incident: str, seq: int, draft: Draft, at: datetime) -> Entry:
    """Write ``draft`` as the incident's entry ``seq`` and give it back as it will be read.

    The caller holds the incident; the database itself refuses a ``seq`` that is taken or leaves a gap.
    """
    entry = Entry(
        incident=incident,
        seq=seq,
        at=from_micros(micros(at)),
        kind=EntryKind(draft.kind),
        by=clean(draft.by),
        because=clean(draft.because),
        data=plain(draft.data),
    )
    connection.execute(
        _APPEND,
        {
            "incident": incident,
            "seq": seq,
            "at": micros(at),
            "kind": entry.kind.value,
            "by": entry.by,
            "because": entry.because,
            "data": entry.data,
        },
    )
    return entry


def read(connection: sa.Connection, incident: str, after: int = 0) -> list[Entry]:
    """The incident's entries whose seq is above ``after``, in order."""
    return [_entry(row) for row in connection.execute(_READ, {"name": incident, "after": after})]


def _entry(row: Any) -> Entry:
    return Entry(
        row.incident, row.seq, from_micros(row.at), EntryKind(row.kind), row.by, row.because, row.data
    )


def service_of(connection: sa.Connection, incident: str) -> str:
    """The service an incident is about; StoreError when nothing is known of the incident."""
    known = connection.execute(_SERVICE, {"name": incident}).scalar()
    if known is not None:
        return str(known)
    first = connection.execute(
        sa.select(entries.c.data).where(entries.c.incident == incident, entries.c.seq == 1)
    ).scalar()
    if first is None or "service" not in first:
        raise StoreError(
            f"incident {incident} was not opened", todo="append its `opened` entry with the service first"
        )
    return str(first["service"])


def listed(connection: sa.Connection, service: str | None, open_only: bool) -> dict[str, int]:
    """Incident ids, oldest first, each with the seq of its last entry."""
    query = _LISTED[service is not None, open_only]
    found = connection.execute(query, {"of": service} if service is not None else {})
    return {row.id: row.last_seq for row in found}


def projected(incident: Incident, last_seq: int) -> dict[str, Any]:
    """The row of ``incidents`` that stands for ``incident``."""
    return {
        "id": incident.id,
        "service": clean(incident.service),
        "mode": incident.mode,
        "state": incident.state.value,
        "severity": incident.severity.value if incident.severity else None,
        "title": clean(incident.title),
        "opened_at": micros(incident.opened_at),
        "closed_at": micros(incident.closed_at) if incident.closed_at else None,
        "last_seq": last_seq,
    }


def project(connection: sa.Connection, incident: Incident, last_seq: int) -> None:
    """Write the projection of ``incident`` as of entry ``last_seq``."""
    row = projected(incident, last_seq)
    if connection.execute(_PROJECT, {**row, "name": incident.id}).rowcount == 0:
        connection.execute(_INSERT, row)


def projection(connection: sa.Connection) -> dict[str, dict[str, Any]]:
    """Every projected row, by incident."""
    rows = connection.execute(sa.select(incidents)).mappings()
    return {row["id"]: dict(row) for row in rows}


def every_incident(connection: sa.Connection) -> Sequence[str]:
    """Ids of all incidents that have entries, sorted."""
    return list(
        connection.execute(sa.select(entries.c.incident).distinct().order_by(entries.c.incident)).scalars()
    )
