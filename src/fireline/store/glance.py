"""A glance at what was written: a few questions that say for every service whether to look closer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from fireline.store.claims import claimable
from fireline.store.connect import SNAPSHOT
from fireline.store.store import Store, Tx
from fireline.store.tables import facts, incidents, states

Stamp = tuple[int, int, int, int]
TURN = "baselines-in-force"
"""The state whose tick grows whenever a service's baseline in force becomes another, or a version is met."""
_JOURNALS = sa.select(
    incidents.c.service, sa.func.count(), sa.func.sum(incidents.c.last_seq)
).group_by(incidents.c.service)  # fmt: skip
_FACTS = sa.select(sa.func.count(), sa.func.coalesce(sa.func.max(facts.c.taken_at), 0))
_TURN = sa.select(states.c.tick).where(states.c.name == TURN)


@dataclass(frozen=True)
class Glance:
    """``journals``: by service how many incidents there are, and how many entries in all; ``told``: how many
    facts, and when the last came; whether any measure ``waits`` to be done; ``turn``: grows whenever some
    service's baseline in force becomes another, or a version of it was met for the first time."""

    journals: Mapping[str, tuple[int, int]]
    told: tuple[int, int]
    waits: bool
    turn: int

    def stamp(self, service: str) -> Stamp | None:
        """Changes whenever something is written that the service's loop may have to act on; None while a
        measure waits, when everybody looks for himself."""
        return None if self.waits else (*self.journals.get(service, (0, 0)), *self.told)


def glance(store: Store, now: datetime) -> Glance:
    """What stands written now."""
    with store.reads(SNAPSHOT) as connection:
        journals = {row[0]: (int(row[1]), int(row[2])) for row in connection.execute(_JOURNALS)}
        count, last = connection.execute(_FACTS).one()
        turn = int(connection.execute(_TURN).scalar() or 0)
        return Glance(journals, (int(count), int(last)), bool(claimable(connection, now)), turn)


def tell(tx: Tx) -> None:
    """Every server's loops look which baselines are in force, and which versions were met. To be said last in
    ``tx``: whoever says it waits for the others who do."""
    tx.alone("turn", TURN)
    turn = tx.get_state(TURN)
    tx.put_state(TURN, turn.tick + 1 if turn is not None else 1, b"")
