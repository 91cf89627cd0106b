"""Leases: of several processes on one store, one leads until it stops saying so."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from fireline.clock import micros
from fireline.store.locks import hold
from fireline.store.store import Store
from fireline.store.tables import leases


def take_lease(
    store: Store, name: str, holder: str, now: datetime, length: timedelta, heir_of: str = ""
) -> int | None:
    """Take or renew the lease ``name`` for ``length``: its term, or None while another holds it.

    A holder whose name begins with ``heir_of`` and a colon is known to have ended: nobody waits for it. The
    term grows whenever the holder changes: who finds another term than before starts from what is stored.
    """
    until = micros(now + length)
    with store.writes() as connection:
        hold(connection, "lease", name)
        row = connection.execute(sa.select(leases).where(leases.c.name == name)).first()
        if row is None:
            connection.execute(leases.insert(), {"name": name, "holder": holder, "term": 1, "until": until})
            return 1
        gone = bool(heir_of) and row.holder.startswith(f"{heir_of}:")
        if row.holder != holder and row.until > micros(now) and not gone:
            return None
        term = row.term if row.holder == holder else row.term + 1
        change = leases.update().where(leases.c.name == name)
        connection.execute(change.values(holder=holder, term=term, until=until))
        return int(term)


def give_up_lease(store: Store, name: str, holder: str) -> None:
    """Let the next one lead at once; nothing when ``holder`` does not lead."""
    with store.writes() as connection:
        mine = (leases.c.name == name) & (leases.c.holder == holder)
        connection.execute(leases.update().where(mine).values(until=0))
