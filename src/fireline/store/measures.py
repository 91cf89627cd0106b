"""Measures as rows: out of an entry's JSON into the table, and out of the table as the vocabulary's
Measure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache
from typing import Any

import sqlalchemy as sa

from fireline.clock import from_micros, micros, parse_time
from fireline.errors import StoreError
from fireline.store.plain import clean, plain
from fireline.store.tables import measures
from fireline.terms.measure import Measure, MeasureState

_ROW = sa.select(measures).where(measures.c.id == sa.bindparam("of"))


def row_for(
    body: Mapping[str, Any], incident: str, service: str, state: MeasureState, ordinal: int
) -> dict[str, Any]:
    """The new row for a measure that an entry carries as ``Measure.as_json`` wrote it."""
    try:
        return {
            "id": str(body["id"]),
            "incident": incident,
            "service": service,
            "ordinal": ordinal,
            "action": str(body["action"]),
            "params": plain(body["params"]),
            "because": clean(str(body["because"])),
            "authority": str(body["authority"]),
            "state": state.value,
            "simulated": bool(body["simulated"]),
            "temporary": bool(body.get("temporary", True)),
            "expected": clean(str(body.get("expected") or "")),
            "dry_run": clean(str(body.get("dry_run") or "")),
            "inverse": plain(body.get("inverse") or {}),
            "inverse_fixed": False,
            "requested_at": moment(body["requested_at"]),
            "expires_at": moment(body.get("expires_at")),
            "approver": body.get("approver"),
            "attempts": 0,
            "receipt": {},
        }
    except KeyError as e:
        raise StoreError(f"a measure without {e}", todo="put Measure.as_json() into the entry") from e


def moment(text: Any) -> int | None:
    """Microseconds of an ISO time, None for none."""
    return micros(parse_time(str(text))) if text is not None else None


def of_row(row: Mapping[Any, Any]) -> Measure:
    """The measure that a row of the table stands for."""

    def at(name: str) -> Any:
        return from_micros(row[name]) if row[name] is not None else None

    return Measure(
        id=row["id"],
        incident=row["incident"],
        service=row["service"],
        action=row["action"],
        params=row["params"],
        because=row["because"],
        authority=row["authority"],
        state=MeasureState(row["state"]),
        requested_at=from_micros(row["requested_at"]),
        simulated=bool(row["simulated"]),
        expected=row["expected"],
        dry_run=row["dry_run"],
        inverse=row["inverse"],
        temporary=bool(row["temporary"]),
        expires_at=at("expires_at"),
        applied_at=at("applied_at"),
        confirmed_at=at("confirmed_at"),
        ended_at=at("ended_at"),
        approver=row["approver"],
        receipt=row["receipt"],
        effect=row["effect"],
        ordinal=row["ordinal"],
    )


def row_of(connection: sa.Connection, measure: str) -> dict[str, Any] | None:
    """The stored row of a measure, or None."""
    found = connection.execute(_ROW, {"of": measure}).mappings().first()
    return dict(found) if found is not None else None


def known(connection: sa.Connection, measure: str) -> dict[str, Any]:
    """The stored row of a measure; StoreError when there is none."""
    row = row_of(connection, measure)
    if row is None:
        raise StoreError(f"measure {measure} is not known", todo="append its `requested` entry first")
    return row


def change(connection: sa.Connection, measure: str, **values: Any) -> None:
    """Set columns of one measure, whatever its state; StoreError when there is none."""
    if connection.execute(measures.update().where(measures.c.id == measure).values(values)).rowcount != 1:
        raise StoreError(f"measure {measure} is not known", todo="append its `requested` entry first")


@cache
def _question(service: bool, incident: bool, states: bool) -> sa.Select[Any]:
    query = sa.select(measures).order_by(measures.c.requested_at, measures.c.service, measures.c.ordinal)
    if service:
        query = query.where(measures.c.service == sa.bindparam("of"))
    if incident:
        query = query.where(measures.c.incident == sa.bindparam("about"))
    if states:
        query = query.where(measures.c.state.in_(sa.bindparam("states", expanding=True)))
    return query


def read(
    connection: sa.Connection,
    service: str | None = None,
    incident: str | None = None,
    states: Collection[MeasureState] | None = None,
) -> list[Measure]:
    """Measures in the order of their requests."""
    asked: dict[str, Any] = {}
    if service is not None:
        asked["of"] = service
    if incident is not None:
        asked["about"] = incident
    if states is not None:
        asked["states"] = sorted(state.value for state in states)
    query = _question("of" in asked, "about" in asked, "states" in asked)
    return [of_row(row) for row in connection.execute(query, asked).mappings()]
