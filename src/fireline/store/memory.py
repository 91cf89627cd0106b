"""What the judge remembers between ticks: named blobs, and how far each service was judged."""

from __future__ import annotations

import sqlalchemy as sa

from fireline.errors import StoreError, Where
from fireline.store.locks import hold
from fireline.store.rows import Mark, Stored
from fireline.store.tables import marks, states

_STATE = sa.select(states).where(states.c.name == sa.bindparam("of"))
_MARK = sa.select(marks).where(marks.c.service == sa.bindparam("of"))


def put_state(connection: sa.Connection, name: str, tick: int, body: bytes) -> None:
    """Keep ``body`` under ``name`` in place of what was there."""
    hold(connection, "state", name)
    values = {"tick": tick, "body": body}
    if connection.execute(states.update().where(states.c.name == name).values(values)).rowcount == 0:
        connection.execute(states.insert(), {"name": name, **values})


def get_state(connection: sa.Connection, name: str) -> Stored | None:
    """What is kept under ``name``, or None."""
    row = connection.execute(_STATE, {"of": name}).first()
    return Stored(row.name, row.tick, row.body) if row is not None else None


def put_mark(connection: sa.Connection, mark: Mark, was: Mark | None) -> None:
    """Move a service's mark on from ``was``; StoreError when somebody else moved it, so that no tick counts
    twice."""
    hold(connection, "mark", mark.service)
    known = get_mark(connection, mark.service)
    if known != was or (known is not None and mark.judged < known.judged):
        reached = f"tick {known.judged}" if known else "nothing"
        raise StoreError(
            f"{mark.service} is judged up to {reached}, which is not what this was worked out from",
            todo="read the mark again: another engine is at work on this service",
            where=Where(key=mark.service),
            permanent=False,
        )
    values = {"judged": mark.judged, "watermark_us": mark.watermark_us}
    if known is None:
        connection.execute(marks.insert(), {"service": mark.service, **values})
    else:
        connection.execute(marks.update().where(marks.c.service == mark.service).values(values))


def get_mark(connection: sa.Connection, service: str) -> Mark | None:
    """How far ``service`` was judged, None when it never was."""
    row = connection.execute(_MARK, {"of": service}).first()
    return Mark(row.service, row.judged, row.watermark_us) if row is not None else None
