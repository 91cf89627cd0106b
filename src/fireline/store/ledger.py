"""The measures: where each stands, who holds the right to do it, and what may follow what.

The table is a projection of the journal that adds the claims. Every change of a measure is an entry, and
entry and change are one transaction: `follow` is called for each entry that is appended.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from fireline.clock import micros
from fireline.errors import MeasureInFlight, StateError, StoreError
from fireline.store import journal
from fireline.store.locks import hold
from fireline.store.measures import change, row_for, row_of
from fireline.store.plain import clean, plain
from fireline.store.refusals import is_second_in_flight
from fireline.store.tables import IN_FLIGHT_WORDS, measures
from fireline.terms.guards import MEASURE_FROM
from fireline.terms.measure import MeasureState
from fireline.terms.timeline import Draft, EntryKind

S = MeasureState

TO: Mapping[EntryKind, MeasureState] = {
    EntryKind.APPROVED: S.REQUESTED,
    EntryKind.DENIED: S.DENIED,
    EntryKind.CONFIRMED: S.CONFIRMED,
    EntryKind.FAILED: S.FAILED,
    EntryKind.UNDONE: S.UNDONE,
    EntryKind.KEPT: S.CONFIRMED,
    EntryKind.EXPIRED: S.EXPIRED,
    EntryKind.FREED: S.FREED,
}
"""Where an entry moves a measure; from which states is said once, in ``terms.guards``."""

OPENING = {EntryKind.ASKED: S.ASKED, EntryKind.REQUESTED: S.REQUESTED}
BY_CLAIM = {EntryKind.CLAIMED: "tx.claim", EntryKind.APPLIED: "tx.applied"}
ENDED = (S.UNDONE, S.EXPIRED, S.FREED, S.DENIED, S.FAILED)


def follow(connection: sa.Connection, incident: str, draft: Draft, at: datetime) -> None:
    """Do to the measures what ``draft`` says, before it is written; nothing for entries about other things.

    Raises MeasureInFlight when another measure of the service is in flight, StoreError when the measure's
    state does not allow it.
    """
    kind = draft.kind
    if kind in OPENING or kind in TO:
        hold(connection, "incident", incident)
    if kind in OPENING:
        _open(connection, incident, draft, at)
    elif kind in TO:
        _move(connection, incident, draft, at)
    elif kind is EntryKind.EFFECT:
        change(connection, _named(draft), effect=plain(draft.data.get("effect")))
    elif kind in BY_CLAIM:
        raise StoreError(
            f"an entry of kind {kind.value} comes from a claim", todo=f"call {BY_CLAIM[kind]} instead"
        )


def _named(draft: Draft) -> str:
    measure = draft.data.get("measure")
    if not isinstance(measure, str):
        raise StoreError(
            f"an entry of kind {draft.kind.value} must name its measure", todo='put its id under "measure"'
        )
    return measure


def _open(connection: sa.Connection, incident: str, draft: Draft, at: datetime) -> None:
    body = draft.data.get("measure")
    if not isinstance(body, Mapping):
        raise StoreError(
            f"an entry of kind {draft.kind.value} must carry its measure", todo="put Measure.as_json() in it"
        )
    before = row_of(connection, str(body["id"]))
    if before is not None:
        if before["state"] != S.ASKED.value or draft.kind is not EntryKind.REQUESTED:
            raise StoreError(f"measure {before['id']} was requested before and is {before['state']}")
        change(connection, before["id"], state=S.REQUESTED.value, requested_at=micros(at))
        return
    service = journal.service_of(connection, incident)
    hold(connection, "service", service)
    row = row_for(body, incident, service, OPENING[draft.kind], _next_ordinal(connection, service))
    if draft.kind is EntryKind.REQUESTED:
        row["requested_at"] = micros(at)
    _insert(connection, row, service)


def _insert(connection: sa.Connection, row: dict[str, Any], service: str) -> None:
    try:
        with connection.begin_nested():
            connection.execute(measures.insert(), row)
    except sa.exc.IntegrityError as e:
        if not is_second_in_flight(e):
            raise
        query = measures.c.service == service, measures.c.state.in_(IN_FLIGHT_WORDS)
        other = connection.execute(sa.select(measures).where(*query)).mappings().first()
        what = f"{other['action']} ({other['id']}) is {other['state']}" if other else "another measure is"
        raise MeasureInFlight(
            f"one change at a time: {what} for {service}",
            todo="wait until it is confirmed, undone or expired, or free it if it hangs",
            permanent=False,
        ) from e


def _next_ordinal(connection: sa.Connection, service: str) -> int:
    query = sa.select(sa.func.max(measures.c.ordinal)).where(measures.c.service == service)
    return int(connection.execute(query).scalar() or 0) + 1


def _move(connection: sa.Connection, incident: str, draft: Draft, at: datetime) -> None:
    measure = _named(draft)
    allowed = MEASURE_FROM[draft.kind]
    if draft.kind is EntryKind.FAILED:
        allowed -= {
            S.CLAIMED
        }  # who claimed it says so with tx.failed, and is asked whether it still holds the claim
    changed = connection.execute(
        measures.update()
        .where(
            measures.c.id == measure,
            measures.c.incident == incident,
            measures.c.state.in_(sorted(state.value for state in allowed)),
        )
        .values(_moved(draft, at))
    )
    if changed.rowcount != 1:
        raise _why_not(connection, measure, incident, draft.kind.value)


def _moved(draft: Draft, at: datetime) -> dict[str, Any]:
    """The columns that change when a measure moves."""
    to = TO[draft.kind]
    values: dict[str, Any] = {"state": to.value}
    if draft.kind is EntryKind.KEPT:
        return values | {"temporary": False, "expires_at": None}
    if draft.kind is EntryKind.APPROVED:
        return values | {"approver": clean(draft.by), "requested_at": micros(at)}
    if to is S.CONFIRMED:
        values["confirmed_at"] = micros(at)
    if to in ENDED:
        values["ended_at"] = micros(at)
    return values


def _why_not(connection: sa.Connection, measure: str, incident: str, word: str) -> StoreError | StateError:
    row = row_of(connection, measure)
    if row is None:
        return StoreError(f"measure {measure} is not known", todo="append its `requested` entry first")
    if row["incident"] != incident:
        return StoreError(f"measure {measure} belongs to incident {row['incident']}, not to {incident}")
    return StateError(f"measure {measure} is {row['state']} and cannot be {word}", todo="read it again")
