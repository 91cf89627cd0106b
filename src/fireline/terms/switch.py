"""A switch: what the data plane is told, as data with a version and an expiry. The only way back to
production."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any, Protocol

from fireline.clock import iso, parse_time
from fireline.errors import FirelineError


class StaleSwitch(FirelineError):
    """A newer switch is out: this one comes too late and is not obeyed."""


@dataclass(frozen=True, slots=True)
class Route:
    """Where some calls go instead of where they would: to a model ``version``, or to a ``rung`` of the
    ladder.

    ``share`` of the calls in ``segment`` (every column must have that value; None is all calls) take this
    route until ``expires_at``. ``measure`` is the measure that asked for it, so that it can be taken off
    again. Raises ValueError when it names both or neither of version and rung, or a share outside 0 to 1.
    """

    measure: str
    version: str | None = None
    rung: str | None = None
    share: float = 1.0
    segment: Mapping[str, str] | None = None
    expires_at: datetime | None = None

    def __post_init__(self) -> None:
        if (self.version is None) == (self.rung is None):
            raise ValueError("a route leads to a version or to a rung, and to one of them only")
        if not 0.0 <= self.share <= 1.0:
            raise ValueError(f"a share lies between 0 and 1, not at {self.share}")

    def takes(self, place: float, segments: Mapping[str, str], now: datetime) -> bool:
        """Whether a call at ``place`` (see ``place_of``) with these segment values goes this way now."""
        if self.expires_at is not None and now >= self.expires_at:
            return False
        if any(segments.get(column) != value for column, value in (self.segment or {}).items()):
            return False
        return place < self.share

    def __str__(self) -> str:
        where = f"version {self.version}" if self.version is not None else f"rung {self.rung}"
        whom = ", ".join(f"{column}={value}" for column, value in sorted((self.segment or {}).items()))
        return f"{self.share:.0%} of {whom or 'all calls'} to {where}"

    def as_json(self) -> dict[str, Any]:
        return {
            "measure": self.measure,
            "version": self.version,
            "rung": self.rung,
            "share": self.share,
            "segment": dict(self.segment) if self.segment else None,
            "expires_at": iso(self.expires_at) if self.expires_at else None,
        }

    @classmethod
    def of_json(cls, data: Mapping[str, Any]) -> Route:
        """The route that ``as_json`` wrote. Raises ValueError or KeyError when it is not one."""
        return cls(
            measure=data["measure"],
            version=data.get("version"),
            rung=data.get("rung"),
            share=float(data.get("share", 1.0)),
            segment=dict(data["segment"]) if data.get("segment") else None,
            expires_at=parse_time(data["expires_at"]) if data.get("expires_at") else None,
        )


@dataclass(frozen=True, slots=True)
class Switch:
    """Everything the data plane of one service is told, in one value that replaces the one before.

    ``version`` counts up within a service: a lower one that arrives late is refused, so a worker that woke up
    too late can do no harm. The first of ``routes`` that takes a call decides; calls that none takes go
    where they went before there was any switch. After ``expires_at`` the switch is as if it had never been.
    """

    service: str
    version: int
    routes: tuple[Route, ...]
    issued_at: datetime
    expires_at: datetime | None
    because: str

    def route_for(self, place: float, segments: Mapping[str, str], now: datetime) -> Route | None:
        """The route of a call at ``place`` with these segment values, None for the usual way."""
        if self.expires_at is not None and now >= self.expires_at:
            return None
        return next((route for route in self.routes if route.takes(place, segments, now)), None)

    def __str__(self) -> str:
        return "; then ".join(str(route) for route in self.routes) or "all calls the usual way"

    def as_json(self) -> dict[str, Any]:
        return {
            "service": self.service,
            "version": self.version,
            "routes": [route.as_json() for route in self.routes],
            "issued_at": iso(self.issued_at),
            "expires_at": iso(self.expires_at) if self.expires_at else None,
            "because": self.because,
        }

    @classmethod
    def of_json(cls, data: Mapping[str, Any]) -> Switch:
        """The switch that ``as_json`` wrote. Raises ValueError or KeyError when it is not one."""
        return cls(
            service=data["service"],
            version=int(data["version"]),
            routes=tuple(Route.of_json(route) for route in data["routes"]),
            issued_at=parse_time(data["issued_at"]),
            expires_at=parse_time(data["expires_at"]) if data.get("expires_at") else None,
            because=data["because"],
        )


@dataclass(frozen=True, slots=True)
class Told:
    """What a switch board answers: the version out now, whether it had been told before, and that in
    words."""

    version: int
    already: bool
    words: str


class SwitchBoard(Protocol):
    """Where switches are put so that the data plane obeys them.

    ``put`` does a thing once per ``key``: told the same key again it changes nothing and answers ``already``.
    A switch whose version is not above the one that is out raises StaleSwitch. Whoever reads the answer knows
    that the board was told, not that the traffic obeys: that is confirmed in the traffic itself.
    """

    def current(self, service: str) -> Switch | None:
        """The switch that is out for ``service``, None when there never was one."""
        ...

    def put(self, switch: Switch, key: str) -> Told:
        """Put ``switch`` out in place of the one before."""
        ...


def amended(
    before: Switch | None,
    service: str,
    version: int,
    at: datetime,
    because: str,
    add: tuple[Route, ...] = (),
    drop: str | None = None,
) -> Switch:
    """The switch after ``before`` with ``add`` in front, without the routes of measure ``drop`` and expired
    ones.

    Amending twice is amending once: a route replaces what its own measure asked for before.
    """
    gone = {drop, *(route.measure for route in add)}
    kept = [
        route
        for route in (before.routes if before else ())
        if route.measure not in gone and (route.expires_at is None or route.expires_at > at)
    ]
    routes = (*add, *kept)
    return Switch(service, version, routes, at, _last_expiry(routes), because)


def _last_expiry(routes: Iterable[Route]) -> datetime | None:
    ends = [route.expires_at for route in routes]
    known = [end for end in ends if end is not None]
    return max(known) if known and len(known) == len(ends) else None


def place_of(request_id: str) -> float:
    """Where a call stands between 0 and 1: the same for the same request on every machine, evenly spread.

    >>> place_of("req-1") == place_of("req-1")
    True
    """
    return int.from_bytes(blake2b(request_id.encode(), digest_size=7).digest(), "big") / 2**56
