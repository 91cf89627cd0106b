"""Which way a call goes: the switch and the deployment, worked out once so that a call only compares."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from fireline.guard.ladder import Ladder, Way
from fireline.terms.switch import Route, Switch, place_of

Segments = Mapping[str, str]
Condition = tuple[tuple[str, str], ...]
FOREVER = float("inf")


class Plan:
    """The routes in force until ``until`` (seconds since 1970), first match first, then the deployment's
    split.

    ``only`` is the one way every call goes, None where it depends on the call. ``lost`` are the routes that
    lead to a version or rung this ladder has not; calls go past them.
    """

    __slots__ = ("lost", "only", "routes", "split", "until", "usual")

    def __init__(
        self,
        usual: Way,
        routes: tuple[tuple[float, Condition, Way], ...],
        split: tuple[tuple[float, Way], ...],
        until: float,
        lost: tuple[Route, ...],
    ) -> None:
        self.usual, self.routes, self.split, self.until, self.lost = usual, routes, split, until, lost
        self.only = _only(usual, routes, split)

    def way(self, sticky: str, segments: Segments | None) -> Way:
        """Where a call goes that is ``sticky`` by this key and has these ``segments``."""
        place = -1.0
        for share, wanted, way in self.routes:
            if wanted and not _in(wanted, segments):
                continue
            if share >= 1.0:
                return way
            if place < 0.0:
                place = place_of(sticky)
            if place < share:
                return way
        for top, way in self.split:
            if top >= 1.0:
                return way
            if place < 0.0:
                place = place_of(sticky)
            if place < top:
                return way
        return self.usual


def _in(wanted: Condition, segments: Segments | None) -> bool:
    if not segments:
        return False
    for column, value in wanted:
        has = segments.get(column)
        if has is None or str(has) != value:
            return False
    return True


def _only(
    usual: Way, routes: tuple[tuple[float, Condition, Way], ...], split: tuple[tuple[float, Way], ...]
) -> Way | None:
    if routes:
        share, wanted, way = routes[0]
        return way if share >= 1.0 and not wanted else None
    if split:
        return split[0][1] if split[0][0] >= 1.0 else None
    return usual


def plan(ladder: Ladder, switch: Switch | None, deploy: Mapping[str, float], now: float) -> Plan:
    """The plan for ``ladder`` at ``now`` under ``switch`` (None: never told) and the split ``deploy``.

    ``deploy`` maps versions (or rung names) to shares of the calls, the rest goes to the current rung; shares
    that add up to more than 1 are scaled down. Raises ValueError when it names a version nobody has.
    """
    usual = ladder.usual()
    routes, lost, ends = [], [], [FOREVER]
    over = switch is None or (switch.expires_at is not None and seconds(switch.expires_at) <= now)
    if switch is not None and not over:
        ends.append(seconds(switch.expires_at) if switch.expires_at else FOREVER)
        for route in switch.routes:
            end = seconds(route.expires_at) if route.expires_at else FOREVER
            way = ladder.to(route)
            if end <= now or route.share <= 0.0:
                continue
            if way is None:
                lost.append(route)
                continue
            ends.append(end)
            routes.append((route.share, tuple(sorted((route.segment or {}).items())), way))
    return Plan(usual, tuple(routes), _split(ladder, deploy), min(ends), tuple(lost))


def _split(ladder: Ladder, deploy: Mapping[str, float]) -> tuple[tuple[float, Way], ...]:
    total = sum(deploy.values())
    if any(share < 0 for share in deploy.values()):
        raise ValueError(f"a share of a deployment is not below 0: {dict(deploy)}")
    tops, top = [], 0.0
    for name, share in deploy.items():
        way = ladder.version(name) or ladder.rung(name)
        if way is None:
            raise ValueError(f"no rung has the version {name!r} that is to be deployed")
        top += share / max(total, 1.0)
        if share:
            tops.append((1.0 if top > 1.0 - 1e-12 else top, Way(way.rung, way.at, "current")))
    return tuple(tops)


def seconds(at: datetime) -> float:
    """``at`` as seconds since 1970."""
    return at.timestamp()


def instant(seconds_since: float) -> datetime:
    """The aware UTC time of ``seconds_since`` 1970."""
    return datetime.fromtimestamp(seconds_since, UTC)
