"""The careful way of calling: rung by rung, with time-outs, where the quick way of ``Guard.call`` did not
do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import CoroutineType
from typing import Any

from fireline.guard.ladder import Rung, Way
from fireline.guard.pool import Pool
from fireline.guard.refused import OutOfWorkers
from fireline.guard.walk import Asked, Walk

THREADS = 32


class Descent:
    """Takes a walk down the ladder and calls each rung it offers; ``after`` hears of the one that
    answered."""

    def __init__(self, after: Callable[[Asked, Rung, tuple[Any, ...]], None]) -> None:
        self._after = after
        self._pool = Pool("fireline-timed", threads=THREADS, room=THREADS)

    def take(self, walk: Walk, way: Way, args: tuple[Any, ...], tried: bool = False) -> Any:
        """The answer of the first rung from ``way`` on (below it, when it was ``tried``) that gives one."""
        for step in walk.steps(way, tried):
            try:
                answer = step.rung.answer if step.rung.kind == "open" else self._call(step.rung, args)
            except BaseException as error:  # judged by the walk: the caller gets what is not a failure
                if not walk.failed(step, error):
                    raise
            else:
                answer = walk.answered(step, answer)
                self._after(walk.asked, step.rung, args)
                return answer
        raise AssertionError("a walk ends by itself")

    async def atake(self, walk: Walk, way: Way, args: tuple[Any, ...], tried: bool = False) -> Any:
        """As ``take``, and rungs may be asynchronous."""
        for step in walk.steps(way, tried):
            try:
                answer = step.rung.answer if step.rung.kind == "open" else await self._acall(step.rung, args)
            except BaseException as error:  # judged by the walk: the caller gets what is not a failure
                if not walk.failed(step, error):
                    raise
            else:
                answer = walk.answered(step, answer)
                self._after(walk.asked, step.rung, args)
                return answer
        raise AssertionError("a walk ends by itself")

    def _call(self, rung: Rung, args: tuple[Any, ...]) -> Any:
        assert rung.call is not None
        if rung.timeout is None:
            return no_coroutine(rung.call(*args), rung)
        future = self._pool.submit(rung.call, *args)
        if future is None:
            raise _hanging()
        try:
            return no_coroutine(future.result(rung.timeout), rung)
        except TimeoutError:
            future.cancel()
            raise

    async def _acall(self, rung: Rung, args: tuple[Any, ...]) -> Any:
        assert rung.call is not None
        if rung.timeout is not None and not rung.is_async:
            future = self._pool.submit(rung.call, *args)
            if future is None:
                raise _hanging()
            async with asyncio.timeout(rung.timeout):
                return await asyncio.wrap_future(future)
        answer = rung.call(*args)
        if not isinstance(answer, Awaitable):
            return answer
        async with asyncio.timeout(rung.timeout):
            return await answer


def no_coroutine(answer: Any, rung: Rung) -> Any:
    """``answer``; raises TypeError where it is a coroutine, which a synchronous call cannot wait for."""
    if answer.__class__ is CoroutineType:
        answer.close()
        raise TypeError(f"rung {rung.name!r} is asynchronous: use `await guard.acall(...)`")
    return answer


def _hanging() -> OutOfWorkers:
    return OutOfWorkers("too many calls with a time-out hang", todo="look at what hangs")
