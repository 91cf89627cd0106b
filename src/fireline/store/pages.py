"""The outbox of pages: put in once per key, sent by whoever claims it, ended by a receipt.

A page is claimed with a lease. Who is killed between sending and receipt leaves a claim that lapses; the next
one sends the same body under the same key, and the receiver knows it by that key.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from fireline.clock import from_micros, micros
from fireline.store.locks import hold
from fireline.store.plain import clean, plain
from fireline.store.tables import incidents, pages
from fireline.terms.incident import OVER
from fireline.terms.page import CALLS, Message, Page, PageDraft, PageKind
from fireline.terms.page import PageState as S

_NOW = sa.bindparam("now", type_=sa.BigInteger)
_LAPSED = sa.and_(pages.c.state == S.CLAIMED.value, pages.c.lease_until <= _NOW)
_MAY_CLAIM = sa.or_(
    sa.and_(
        pages.c.state == S.WAITING.value,
        pages.c.due_at <= _NOW,
        sa.or_(pages.c.not_before.is_(None), pages.c.not_before <= _NOW),
    ),
    _LAPSED,
)
_SENDABLE = sa.select(pages).where(_MAY_CLAIM).order_by(pages.c.due_at, pages.c.id)
_WAITING = sa.select(pages.c.channel).where(_MAY_CLAIM).distinct().order_by(pages.c.channel)
_BY_ID = sa.select(pages).where(pages.c.id == sa.bindparam("of"))


def enqueue(connection: sa.Connection, draft: PageDraft, at: datetime) -> bool:
    """Put ``draft`` into the outbox; False, and nothing written, when its key is there already."""
    hold(connection, "page", draft.key)
    known = connection.execute(sa.select(pages.c.id).where(pages.c.key == draft.key)).first()
    if known is not None:
        return False
    body = {"because": draft.because, "message": draft.message.as_json(), "plan": dict(draft.plan)}
    connection.execute(
        pages.insert(),
        {
            "incident": draft.incident,
            "service": draft.service,
            "kind": PageKind(draft.kind).value,
            "channel": draft.channel,
            "to": "",
            "key": draft.key,
            "body": plain(body),
            "due_at": micros(draft.due_at),
            "state": S.WAITING.value,
            "attempts": 0,
            "created_at": micros(at),
        },
    )
    return True


def read(
    connection: sa.Connection, incident: str | None = None, states: Collection[S] | None = None
) -> list[Page]:
    """Pages in the order they were put in."""
    query = sa.select(pages).order_by(pages.c.id)
    if incident is not None:
        query = query.where(pages.c.incident == incident)
    if states is not None:
        query = query.where(pages.c.state.in_(sorted(state.value for state in states)))
    return [_of_row(row) for row in connection.execute(query).mappings()]


def sendable(connection: sa.Connection, at: datetime, channel: str, limit: int = 100) -> list[Page]:
    """Pages of ``channel`` that may be claimed at ``at``, the longest due first."""
    query = _SENDABLE.where(pages.c.channel == channel).limit(limit)
    return [_of_row(row) for row in connection.execute(query, {"now": micros(at)}).mappings()]


def waiting(connection: sa.Connection, at: datetime) -> list[str]:
    """Channels with pages that may be claimed at ``at``."""
    return list(connection.execute(_WAITING, {"now": micros(at)}).scalars())


def unended(connection: sa.Connection) -> list[str]:
    """Incidents that are over, whose last call may have been read, and of which nobody was told the end."""
    called = sa.and_(
        pages.c.kind.in_(sorted(kind.value for kind in CALLS)),
        pages.c.state != S.FAILED.value,
        sa.or_(pages.c.state == S.SENT.value, pages.c.attempts > 0),
    )
    told = pages.c.kind == PageKind.RESOLVED.value
    last_call, last_told = (sa.func.max(sa.case((which, pages.c.id))) for which in (called, told))
    query = (
        sa.select(pages.c.incident)
        .join(incidents, incidents.c.id == pages.c.incident)
        .where(incidents.c.state.in_(sorted(state.value for state in OVER)))
        .group_by(pages.c.incident)
        .having(last_call > sa.func.coalesce(last_told, 0))
        .order_by(pages.c.incident)
    )
    return list(connection.execute(query).scalars())


def claim(
    connection: sa.Connection, page: int, worker: str, at: datetime, lease: timedelta, to: str
) -> Page | None:
    """Take the right to send ``page`` until the lease ends, or None when it is not to be had."""
    changed = connection.execute(
        pages.update()
        .where(pages.c.id == sa.bindparam("of"), _MAY_CLAIM)
        .values(
            state=S.CLAIMED.value,
            worker=sa.bindparam("by"),
            lease_until=sa.bindparam("until"),
            attempts=pages.c.attempts + 1,
            not_before=None,
            to=sa.bindparam("whom"),
        ),
        {"of": page, "now": micros(at), "by": worker, "until": micros(at + lease), "whom": clean(to)},
    )
    if changed.rowcount != 1:
        return None
    return _of_row(connection.execute(_BY_ID, {"of": page}).mappings().one())


def sent(connection: sa.Connection, page: Page, at: datetime) -> bool:
    """Write the receipt; False when the claim is not held any more, and nothing is written."""
    return _settle(connection, page, {"state": S.SENT.value, "sent_at": micros(at), "last_error": None})


def failed(
    connection: sa.Connection, page: Page, because: str, permanent: bool, retry_at: datetime | None
) -> bool:
    """Give up for good, or hand it back until ``retry_at``; False when the claim is not held."""
    values: dict[str, Any] = {"state": S.FAILED.value if permanent else S.WAITING.value}
    if not permanent and retry_at is not None:
        values["not_before"] = micros(retry_at)
    return _settle(connection, page, {**values, "last_error": clean(because)})


def drop(connection: sa.Connection, page: int, at: datetime, because: str) -> bool:
    """Never send ``page``: it is not wanted any more. False when it is being sent, or over already."""
    changed = connection.execute(
        pages.update()
        .where(pages.c.id == sa.bindparam("of"), sa.or_(pages.c.state == S.WAITING.value, _LAPSED))
        .values(state=S.DROPPED.value, lease_until=None, not_before=None, last_error=clean(because)),
        {"of": page, "now": micros(at)},
    )
    return changed.rowcount == 1


def _settle(connection: sa.Connection, page: Page, values: Mapping[str, Any]) -> bool:
    changed = connection.execute(
        pages.update()
        .where(pages.c.id == page.id, pages.c.state == S.CLAIMED.value, pages.c.attempts == page.attempts)
        .values({"lease_until": None, **values})
    )
    return changed.rowcount == 1


def _of_row(row: Mapping[Any, Any]) -> Page:
    def at(name: str) -> datetime | None:
        return from_micros(row[name]) if row[name] is not None else None

    body = row["body"]
    return Page(
        id=row["id"],
        incident=row["incident"],
        service=row["service"],
        kind=PageKind(row["kind"]),
        channel=row["channel"],
        to=row["to"],
        key=row["key"],
        due_at=from_micros(row["due_at"]),
        because=body["because"],
        message=Message.of_json(body["message"]),
        plan=body["plan"],
        state=S(row["state"]),
        attempts=row["attempts"],
        created_at=from_micros(row["created_at"]),
        lease_until=at("lease_until"),
        not_before=at("not_before"),
        worker=row["worker"],
        sent_at=at("sent_at"),
        last_error=row["last_error"] or "",
    )
