"""Batches of telemetry: a lake file, its counts, its dedup keys, its cursor and its quarantine, in one
commit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime

import sqlalchemy as sa

from fireline.clock import micros
from fireline.errors import StoreError, Where
from fireline.store.locks import hold
from fireline.store.plain import clean
from fireline.store.rows import Keys, LakeFile
from fireline.store.tables import batches, counts, cursors, dedup_keys, quarantine
from fireline.terms.counts import CountsRow
from fireline.terms.quarantine import BadRow, cut

_HAS = sa.select(batches.c.id).where(batches.c.id == sa.bindparam("of"))
_CURSOR = sa.select(cursors.c.position).where(cursors.c.source == sa.bindparam("of"))
_LONGEST = sa.select(sa.func.max(counts.c.ticks)).where(counts.c.grain == sa.bindparam("of"))

Cursor = tuple[str, str]
"""A source and the position up to which it was taken, opaque to the store."""


def commit(
    connection: sa.Connection,
    batch: str,
    at: datetime,
    service: str,
    lake_file: LakeFile | None,
    rows: Sequence[CountsRow],
    keys: bytes,
    cursor: Cursor | None,
    bad: Sequence[BadRow],
) -> bool:
    """Write everything that belongs to ``batch``; False, and nothing written, when it was committed
    before."""
    hold(connection, "batch", batch)
    if has(connection, batch):
        return False
    _insert_batch(connection, batch, at, service, lake_file, cursor)
    if rows:
        connection.execute(counts.insert(), [_counts_values(batch, service, row) for row in rows])
    if keys:
        _insert_keys(connection, batch, service, lake_file, keys)
    if bad:
        connection.execute(quarantine.insert(), [_bad_values(batch, row) for row in bad])
    if cursor is not None:
        put_cursor(connection, *cursor)
    return True


def _insert_batch(
    connection: sa.Connection,
    batch: str,
    at: datetime,
    service: str,
    file: LakeFile | None,
    cursor: Cursor | None,
) -> None:
    connection.execute(
        batches.insert(),
        {
            "id": batch,
            "service": service,
            "kind": file.kind if file else "nothing",
            "file": file.file if file else None,
            "rows": file.rows if file else 0,
            "min_us": file.min_us if file else None,
            "max_us": file.max_us if file else None,
            "taken_at": micros(at),
            "source": cursor[0] if cursor else None,
            "position": cursor[1] if cursor else None,
        },
    )


def _insert_keys(
    connection: sa.Connection, batch: str, service: str, file: LakeFile | None, keys: bytes
) -> None:
    if file is None:
        raise StoreError(
            f"batch {batch} has dedup keys and no lake file", todo="name the file the keys are of"
        )
    connection.execute(
        dedup_keys.insert(),
        {"batch": batch, "service": service, "min_us": file.min_us, "max_us": file.max_us, "body": keys},
    )


def _counts_values(batch: str, service: str, row: CountsRow) -> dict[str, object]:
    return {
        "batch": batch,
        "service": service,
        "layout": row.layout,
        "grain": row.grain,
        "scope": clean(row.scope),
        "first_tick": row.first_tick,
        "ticks": row.ticks,
        "late": row.late,
        "body": row.body,
    }


def _bad_values(batch: str, row: BadRow) -> dict[str, object]:
    return {
        "batch": batch,
        "file": clean(row.file),
        "row": row.row,
        "line": row.line,
        "column": clean(row.column) if row.column is not None else None,
        "kind": row.kind,
        "reason": clean(row.reason),
        "todo": clean(row.todo),
        "raw": clean(cut(row.raw)),
    }


def has(connection: sa.Connection, batch: str) -> bool:
    """Whether ``batch`` was committed."""
    return connection.execute(_HAS, {"of": batch}).first() is not None


def put_cursor(connection: sa.Connection, source: str, position: str) -> None:
    """Remember how far ``source`` was taken."""
    changed = connection.execute(cursors.update().where(cursors.c.source == source).values(position=position))
    if changed.rowcount == 0:
        connection.execute(cursors.insert(), {"source": source, "position": position})


def cursor_of(connection: sa.Connection, source: str) -> str | None:
    """How far ``source`` was taken, None when it never was."""
    return connection.execute(_CURSOR, {"of": source}).scalar()


def expect_cursor(connection: sa.Connection, source: str, position: str | None) -> None:
    """Refuse to go on when somebody else took more of ``source`` since ``position`` was read."""
    hold(connection, "cursor", source)
    now = cursor_of(connection, source)
    if now != position:
        raise StoreError(
            f"{source} was taken up to {now} by somebody else, not {position}",
            todo="read the cursor again and go on from there",
            where=Where(key=source),
            permanent=False,
        )


def read_counts(
    connection: sa.Connection,
    grain: int,
    from_tick: int,
    to_tick: int,
    late: bool | None,
    service: str | None,
    layout: str | None,
    scope: str | None = None,
) -> list[CountsRow]:
    """Rows of ``grain`` that touch ticks from ``from_tick`` up to, not with, ``to_tick``, in order of
    commit."""
    longest = connection.execute(_LONGEST, {"of": grain}).scalar()
    if longest is None:
        return []
    columns = (counts.c[field.name] for field in fields(CountsRow))
    query = sa.select(*columns).where(
        counts.c.grain == grain,
        counts.c.first_tick > from_tick - longest,  # what the index can use; the next line is what is meant
        counts.c.first_tick < to_tick,
        counts.c.first_tick + counts.c.ticks > from_tick,
    )
    if late is not None:
        query = query.where(counts.c.late == late)
    if service is not None:
        query = query.where(counts.c.service == service)
    if layout is not None:
        query = query.where(counts.c.layout == layout)
    if scope is not None:
        query = query.where(counts.c.scope == scope)
    return [CountsRow(*row) for row in connection.execute(query.order_by(counts.c.id))]


def first_counted(connection: sa.Connection, service: str, layout: str, scope: str) -> int | None:
    """When the first tick of these counts begins (seconds since 1970), None where there is none."""
    query = sa.select(sa.func.min(counts.c.first_tick * counts.c.grain)).where(
        counts.c.service == service, counts.c.layout == layout, counts.c.scope == scope,
        counts.c.late.is_(False),
    )  # fmt: skip
    found = connection.execute(query).scalar()
    return None if found is None else int(found)


def lake_files(
    connection: sa.Connection, kind: str, from_us: int, to_us: int, service: str | None
) -> list[LakeFile]:
    """Files of ``kind`` that hold rows from ``from_us`` up to, not with, ``to_us``, oldest first."""
    query = sa.select(batches).where(
        batches.c.kind == kind,
        batches.c.file.is_not(None),
        batches.c.max_us >= from_us,
        batches.c.min_us < to_us,
    )
    if service is not None:
        query = query.where(batches.c.service == service)
    found = connection.execute(query.order_by(batches.c.min_us, batches.c.id))
    return [LakeFile(row.kind, row.file, row.rows, row.min_us, row.max_us, row.service) for row in found]


def read_keys(connection: sa.Connection, since_us: int, service: str | None) -> list[Keys]:
    """Dedup keys of batches with rows at or after ``since_us``, oldest first."""
    query = sa.select(dedup_keys).where(dedup_keys.c.max_us >= since_us)
    if service is not None:
        query = query.where(dedup_keys.c.service == service)
    found = connection.execute(query.order_by(dedup_keys.c.max_us, dedup_keys.c.batch))
    return [Keys(row.batch, row.min_us, row.max_us, row.body) for row in found]


def keys_of(connection: sa.Connection, names: Sequence[str]) -> list[Keys]:
    """Dedup keys of these batches, oldest first."""
    query = sa.select(dedup_keys).where(dedup_keys.c.batch.in_(names))
    found = connection.execute(query.order_by(dedup_keys.c.max_us, dedup_keys.c.batch))
    return [Keys(row.batch, row.min_us, row.max_us, row.body) for row in found]


def forget_keys(connection: sa.Connection, before_us: int) -> int:
    """Drop dedup keys of batches that end before ``before_us``; how many."""
    return connection.execute(dedup_keys.delete().where(dedup_keys.c.max_us < before_us)).rowcount


def read_quarantine(connection: sa.Connection, batch: str | None, limit: int) -> list[BadRow]:
    """BadRow rows in the order they came."""
    query = sa.select(quarantine).order_by(quarantine.c.id).limit(limit)
    if batch is not None:
        query = query.where(quarantine.c.batch == batch)
    columns = [field.name for field in fields(BadRow)]
    return [BadRow(**{name: row[name] for name in columns}) for row in connection.execute(query).mappings()]


def lately_aside(
    connection: sa.Connection, service: str, since_us: int, limit: int
) -> list[tuple[int, BadRow]]:
    """Rows of ``service`` put aside since then, newest first, each with when its batch was taken
    (microseconds)."""
    query = (
        sa.select(batches.c.taken_at, quarantine)
        .join(quarantine, quarantine.c.batch == batches.c.id)
        .where(batches.c.service == service, batches.c.taken_at >= since_us)
        .order_by(quarantine.c.id.desc())
        .limit(limit)
    )
    columns = [field.name for field in fields(BadRow)]
    found = connection.execute(query).mappings()
    return [(row["taken_at"], BadRow(**{name: row[name] for name in columns})) for row in found]


def last_taken(connection: sa.Connection, service: str, kind: str) -> tuple[int, int] | None:
    """When the newest batch of ``kind`` was taken, and the greatest time in any (microseconds); None without
    one."""
    query = sa.select(sa.func.max(batches.c.taken_at), sa.func.max(batches.c.max_us)).where(
        batches.c.service == service, batches.c.kind == kind
    )
    taken, last = connection.execute(query).one()
    return None if taken is None else (int(taken), int(last))
