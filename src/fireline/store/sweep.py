"""What is asked and told of many services at once: a tick's counts in one question, their states in one
statement."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from fireline.store.rows import Stored
from fireline.store.tables import counts, states

USUAL = 64
"""Ticks that most stored blocks do not exceed: longer ones (a backfill) are looked for by their length, so
that one of them does not make every later question look back as far."""
NAMED = 200
"""More names than this are not put into a question: everything is read, and what was not asked for left."""

Row = tuple[str, str, str, int, int, bytes]
"""Service, layout, scope, first tick, ticks, body."""

_COLUMNS = (
    counts.c.service,
    counts.c.layout,
    counts.c.scope,
    counts.c.first_tick,
    counts.c.ticks,
    counts.c.body,
)
_GRAIN, _FROM, _TO = (sa.bindparam(name, type_=sa.BigInteger) for name in ("grain", "from_tick", "to_tick"))
_SHORT = sa.select(*_COLUMNS, counts.c.id).where(
    counts.c.grain == _GRAIN, counts.c.first_tick > _FROM - USUAL, counts.c.first_tick < _TO,
    counts.c.first_tick + counts.c.ticks > _FROM, counts.c.ticks <= USUAL, counts.c.late.is_(False),
)  # fmt: skip
_LONG = sa.select(*_COLUMNS, counts.c.id).where(
    counts.c.grain == _GRAIN, counts.c.ticks > USUAL, counts.c.first_tick < _TO,
    counts.c.first_tick + counts.c.ticks > _FROM, counts.c.late.is_(False),
)  # fmt: skip


def on_time(
    connection: sa.Connection, grain: int, from_tick: int, to_tick: int, services: Collection[str]
) -> Iterable[Row]:
    """Rows counted on time that touch ticks [from_tick, to_tick) of ``grain``, of these services and, where
    they are many, of others too."""
    asked = {"grain": grain, "from_tick": from_tick, "to_tick": to_tick}
    for query in (_SHORT, _LONG):
        if len(services) <= NAMED:
            query = query.where(counts.c.service.in_(sorted(services)))
        for row in connection.execute(query, asked):
            yield row[:6]


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
