"""The guard as decorators: the function stays where it is, and is guarded."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar, overload

from fireline.guard.breaker import Breaker
from fireline.guard.ladder import Kind, Ladder, Rung

Fn = TypeVar("Fn", bound=Callable[..., Any])


class Decorating:
    """``@guard.watch`` and ``@guard.rung(...)``."""

    ladder: Ladder
    call: Callable[..., Any]
    acall: Callable[..., Any]

    @overload
    def watch(self, fn: Fn) -> Callable[..., Any]: ...
    @overload
    def watch(
        self,
        *,
        name: str = "current",
        kind: Kind = "current",
        version: str | None = None,
        timeout: float | None = None,
        breaker: Breaker | None = None,
    ) -> Callable[[Fn], Callable[..., Any]]: ...

    def watch(self, fn: Any = None, **options: Any) -> Any:
        """Guard the decorated function: it becomes the current rung, and calling it calls the guard.

        It takes its own positional arguments, and by name what ``call`` takes: key, sticky, segments,
        features, flags. An asynchronous function stays one.
        """
        if fn is None:
            return lambda given: self.watch_as(given, **options)
        return self.watch_as(fn)

    def watch_as(
        self, fn: Callable[..., Any], *, name: str = "current", **options: Any
    ) -> Callable[..., Any]:
        """``fn`` guarded, as the rung ``name``."""
        self.add(Rung(name, call=fn, **options))
        if inspect.iscoroutinefunction(fn):

            @functools.wraps(fn)
            async def later(*args: Any, **known: Any) -> Any:
                return await self.acall(*args, **known)

            return later

        @functools.wraps(fn)
        def guarded(*args: Any, **known: Any) -> Any:
            return self.call(*args, **known)

        return guarded

    def rung(
        self,
        name: str,
        *,
        kind: Kind,
        version: str | None = None,
        timeout: float | None = None,
        breaker: Breaker | None = None,
    ) -> Callable[[Fn], Fn]:
        """The decorated function is the next lower rung; it stays as it is."""

        def taken(fn: Fn) -> Fn:
            self.add(Rung(name, kind=kind, version=version, call=fn, timeout=timeout, breaker=breaker))
            return fn

        return taken

    def add(self, rung: Rung) -> None:
        """Put ``rung`` below the others, but above a last rung that is closed or open."""
        self.ladder.add(rung)
        self.rung_added()

    def rung_added(self) -> None:
        """Called when the ladder has grown."""
