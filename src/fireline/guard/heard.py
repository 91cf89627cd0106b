"""A clock that is told the time: for drills and demos, where a player owns the clock."""

from __future__ import annotations

from datetime import datetime

from fireline.clock import iso, parse_time


class HeardClock:
    """Stands at ``at`` until it hears a later time; never goes back, whatever it hears.

    ``Guard(clock=HeardClock(...))`` moves it by the ``Fireline-Clock`` header of the server, which only a
    server in demo or drill mode sends. Whoever plays the requests may ``hear`` as well.

    >>> from datetime import UTC
    >>> clock = HeardClock(datetime(2013, 3, 18, 6, tzinfo=UTC))
    >>> clock.hear("2013-03-18T08:00:00Z")
    >>> clock
    HeardClock('2013-03-18T08:00:00Z')
    """

    def __init__(self, at: datetime) -> None:
        self._at = at

    def now(self) -> datetime:
        """The latest time heard."""
        return self._at

    def hear(self, text: str) -> None:
        """It is ``text`` (ISO 8601) now, at least. Raises ValueError where that is no time."""
        at = parse_time(text)
        if at > self._at:
            self._at = at

    def __repr__(self) -> str:
        return f"HeardClock({iso(self._at)!r})"
