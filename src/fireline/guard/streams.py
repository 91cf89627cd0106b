"""Answers that are not over when the call returns: generators, asynchronous generators, coroutines."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from types import AsyncGeneratorType, CoroutineType, GeneratorType
from typing import Any

STREAMS = frozenset({GeneratorType, AsyncGeneratorType})
LATER = STREAMS | {CoroutineType}

Ended = Callable[[BaseException | None], None]


def watched(answer: Any, ended: Ended) -> Any:
    """``answer`` (of a class in LATER), which calls ``ended`` once it is over.

    ``ended`` gets None at a good end, the error at a break midway, and GeneratorExit when whoever reads the
    stream leaves early. A stream that is never begun never ends.
    """
    if answer.__class__ is GeneratorType:
        return _generator(answer, ended)
    if answer.__class__ is AsyncGeneratorType:
        return _async_generator(answer, ended)
    return _coroutine(answer, ended)


def _generator(stream: Generator[Any, Any, Any], ended: Ended) -> Generator[Any, Any, Any]:
    try:
        result = yield from stream
    except BaseException as error:
        ended(error)
        raise
    ended(None)
    return result


async def _async_generator(stream: AsyncGenerator[Any, Any], ended: Ended) -> AsyncGenerator[Any, Any]:
    try:
        async for item in stream:
            yield item
    except BaseException as error:
        await stream.aclose()
        ended(error)
        raise
    ended(None)


async def _coroutine(answer: Coroutine[Any, Any, Any], ended: Ended) -> Any:
    try:
        result = await answer
    except BaseException as error:
        ended(error)
        raise
    ended(None)
    return result
