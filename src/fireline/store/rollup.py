"""Old counts in coarser ticks: what was minutes becomes quarters, hours, days, and adds up to the same; and
what nobody keeps any longer."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from datetime import datetime

import sqlalchemy as sa

from fireline.clock import micros
from fireline.store.locks import hold
from fireline.store.memory import get_state, put_state
from fireline.store.plain import clean
from fireline.store.store import Store
from fireline.store.tables import batches, counts
from fireline.terms.counts import CountsRow

Coarser = Callable[[Sequence[CountsRow]], Iterable[CountsRow]]


def roll_up(
    store: Store, service: str, grain: int, before_tick: int, coarser: Coarser, at: datetime
) -> tuple[int, int]:
    """Put ``coarser`` of the rows of ``grain`` that end by ``before_tick`` in their place, all at once.

    How many rows went and how many came. Done again it finds none: nothing is counted twice or lost, whenever
    the process dies.
    """
    names = [field.name for field in fields(CountsRow)]
    old = (
        (counts.c.service == service)
        & (counts.c.grain == grain)
        & (counts.c.first_tick + counts.c.ticks <= before_tick)
    )
    with store.writes() as connection:
        hold(connection, "batch", f"roll:{service}")
        query = sa.select(counts.c.id, *(counts.c[name] for name in names)).where(old).order_by(counts.c.id)
        found = connection.execute(query).all()
        if not found:
            return 0, 0
        made = list(coarser([CountsRow(*row[1:]) for row in found]))
        batch = f"roll-{service}-{grain}-{before_tick}-{found[-1][0]}"
        connection.execute(
            batches.insert(),
            {"id": batch, "service": service, "kind": "nothing", "file": None, "rows": 0, "min_us": None,
             "max_us": None, "taken_at": micros(at), "source": None, "position": None},
        )  # fmt: skip
        connection.execute(counts.delete().where(old, counts.c.id <= found[-1][0]))
        connection.execute(counts.insert(), [_values(batch, service, row) for row in made])
    return len(found), len(made)


def forget_counts(store: Store, service: str, grain: int, before_tick: int) -> int:
    """Let go of the rows of ``grain`` that end by ``before_tick``; how many there were."""
    with store.writes() as connection:
        old = (
            (counts.c.service == service)
            & (counts.c.grain == grain)
            & (counts.c.first_tick + counts.c.ticks <= before_tick)
        )
        return connection.execute(counts.delete().where(old)).rowcount


def forget_files(
    store: Store, service: str, before_us: int, here: Callable[[str], bool], name: str, at: datetime
) -> list[str]:
    """Take the files off the list whose rows all lie before ``before_us`` (microseconds) and that are
    ``here``; which they are.

    Their names are put beside those kept under the state ``name`` in the same transaction: whoever dies
    before the files are removed finds them there.
    """
    with store.writes() as connection:
        hold(connection, "batch", name)
        old = (batches.c.service == service) & batches.c.file.is_not(None) & (batches.c.max_us < before_us)
        found = {row.id: str(row.file) for row in connection.execute(sa.select(batches).where(old))}
        found = {key: file for key, file in found.items() if here(file)}
        if not found:
            return []
        kept = get_state(connection, name)
        told = json.loads(kept.body) if kept else []
        told += [[micros(at), file] for file in found.values()]
        put_state(connection, name, micros(at), json.dumps(told).encode())
        for key in found:
            connection.execute(batches.update().where(batches.c.id == key).values(file=None))
    return list(found.values())


def _values(batch: str, service: str, row: CountsRow) -> dict[str, object]:
    plain = {field.name: getattr(row, field.name) for field in fields(CountsRow)}
    return {**plain, "scope": clean(row.scope), "batch": batch, "service": service}
