"""A decision: which way a call goes, for services that make the call themselves."""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Any

from fireline.guard.cancelled import when_cancelled
from fireline.guard.ladder import Ladder, Way
from fireline.guard.refused import BreakerOpen
from fireline.guard.walk import Asked, status_of

Record = Callable[[Asked, Way, float, str, Mapping[str, Any] | None], None]


class Decision:
    """Where one call is to go: to ``version``, on the rung ``rung`` of this ``kind``, and why: ``switch`` is
    the version of the switch obeyed.

    Say how it ended, once: ``answered(status)`` or ``raised(error)``. ``say(score=...)`` adds to its event.
    """

    __slots__ = ("_asked", "_began", "_over", "_record", "_said", "_ticket", "_way", "switch")

    def __init__(self, asked: Asked, way: Way, ticket: int, switch: int, record: Record) -> None:
        self._asked, self._way, self._ticket, self.switch, self._record = asked, way, ticket, switch, record
        self._began = perf_counter()
        self._said: dict[str, Any] = {}
        self._over = False

    @property
    def key(self) -> Any:
        """The request's id, or its number where it came without one."""
        return self._asked.key

    @property
    def version(self) -> str | None:
        """The model version that is to answer."""
        return self._way.rung.version

    @property
    def rung(self) -> str:
        """The name of the rung that is to answer."""
        return self._way.rung.name

    @property
    def kind(self) -> str:
        """The kind of that rung; closed means: refuse."""
        return self._way.rung.kind

    @property
    def answer(self) -> Any:
        """What a rung of kind open answers."""
        return self._way.rung.answer

    def say(self, **values: Any) -> None:
        """Add ``values`` (score, prediction, features, segments, flags by name) to the event."""
        self._said.update(values)

    def answered(self, status: int | str = "ok") -> None:
        """The call was answered with this ``status``: 500 and above are failures."""
        if self._over:
            return
        self._over = True
        rung = self._way.rung
        failed = isinstance(status, int) and status >= 500
        if self.kind not in ("closed", "open"):
            (rung.breaker.bad if failed else rung.breaker.good)(self._ticket)
        if failed:
            rung.failed += 1
        else:
            rung.answered += 1
            rung.last_answered = self._asked.at
        self._leave(str(status))

    def raised(self, error: BaseException) -> None:
        """The call ended in ``error``."""
        if self._over:
            return
        self._over = True
        breaker = self._way.rung.breaker
        if isinstance(error, CancelledError):
            when_cancelled(error, self._timed_out, self._left)
            return
        breaker.raised(self._ticket, error)
        if isinstance(error, Exception):
            self._way.rung.failed += 1
            self._way.rung.last_error = f"{type(error).__name__}: {error}"[:200]
        self._leave(status_of(error))

    def _timed_out(self) -> None:
        self._way.rung.breaker.bad(self._ticket)
        self._way.rung.failed += 1
        self._leave("timeout")

    def _left(self) -> None:
        self._way.rung.breaker.left(self._ticket)
        self._leave("cancelled")

    def _leave(self, status: str) -> None:
        self._record(self._asked, self._way, perf_counter() - self._began, status, self._said or None)


def admitted(ladder: Ladder, way: Way) -> tuple[Way, int]:
    """``way``, or the next lower one whose breaker lets a call through, and the ticket it goes under.

    Where none does it is ``way`` under a ticket that counts for nothing: the service has to answer somehow.
    """
    below = (Way(rung, at, rung.name) for at, rung in ladder.below(way.at))
    for step in (way, *below):
        if step.rung.kind in ("closed", "open"):
            return step, -1
        try:
            return step, step.rung.breaker.admit()
        except BreakerOpen:
            step.rung.fell += 1
    return way, -1
