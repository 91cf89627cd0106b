"""Time: the only place that asks what time it is, and the only words for instants.

An instant is a timezone-aware UTC ``datetime``; in arrays it is an int64 of microseconds since 1970.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROS = 1_000_000
DOTTED = re.compile(r"(\d\d?)\.(\d\d?)\.(\d{4})(?:([T ])\s*(\S.*))?$")


class Clock(Protocol):
    """What tells the time. The core never reads any other clock."""

    def now(self) -> datetime:
        """The current instant, aware, in UTC."""
        ...


class SystemClock:
    """The wall clock of this machine."""

    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass
class ManualClock:
    """A clock that moves only when told to: replay, drills and tests run on it."""

    at: datetime
    on_move: Callable[[datetime], None] | None = field(default=None, repr=False)

    def now(self) -> datetime:
        return self.at

    def move_to(self, at: datetime) -> None:
        """Set the time to ``at``; a clock never goes back."""
        if at < self.at:
            raise ValueError(f"a clock does not go back: {iso(at)} is before {iso(self.at)}")
        self.at = at
        if self.on_move is not None:
            self.on_move(at)

    def advance(self, by: timedelta) -> None:
        self.move_to(self.at + by)


def iso(at: datetime) -> str:
    """``at`` as ISO 8601 in UTC with a trailing Z; fractions only where there are any.

    >>> iso(datetime(2013, 3, 18, 6, 0, tzinfo=UTC))
    '2013-03-18T06:00:00Z'
    """
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def parse_time(text: str, timezone: str = "UTC") -> datetime:
    """Read ISO 8601, or a date with dots and the day first; a time without an offset is taken in
    ``timezone``.

    Raises ValueError when ``text`` is not a time.

    >>> iso(parse_time("2013-03-18 02:00", "America/New_York"))
    '2013-03-18T06:00:00Z'
    >>> iso(parse_time("18.3.2013 6:00"))
    '2013-03-18T06:00:00Z'
    """
    plain = text.strip()
    if dotted := DOTTED.match(plain):
        day, month, year, gap, rest = dotted.groups("")
        plain = f"{year}-{month:0>2}-{day:0>2}{gap}{'0' if rest[1:2] == ':' else ''}{rest}"
    at = datetime.fromisoformat(plain.replace("Z", "+00:00"))
    if at.tzinfo is None:
        at = at.replace(tzinfo=ZoneInfo(timezone))
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{text!r} lies beyond the years that can be told") from None


def micros(at: datetime) -> int:
    """Microseconds since 1970, exactly."""
    delta = at - EPOCH
    return (delta.days * 86_400 + delta.seconds) * MICROS + delta.microseconds


def from_micros(value: int) -> datetime:
    """The instant ``value`` microseconds after 1970."""
    return EPOCH + timedelta(microseconds=int(value))
