"""Tidying up: many small batches become one, and nothing that is read changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime

import sqlalchemy as sa

from fireline.clock import micros
from fireline.store.locks import hold
from fireline.store.plain import clean
from fireline.store.rows import LakeFile
from fireline.store.store import Store
from fireline.store.tables import batches, counts, dedup_keys
from fireline.terms.counts import CountsRow

HOUR = 3600 * 1_000_000
FEWEST = 4


@dataclass(frozen=True, slots=True)
class Heap:
    """Batches of one kind that were taken in one hour; ``files`` are theirs, in order of arrival."""

    service: str
    kind: str
    hour: int
    batches: tuple[str, ...]
    files: tuple[LakeFile, ...]


def heaps(store: Store, service: str, before: datetime, fewest: int = FEWEST) -> list[Heap]:
    """What lies in ``fewest`` or more files of one hour of arrival, in hours that ended by ``before``."""
    end = micros(before) // HOUR * HOUR
    query = (
        sa.select(batches)
        .where(batches.c.service == service, batches.c.file.is_not(None), batches.c.taken_at < end)
        .where(batches.c.id.not_like("heap-%"), batches.c.id.not_like("past-%"))
        .order_by(batches.c.taken_at, batches.c.id)
    )
    found: dict[tuple[str, int], list[sa.Row[tuple[object, ...]]]] = {}
    with store.reads() as connection:
        for row in connection.execute(query):
            found.setdefault((row.kind, row.taken_at // HOUR), []).append(row)
    return [
        Heap(
            service, kind, hour, tuple(str(row.id) for row in rows),
            tuple(LakeFile(row.kind, row.file, row.rows, row.min_us, row.max_us, service) for row in rows),
        )
        for (kind, hour), rows in sorted(found.items(), key=lambda item: item[0][1])
        if len(rows) >= fewest
    ]  # fmt: skip


def counts_of(store: Store, of: Sequence[str]) -> list[CountsRow]:
    """The counts of these batches."""
    columns = [counts.c[field.name] for field in fields(CountsRow)]
    with store.reads() as connection:
        rows = connection.execute(sa.select(*columns).where(counts.c.batch.in_(of)).order_by(counts.c.id))
        return [CountsRow(*row) for row in rows]


def put_together(
    store: Store, name: str, heap: Heap, file: LakeFile, rows: Sequence[CountsRow], at: datetime
) -> bool:
    """Put ``file`` and ``rows`` in the place of the heap's own, all at once; False when that was done."""
    with store.writes() as connection:
        hold(connection, "batch", name)
        if connection.execute(sa.select(batches.c.id).where(batches.c.id == name)).first() is not None:
            return False
        connection.execute(
            batches.insert(),
            {"id": name, "service": heap.service, "kind": file.kind, "file": file.file, "rows": file.rows,
             "min_us": file.min_us, "max_us": file.max_us, "taken_at": micros(at), "source": None,
             "position": None},
        )  # fmt: skip
        connection.execute(counts.delete().where(counts.c.batch.in_(heap.batches)))
        if rows:
            connection.execute(counts.insert(), [_values(name, heap.service, row) for row in rows])
        connection.execute(batches.update().where(batches.c.id.in_(heap.batches)).values(file=None))
    return True


def _values(batch: str, service: str, row: CountsRow) -> dict[str, object]:
    plain = {field.name: getattr(row, field.name) for field in fields(CountsRow)}
    return {**plain, "scope": clean(row.scope), "batch": batch, "service": service}


def forget_keys(store: Store, service: str, before: datetime) -> int:
    """Drop the dedup keys of batches that end before ``before``; of how many."""
    with store.writes() as connection:
        old = (dedup_keys.c.service == service) & (dedup_keys.c.max_us < micros(before))
        return connection.execute(dedup_keys.delete().where(old)).rowcount
