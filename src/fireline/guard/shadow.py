"""Calls beside the real one: shadow calls, and the trickle that keeps every rung exercised.

They run in a few background threads (asynchronous rungs as tasks of the caller's loop), are dropped and
counted when there are too many, and nobody waits for them.
"""

from __future__ import annotations

import asyncio
import inspect
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import count
from time import perf_counter
from types import AsyncGeneratorType, GeneratorType
from typing import Any

from fireline.guard.ladder import Ladder, Rung, Way
from fireline.guard.pool import Pool
from fireline.guard.walk import Asked, status_of
from fireline.terms.switch import place_of

Record = Callable[[Asked, Way, float, str, Any], None]


class Shadows:
    """Which rungs are called beside a real call, and how.

    ``shares`` maps versions or rung names to the share of calls they shadow; ``exercise`` is the share of
    calls of which a copy goes to the lower rung that was exercised longest ago.
    """

    def __init__(
        self,
        ladder: Ladder,
        shares: Mapping[str, float] | Iterable[str],
        exercise: float,
        pool: Pool,
        record: Record,
    ) -> None:
        shares = dict(shares) if isinstance(shares, Mapping) else dict.fromkeys(shares, 1.0)
        if any(not 0.0 <= share <= 1.0 for share in (*shares.values(), exercise)):
            raise ValueError("the shares of shadow and exercise lie between 0 and 1")
        self.shares, self.exercise = shares, exercise
        self.dropped = 0
        self._ladder, self._pool, self._record = ladder, pool, record
        self._every = max(1, round(1 / exercise)) if exercise else 0
        self._shadowing = int(bool(shares))
        self._calls = count(1)
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def wanted(self) -> bool:
        """Whether any call is ever to be made beside a real one."""
        return bool(self.shares) or (self._every > 0 and len(self._ladder.rungs) > 1)

    def due(self) -> int:
        """What is to be done beside the next call: 0 nothing, 1 shadow calls perhaps, 2 or 3 the trickle
        too."""
        return self._shadowing + (2 if self._every and next(self._calls) % self._every == 0 else 0)

    def after(self, asked: Asked, live: Rung, args: tuple[Any, ...], due: int) -> None:
        """The real call is done, by ``live``: begin what is ``due`` beside it."""
        for way in self._ways(asked, live, due >= 2):
            if way.rung.is_async or inspect.isasyncgenfunction(way.rung.call):
                self._begin_task(way, asked, args)
            elif self._pool.submit(self._call, way, asked, args) is None:
                self.dropped += 1

    def _ways(self, asked: Asked, live: Rung, exercise: bool) -> Iterator[Way]:
        seen = {live.name}
        for name, share in self.shares.items():
            way = self._ladder.version(name) or self._ladder.rung(name)
            if way is None or way.rung.call is None or way.rung.name in seen:
                continue
            if share >= 1.0 or place_of(f"shadow:{asked.key}") < share:
                seen.add(way.rung.name)
                yield way
        if exercise:
            rung = self._ladder.spare(live)
            if rung is not None and rung.name not in seen:
                yield Way(rung, -1, rung.name)

    def _call(self, way: Way, asked: Asked, args: tuple[Any, ...]) -> None:
        began = perf_counter()
        answer, error = None, None
        try:
            assert way.rung.call is not None
            answer = way.rung.call(*args)
            if isinstance(answer, GeneratorType):  # a stream is called when it has been read
                deque(answer, maxlen=0)
                answer = None
        except Exception as raised:  # a shadow that fails is a row in the log, and nobody else's concern
            error = raised
        self._done(way, asked, began, answer, error)

    def _begin_task(self, way: Way, asked: Asked, args: tuple[Any, ...]) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            loop = None
        if loop is None or len(self._tasks) >= self._pool.room:
            self.dropped += 1
            return
        task = loop.create_task(self._acall(way, asked, args))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _acall(self, way: Way, asked: Asked, args: tuple[Any, ...]) -> None:
        began = perf_counter()
        answer, error = None, None
        try:
            assert way.rung.call is not None
            answer = way.rung.call(*args)
            if isinstance(answer, AsyncGeneratorType):
                async for _ in answer:
                    pass
                answer = None
            else:
                answer = await answer
        except Exception as raised:  # a shadow that fails is a row in the log, and nobody else's concern
            error = raised
        self._done(way, asked, began, answer, error)

    def _done(self, way: Way, asked: Asked, began: float, answer: Any, error: Exception | None) -> None:
        way.rung.shadowed += 1
        way.rung.exercised_at = asked.at
        if error is not None:
            way.rung.last_error = f"{type(error).__name__}: {error}"[:200]
        self._record(asked, way, perf_counter() - began, status_of(error), answer)
