"""Old counts in coarser ticks: what was minutes becomes quarters, hours, days, and adds up to the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from datetime import datetime

import sqlalchemy as sa

from fireline.clock import micros
from fireline.store.locks import hold
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


def _values(batch: str, service: str, row: CountsRow) -> dict[str, object]:
    plain = {field.name: getattr(row, field.name) for field in fields(CountsRow)}
    return {**plain, "scope": clean(row.scope), "batch": batch, "service": service}
