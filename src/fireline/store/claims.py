"""Claims: the right to do one measure, for a while, and the receipt that ends it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from fireline.clock import from_micros, iso, micros
from fireline.store.locks import hold
from fireline.store.measures import change, known, of_row, row_of
from fireline.store.plain import plain
from fireline.store.rows import Claim
from fireline.store.tables import measures
from fireline.terms.measure import Measure
from fireline.terms.measure import MeasureState as S
from fireline.terms.timeline import Draft, EntryKind

_NOW = sa.bindparam("now", type_=sa.BigInteger)
_MAY_CLAIM = sa.or_(
    sa.and_(
        measures.c.state == S.REQUESTED.value,
        sa.or_(measures.c.not_before.is_(None), measures.c.not_before <= _NOW),
    ),
    sa.and_(measures.c.state == S.CLAIMED.value, measures.c.lease_until <= _NOW),
)
_CLAIMABLE = sa.select(measures).where(_MAY_CLAIM).order_by(measures.c.requested_at, measures.c.id)
_CLAIM = (
    measures.update()
    .where(measures.c.id == sa.bindparam("of"), _MAY_CLAIM)
    .values(
        state=S.CLAIMED.value,
        worker=sa.bindparam("by"),
        lease_until=sa.bindparam("until"),
        attempts=measures.c.attempts + 1,
        not_before=None,
    )
)


def claimable(connection: sa.Connection, at: datetime) -> list[Measure]:
    """Measures waiting to be done at ``at``, oldest first: requested ones, and claimed ones whose lease
    lapsed."""
    return [of_row(row) for row in connection.execute(_CLAIMABLE, {"now": micros(at)}).mappings()]


def claim(
    connection: sa.Connection,
    measure: str,
    worker: str,
    at: datetime,
    lease: timedelta,
    inverse: Mapping[str, Any] | None,
) -> tuple[Claim, Draft] | None:
    """Take the right to do ``measure`` and the entry that says so, or None when another was first.

    The first ``inverse`` given stays: after the effect nobody can see any more what was before it.
    """
    found = row_of(connection, measure)
    if found is None:
        return None
    hold(connection, "incident", found["incident"])
    before = known(connection, measure)
    until = micros(at + lease)
    changed = connection.execute(_CLAIM, {"of": measure, "now": micros(at), "by": worker, "until": until})
    if changed.rowcount != 1:
        return None
    if inverse is not None and not before["inverse_fixed"]:
        change(connection, measure, inverse=plain(inverse), inverse_fixed=True)
    row = known(connection, measure)
    because = f"{worker} does it, for {lease.total_seconds():.0f} s at most"
    if before["state"] == S.CLAIMED.value:
        because = f"{before['worker']} did not finish in time; {because}"
    data = {
        "measure": measure,
        "worker": worker,
        "attempt": row["attempts"],
        "until": iso(from_micros(until)),
        "inverse": row["inverse"],
    }
    claimed = Claim(of_row(row), worker, row["attempts"], from_micros(until))
    return claimed, Draft(EntryKind.CLAIMED, because, data, by=worker)


def applied(
    connection: sa.Connection, held: Claim, receipt: Mapping[str, Any], at: datetime, because: str
) -> Draft | None:
    """Write the receipt; None when the claim is not held any more, and then nothing is written."""
    values = {
        "state": S.APPLIED.value,
        "applied_at": micros(at),
        "receipt": plain(receipt),
        "lease_until": None,
    }
    if not _settle(connection, held, values):
        return None
    data = {"measure": held.measure.id, "receipt": receipt}
    return Draft(EntryKind.APPLIED, because, data, by=held.worker)


def failed(
    connection: sa.Connection,
    held: Claim,
    because: str,
    at: datetime,
    permanent: bool,
    retry_at: datetime | None,
) -> Draft | None:
    """Give up for good, or hand it back to be tried from ``retry_at`` on; None when the claim is not held."""
    if permanent:
        values: dict[str, Any] = {"state": S.FAILED.value, "ended_at": micros(at), "lease_until": None}
    else:
        values = {"state": S.REQUESTED.value, "lease_until": None, "not_before": micros(retry_at or at)}
    if not _settle(connection, held, values):
        return None
    data: dict[str, Any] = {"measure": held.measure.id, "permanent": permanent}
    if not permanent:
        data["retry_at"] = iso(retry_at or at)
    return Draft(EntryKind.FAILED, because, data, by=held.worker)


def _settle(connection: sa.Connection, held: Claim, values: Mapping[str, Any]) -> bool:
    hold(connection, "incident", held.measure.incident)
    changed = connection.execute(
        measures.update()
        .where(
            measures.c.id == held.measure.id,
            measures.c.state == S.CLAIMED.value,
            measures.c.attempts == held.attempt,
        )
        .values(values)
    )
    return changed.rowcount == 1
