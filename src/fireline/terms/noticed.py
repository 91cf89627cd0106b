"""When an incident was noticed: one answer for every page, counted from the earliest onset."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from fireline.clock import parse_time
from fireline.terms import words


def noticed_at(alerts: Iterable[Mapping[str, Any]], opened: datetime) -> datetime:
    """When the first page fired; the first ticket where nothing paged; ``opened`` where nobody was alerted.

    ``alerts`` are as ``incidents.json`` holds them.
    """
    first = _first(alerts, "page") or _first(alerts, "ticket")
    return first if first is not None else opened


def noticed_in_words(
    alerts: Iterable[Mapping[str, Any]], opened: datetime, onset: datetime, timezone: str
) -> str:
    """Until when, and how long since the earliest onset: the page, and the ticket before it if there was one.

    "" where it was noticed before the onset, as a person may who declares an incident.
    """
    told = list(alerts)
    at, page, ticket = noticed_at(told, opened), _first(told, "page"), _first(told, "ticket")
    if at <= onset:
        return ""
    what = "Paged" if page is not None else "A ticket" if ticket is not None else "Opened"
    says = f"{what} at {words.day_time(at, timezone)}, {words.length(at - onset)} after the earliest onset"
    if page is not None and ticket is not None and onset < ticket < page:
        says += f"; a ticket told of it {words.length(ticket - onset)} after that onset"
    return f"{says}."


def _first(alerts: Iterable[Mapping[str, Any]], urgency: str) -> datetime | None:
    return min((parse_time(a["fired_at"]) for a in alerts if a["urgency"] == urgency), default=None)
