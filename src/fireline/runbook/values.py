"""How single values are written in a runbook: durations, instants, zones, families."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, ValidationInfo, WithJsonSchema
from pydantic_core import PydanticCustomError

from fireline.clock import iso, parse_time
from fireline.runbook.durations import parse_duration, write_duration
from fireline.terms.alert import FAMILIES

Dates = Literal["day_first", "month_first"]
"""What comes first in dates that are written with slashes."""


def _wrong(says: str, value: object) -> PydanticCustomError:
    return PydanticCustomError("value", says, {"value": repr(value)})


def _as_duration(value: object) -> timedelta:
    if isinstance(value, timedelta):
        length = value
    elif isinstance(value, str):
        try:
            length = parse_duration(value)
        except ValueError as error:
            raise PydanticCustomError("duration", "{says}", {"says": str(error)}) from None
    else:
        raise _wrong("{value} has no unit: write a length of time such as 15m, 6h or 7d", value)
    if length < timedelta(0):
        raise _wrong("{value} is negative: a length of time cannot be", value)
    return length


def _as_instant(value: object, info: ValidationInfo) -> datetime:
    zone = (info.context or {}).get("timezone", "UTC")
    if isinstance(value, datetime):
        if value.tzinfo is None:
            value = value.replace(tzinfo=ZoneInfo(zone))
        return value.astimezone(UTC)
    if not isinstance(value, str):
        raise _wrong("{value} is not a time: write it as 2013-03-18T06:00:00Z", value)
    try:
        return parse_time(value, zone)
    except ValueError:
        raise _wrong("{value} is not a time: write it as 2013-03-18T06:00:00Z", value) from None


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


@cache
def zones() -> frozenset[str]:
    """Every time zone there is: read from disk once."""
    return frozenset(available_timezones())


def _known_zone(name: str) -> str:
    if name not in zones():
        raise PydanticCustomError(
            "unknown_timezone",
            "{name} is not a time zone; names look like Europe/Paris",
            {"name": repr(name)},
        )
    return name


def _known_family(name: str) -> str:
    if name not in FAMILIES:
        raise PydanticCustomError(
            "unknown_family", "{name} is not a family of monitors", {"name": repr(name), "expected": FAMILIES}
        )
    return name


Duration = Annotated[
    timedelta,
    BeforeValidator(_as_duration),
    PlainSerializer(write_duration, return_type=str),
    WithJsonSchema({"type": "string", "format": "duration", "examples": ["15m", "6h", "7d"]}),
]
"""A length of time, written 90s, 15m, 6h, 7d."""

Instant = Annotated[
    datetime,
    BeforeValidator(_as_instant),
    PlainSerializer(iso, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""An instant in ISO 8601; without an offset it is taken in the runbook's time zone."""

TimeZone = Annotated[str, AfterValidator(_known_zone)]
Family = Annotated[str, AfterValidator(_known_family)]
Share = Annotated[float, Field(ge=0, le=1)]
OneOrMore = BeforeValidator(_as_list)
