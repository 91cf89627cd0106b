"""The guard: stands around a model's call, routes it, watches it, and lets it fall softly."""

from __future__ import annotations

import atexit
import logging
import threading
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import count
from pathlib import Path
from random import Random
from time import perf_counter
from typing import Any, Self

from fireline.clock import Clock, SystemClock
from fireline.guard.decide import Decision, admitted
from fireline.guard.decorate import Decorating
from fireline.guard.descent import Descent, no_coroutine
from fireline.guard.forked import renew_after_fork
from fireline.guard.heard import HeardClock
from fireline.guard.ladder import Ladder, Rung, Way
from fireline.guard.plan import FOREVER, Plan, instant, plan
from fireline.guard.pool import Pool
from fireline.guard.settings import settings, wall_of
from fireline.guard.shadow import Shadows
from fireline.guard.state import of_ladder, of_plan
from fireline.guard.streams import LATER
from fireline.guard.walk import Asked, Walk
from fireline.guard.wire import Sink, Wire
from fireline.terms.switch import Switch

log = logging.getLogger("fireline.guard")
Values = Mapping[str, Any]


class Guard(Decorating):
    """Guards the calls of ``service``: routing, breakers, the fallback ladder, shadow calls and events.

    A call goes where the switch says, else where ``deploy`` says (``{"B": 0.05}``: that share of calls to
    version B, the rest to the current rung), else to the current rung. A rung that fails, takes too long or
    whose breaker is open falls to the next lower one. Each call leaves an event in a bounded outbox.

    ``url``, ``token`` and ``switch_key`` come from FIRELINE_URL, FIRELINE_TOKEN and FIRELINE_SWITCH_KEY
    unless given; without a URL the guard works alone, and ``url=""`` keeps it alone. ``state`` is the folder
    where the last switch is kept. ``describe(answer)`` gives what an event says of an answer: ``{"score":
    ..., "prediction": ...}``. ``shadow`` names versions or rungs called beside the real call, with shares if
    it is a mapping; ``exercise`` is the share of calls copied to a lower rung, so that none rusts. ``sample``
    is the share of good calls whose event is sent; failures always are. ``clock`` is for drills. ``sink``
    gets events instead of the server. ``outbox`` holds options of Outbox.

    No thread begins before the first call or ``start()``. Safe to share between threads, tasks and forks.

    >>> guard = Guard("pricing", url="", rungs=[
    ...     Rung("current", version="B", call=lambda x: 1 / x),
    ...     Rung("rules", kind="rules", call=lambda x: 0.5),
    ... ])
    >>> guard.call(4, key="req-1"), guard.call(0, key="req-2")
    (0.25, 0.5)
    """

    def __init__(
        self,
        service: str,
        rungs: Sequence[Rung] = (),
        *,
        url: str | None = None,
        token: str | None = None,
        switch_key: str | None = None,
        state: Path | str | None = None,
        deploy: Mapping[str, float] | None = None,
        describe: Callable[[Any], Values | None] | None = None,
        shadow: Mapping[str, float] | Iterable[str] = (),
        exercise: float = 0.001,
        sample: float = 1.0,
        clock: Clock | None = None,
        sink: Sink | None = None,
        stale_after: float = 60.0,
        wait: float = 25.0,
        outbox: Mapping[str, Any] | None = None,
    ) -> None:
        if not 0.0 < sample <= 1.0:
            raise ValueError(f"the share of events sent lies above 0 and not above 1, not at {sample}")
        self.service, self.ladder, self.sample = service, Ladder(rungs), sample
        self.switch: Switch | None = None
        self.undescribed = 0
        self._wall = wall_of(clock)
        self._describe, self._weight = describe, 1.0 / sample
        self._deploy = dict(deploy or {})
        self._numbers, self._lock = count(1), threading.Lock()
        self._plan, self._until, self._wish, self._version = _NO_PLAN, -FOREVER, 0, 0
        self._pool = Pool("fireline-beside", threads=2, room=100)
        self._descent = Descent(self._after)
        self.shadows = Shadows(self.ladder, shadow, exercise, self._pool, self._record_shadow)
        self._beside = False
        self.wire = Wire(
            service,
            settings(url, token, switch_key, state),
            self.obey,
            sink=sink,
            age=clock is None or type(clock) is SystemClock,
            stale_after=stale_after,
            wait=wait,
            outbox=outbox or {},
            hear=clock.hear if isinstance(clock, HeardClock) else None,
        )
        self._put = self.wire.put
        self._chance = Random(self.wire.who).random  # which good calls are sampled; seeded by the guard's id
        renew_after_fork(self)
        atexit.register(_at_exit, weakref.ref(self))

    def call(
        self,
        *args: Any,
        key: str | None = None,
        sticky: str | None = None,
        segments: Values | None = None,
        features: Values | None = None,
        flags: Values | None = None,
    ) -> Any:
        """The answer of whichever rung is to answer, called with ``args``.

        ``key`` is the request's id, under which its event and later its label are known; calls are routed
        stickily by it, or by ``sticky`` (a customer, say) where given. The mappings go into the event as they
        are and are not copied. Raises what the last rung raised, or Refused; TypeError where a rung is
        asynchronous.
        """
        at = self._wall()
        if at >= self._until:
            self._replan(at)
        if key is None:
            key = next(self._numbers)  # type: ignore[assignment]
        elif key.__class__ is not str:
            key = str(key)
        way = self._plan.only
        if way is None:
            way = self._plan.way(str(key if sticky is None else sticky), segments)
        rung = way.rung
        breaker = rung.breaker
        if not (rung.plain and breaker.closed):
            return self._descent.take(
                Walk(self.ladder, Asked(at, key, segments, features, flags), self._record), way, args
            )
        ticket = breaker.generation
        began = perf_counter()
        try:
            answer = rung.call(*args)  # type: ignore[misc]
        except BaseException as error:
            took = perf_counter() - began
            walk = Walk(self.ladder, Asked(at, key, segments, features, flags), self._record)
            if not walk.failed(way, error, ticket, took):
                raise
            return self._descent.take(walk, way, args, tried=True)
        if answer.__class__ in LATER:
            walk = Walk(self.ladder, Asked(at, key, segments, features, flags), self._record)
            return walk.stream(way, no_coroutine(answer, rung), ticket, began)
        took = perf_counter() - began
        breaker.good(ticket)
        rung.answered += 1
        rung.last_answered = at
        if self.sample == 1.0 or self._chance() < self.sample:
            said = self._said(answer) if self._describe is not None else None
            self._put(
                (
                    at,
                    key,
                    way,
                    took,
                    "ok",
                    self._version,
                    False,
                    self._weight,
                    segments,
                    features,
                    flags,
                    said,
                )
            )
        if self._beside and (due := self.shadows.due()):
            self.shadows.after(Asked(at, key, segments, features, flags), rung, args, due)
        return answer

    async def acall(
        self,
        *args: Any,
        key: str | None = None,
        sticky: str | None = None,
        segments: Values | None = None,
        features: Values | None = None,
        flags: Values | None = None,
    ) -> Any:
        """As ``call``, for asynchronous rungs; synchronous ones may stand among them (they block the
        loop)."""
        at = self._wall()
        if at >= self._until:
            self._replan(at)
        if key is None:
            key = next(self._numbers)  # type: ignore[assignment]
        elif key.__class__ is not str:
            key = str(key)
        way = self._plan.only
        if way is None:
            way = self._plan.way(str(key if sticky is None else sticky), segments)
        rung = way.rung
        breaker = rung.breaker
        if not (rung.plain and breaker.closed):
            walk = Walk(self.ladder, Asked(at, key, segments, features, flags), self._record)
            return await self._descent.atake(walk, way, args)
        ticket = breaker.generation
        began = perf_counter()
        try:
            answer = rung.call(*args)  # type: ignore[misc]
            if rung.is_async or hasattr(answer, "__await__"):
                answer = await answer
        except BaseException as error:
            took = perf_counter() - began
            walk = Walk(self.ladder, Asked(at, key, segments, features, flags), self._record)
            if not walk.failed(way, error, ticket, took):
                raise
            return await self._descent.atake(walk, way, args, tried=True)
        if answer.__class__ in LATER:
            walk = Walk(self.ladder, Asked(at, key, segments, features, flags), self._record)
            return walk.stream(way, answer, ticket, began)
        took = perf_counter() - began
        breaker.good(ticket)
        rung.answered += 1
        rung.last_answered = at
        if self.sample == 1.0 or self._chance() < self.sample:
            said = self._said(answer) if self._describe is not None else None
            self._put(
                (
                    at,
                    key,
                    way,
                    took,
                    "ok",
                    self._version,
                    False,
                    self._weight,
                    segments,
                    features,
                    flags,
                    said,
                )
            )
        if self._beside and (due := self.shadows.due()):
            self.shadows.after(Asked(at, key, segments, features, flags), rung, args, due)
        return answer

    def decide(
        self,
        *,
        key: str | None = None,
        sticky: str | None = None,
        segments: Values | None = None,
        features: Values | None = None,
        flags: Values | None = None,
    ) -> Decision:
        """Which way a call is to go, for services that make it themselves and then say how it ended."""
        at = self._wall()
        if at >= self._until:
            self._replan(at)
        known: Any = next(self._numbers) if key is None else str(key)
        way = self._plan.only or self._plan.way(str(known if sticky is None else sticky), segments)
        way, ticket = admitted(self.ladder, way)
        return Decision(Asked(at, known, segments, features, flags), way, ticket, self._version, self.record)

    def deploy(self, split: Mapping[str, float]) -> None:
        """From the next call on, these shares of calls go to these versions, the rest to the current rung.

        Raises ValueError, and changes nothing, where nobody has such a version.
        """
        plan(self.ladder, self.switch, split, self._wall())
        self._deploy = dict(split)
        self._plan_anew()

    def obey(self, switch: Switch) -> None:
        """Follow ``switch`` from the next call on. The follower calls this, once it has verified it."""
        self.switch, self._version = switch, switch.version
        self._say_lost(sum(self.ladder.to(route) is None for route in switch.routes))
        self._plan_anew()

    def _say_lost(self, routes: int) -> None:
        """How many routes lead nowhere here: the server hears of it with the next question."""
        wire = getattr(self, "wire", None)  # none yet while the switch kept on disk is taken up
        if wire is not None and wire.follower is not None:
            wire.follower.passes = routes

    def label(self, request_id: str, label: Any, at: datetime | None = None) -> None:
        """Tell the server what turned out to be true of a request, known since ``at`` (now unless given)."""
        self.wire.label(request_id, label, at or instant(self._wall()))

    def start(self, wait: float | None = None) -> bool:
        """Begin to send and to follow now, not at the first call; ``wait`` so many seconds for the server.

        Whether the server has been heard.
        """
        return self.wire.start(wait)

    def flush(self, timeout: float = 2.0) -> bool:
        """Send what waits; whether all is away within ``timeout`` seconds."""
        return self.wire.flush(timeout)

    def close(self, timeout: float = 2.0) -> None:
        """Flush and stop for good; calls go on being guarded, by what is known."""
        self.wire.close(timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @property
    def plan(self) -> Plan:
        """The routes and the split in force now."""
        at = self._wall()
        if at >= self._until:
            self._replan(at)
        return self._plan

    @property
    def version(self) -> int:
        """The version of the switch that is obeyed, 0 when none was ever heard of."""
        return self._version

    @property
    def stale(self) -> bool:
        """Whether the server has been silent for so long that the switch may be out of date."""
        return self.wire.follower is not None and self.wire.follower.stale

    def status(self) -> dict[str, Any]:
        """All a page or a log line may want to know: the switch obeyed and whether it is stale, the routes,
        each rung with its breaker and when it was last exercised, the outbox. Plain data."""
        return {
            "service": self.service, "guard": self.wire.who, "version": self._version, "stale": self.stale,
            "plan": of_plan(self.plan), "rungs": of_ladder(self.ladder), "undescribed": self.undescribed,
            "shadows_dropped": self.shadows.dropped, **self.wire.status(),
        }  # fmt: skip

    def rung_added(self) -> None:
        """The ladder has grown."""
        self._plan_anew()

    def record(
        self,
        asked: Asked,
        way: Way,
        took: float,
        status: str,
        said: Values | None = None,
        unseen: bool = False,
    ) -> None:
        """Leave the event of a call made elsewhere; ``unseen`` where its caller got another answer."""
        parts = (asked.segments, asked.features, asked.flags, said)
        weight = self._weight if status == "ok" else 1.0
        if status != "ok" or self.sample == 1.0 or self._chance() < self.sample:
            self._put((asked.at, asked.key, way, took, status, self._version, unseen, weight, *parts))

    def after_fork(self) -> None:
        """The child begins its threads at its first call, under an id of its own."""
        self._lock = threading.Lock()
        self.wire.renamed()
        self._plan_anew()

    def _plan_anew(self) -> None:
        self._wish += 1
        self._until = -FOREVER

    def _replan(self, at: float) -> None:
        """Work out the routes for ``at``, and begin the threads, which have begun already but once."""
        with self._lock:
            if at >= self._until:
                wish = self._wish
                made = plan(self.ladder, self.switch, self._deploy, at)
                if made.lost and made.lost != self._plan.lost:
                    log.error(
                        "no rung for %s: calls go past it", "; ".join(str(route) for route in made.lost)
                    )
                self._plan, self._beside = made, self.shadows.wanted
                self._say_lost(len(made.lost))
                self._until = (
                    made.until if wish == self._wish else -FOREVER
                )  # wished anew meanwhile: look again
        self.wire.start()

    def _said(self, answer: Any) -> Values | None:
        if self._describe is None:
            return None
        try:
            return self._describe(answer)
        except Exception:  # a description that fails must not cost the answer
            self.undescribed += 1
            if self.undescribed == 1:
                log.warning("describe() failed on an answer: its event has no score", exc_info=True)
            return None

    def _record(
        self, asked: Asked, way: Way, took: float, status: str, answer: Any, unseen: bool = False
    ) -> None:
        said = self._said(answer) if status == "ok" and answer is not None else None
        self.record(asked, way, took, status, said, unseen)

    def _after(self, asked: Asked, live: Rung, args: tuple[Any, ...]) -> None:
        if self._beside and (due := self.shadows.due()):
            self.shadows.after(asked, live, args, due)

    def _record_shadow(self, asked: Asked, way: Way, took: float, status: str, answer: Any) -> None:
        said = self._said(answer) if status == "ok" and answer is not None else None
        parts = (asked.segments, asked.features, asked.flags, said)
        self._put((asked.at, asked.key, way, took, status, self._version, True, 1.0, *parts))


_NO_PLAN = Plan(Way(Rung("none"), 0, "current"), (), (), -FOREVER, ())


def _at_exit(of: weakref.ref[Guard]) -> None:
    """What waits is sent, for two seconds at most: a dead server must not hold up who ends."""
    guard = of()
    if guard is not None:
        guard.close(2.0)
