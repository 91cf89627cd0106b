"""Facts told from outside: changes, users' reports, runs of jobs. Each is kept once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from fireline.clock import from_micros, micros
from fireline.store.locks import hold
from fireline.store.plain import plain
from fireline.store.store import Store, Tx
from fireline.store.tables import facts

FactKind = Literal["change", "report", "job", "alert"]


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that was told about a service. ``id`` is a hash of what it says: told twice it is one."""

    id: str
    service: str
    kind: FactKind
    at: datetime
    body: Mapping[str, Any]


def add_facts(store: Store | Tx, told: Iterable[Fact], now: datetime) -> int:
    """Keep what is not known yet, in a transaction of its own or in one that is open; how many were new."""
    new = 0
    with store.writes() as connection:
        hold(connection, "facts", "")
        for fact in told:
            if connection.execute(sa.select(facts.c.id).where(facts.c.id == fact.id)).first() is None:
                row = {"id": fact.id, "service": fact.service, "kind": fact.kind, "at": micros(fact.at),
                       "taken_at": micros(now), "body": plain(dict(fact.body))}  # fmt: skip
                connection.execute(facts.insert(), row)
                new += 1
    return new


def read_facts(
    store: Store,
    kind: FactKind,
    service: str | None = None,
    since: datetime | None = None,
    limit: int = 1000,
) -> list[Fact]:
    """Facts of ``kind``, oldest first; of many the newest ``limit``."""
    query = sa.select(facts).where(facts.c.kind == kind)
    if service is not None:
        query = query.where(facts.c.service == service)
    if since is not None:
        query = query.where(facts.c.at >= micros(since))
    with store.reads() as connection:
        rows = connection.execute(query.order_by(facts.c.at.desc(), facts.c.id).limit(limit)).all()
    return [Fact(r.id, r.service, r.kind, from_micros(r.at), r.body) for r in reversed(rows)]


def services_told(store: Store, kind: FactKind) -> frozenset[str]:
    """The services of which anything of ``kind`` was ever told."""
    query = sa.select(facts.c.service).where(facts.c.kind == kind).distinct()
    with store.reads() as connection:
        return frozenset(connection.execute(query).scalars())
