"""What is asked and told of many services at once: a tick's counts in one question, their states in one
statement."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from fireline.store.connect import SNAPSHOT
from fireline.store.rows import Stored
from fireline.store.tables import counts, states

__all__ = ["SNAPSHOT", "Connection", "Row", "census", "get_states", "newest", "on_time", "put_states"]

Connection = sa.Connection
NAMED = 200
"""More names than this are not put into a question: everything is read, and what was not asked for left."""

Row = tuple[int, str, str, str, int, int, bytes]
"""Id, service, layout, scope, first tick, ticks, body."""

_COLUMNS = (
    counts.c.id, counts.c.service, counts.c.layout, counts.c.scope, counts.c.first_tick, counts.c.ticks,
    counts.c.body,
)  # fmt: skip
_GRAIN, _FROM, _TO, _AFTER = (
    sa.bindparam(name, type_=sa.BigInteger) for name in ("grain", "from_tick", "to_tick", "after")
)
_TOUCHES = (
    counts.c.first_tick + 0
    < _TO,  # nothing added: an index that begins with the oldest is not the one to use
    counts.c.first_tick + counts.c.ticks > _FROM,
    counts.c.late.is_(False),
)
_NEWEST = sa.select(sa.func.max(counts.c.id))
_ALL = (counts.c.grain == _GRAIN, *_TOUCHES)
_NEW = (counts.c.id > _AFTER, counts.c.grain + 0 == _GRAIN, *_TOUCHES)


def on_time(
    connection: sa.Connection,
    grain: int,
    from_tick: int,
    to_tick: int,
    services: Collection[str],
    after: int = 0,
) -> Sequence[Row]:
    """Rows counted on time that touch ticks [from_tick, to_tick) of ``grain``, with ids above ``after``, of
    these services and, where they are many, of others too.

    The newest ticks are found at once, however long the history; older ones take longer.
    """
    asked = {"grain": grain, "from_tick": from_tick, "to_tick": to_tick}
    if after:
        query, asked = sa.select(*_COLUMNS).where(*_NEW), asked | {"after": after}
    else:
        query = sa.select(*_COLUMNS).where(*_ALL)
    return cast(Sequence[Row], connection.execute(_named(query, services), asked).all())


def newest(connection: sa.Connection) -> int:
    """The greatest id of any row; 0 where there is none."""
    return int(connection.execute(_NEWEST).scalar() or 0)


def census(
    connection: sa.Connection, grain: int, from_tick: int, to_tick: int, services: Collection[str]
) -> tuple[int, int]:
    """How many rows ``on_time`` gives, and the sum of their ids: who remembers both knows whether what was
    read before is still what is there."""
    asked = {"grain": grain, "from_tick": from_tick, "to_tick": to_tick}
    query = sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(counts.c.id), 0)).where(*_ALL)
    rows, total = connection.execute(_named(query, services), asked).one()
    return int(rows), int(total)


def _named(query: sa.Select[Any], services: Collection[str]) -> sa.Select[Any]:
    return query.where(counts.c.service.in_(sorted(services))) if len(services) <= NAMED else query


def put_states(connection: sa.Connection, kept: Sequence[Stored]) -> None:
    """Keep every body under its name in place of what was there."""
    if not kept:
        return
    make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    insert = make(states)
    new = insert.excluded
    upsert = insert.on_conflict_do_update(
        index_elements=[states.c.name], set_={"tick": new.tick, "body": new.body}
    )
    # In the order of names: two who write the same ones wait for each other, and never crosswise.
    rows = [{"name": one.name, "tick": one.tick, "body": one.body} for one in kept]
    connection.execute(upsert, sorted(rows, key=lambda row: str(row["name"])))


def get_states(connection: sa.Connection, names: Collection[str]) -> dict[str, Stored]:
    """What is kept under these names."""
    found = connection.execute(sa.select(states).where(states.c.name.in_(sorted(names))))
    return {row.name: Stored(row.name, row.tick, row.body) for row in found}
