"""Being the only one: what PostgreSQL must be asked for and SQLite's single writer has anyway."""

from __future__ import annotations

from hashlib import blake2b

import sqlalchemy as sa


def hold(connection: sa.Connection, what: str, name: str) -> None:
    """Be the only one that writes to this incident, measure slot, batch, ... until the transaction ends.

    Everything that writes about a measure holds its incident first and the service second, so that two
    transactions do not wait for each other crosswise.
    """
    if connection.dialect.name == "postgresql":
        body = f"{what}\x1f{name}".encode()
        number = int.from_bytes(blake2b(body, digest_size=8).digest(), "big", signed=True)
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(number)))
