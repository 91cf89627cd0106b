"""One call on its way down the ladder: which rungs it tried, what it leaves behind, and how it ends.

The synchronous and the asynchronous way of calling share all of it but the call itself.
"""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Callable, Iterator, Mapping
from time import perf_counter
from typing import Any, NamedTuple

from fireline.guard.breaker import Breaker
from fireline.guard.cancelled import when_cancelled
from fireline.guard.ladder import Ladder, Rung, Way
from fireline.guard.refused import BreakerOpen, OutOfWorkers, Refused
from fireline.guard.streams import STREAMS, watched


class Asked(NamedTuple):
    """What is known of a call before it is made. ``at`` is seconds since 1970."""

    at: float
    key: Any
    segments: Mapping[str, Any] | None
    features: Mapping[str, Any] | None
    flags: Mapping[str, Any] | None


Record = Callable[[Asked, Way, float, str, Any, bool], None]
"""Leaves a row behind: the call, where it went, seconds it took, status, the answer (None: no answer), and
whether the caller never saw it."""


def status_of(error: BaseException | None) -> str:
    """The word for how a call ended: ok, timeout and error speak for themselves; left: by whoever read the
    stream; cancelled: by the caller."""
    if error is None:
        return "ok"
    if isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(error, CancelledError):
        return "cancelled"
    return "left" if isinstance(error, GeneratorExit) else "error"


class Walk:
    """Steps down ``ladder`` for one call; ``record`` gets a row for each rung that failed and one for the
    end."""

    __slots__ = ("_attempts", "_began", "_error", "_ladder", "_record", "_ticket", "asked")

    def __init__(self, ladder: Ladder, asked: Asked, record: Record) -> None:
        self._ladder, self.asked, self._record = ladder, asked, record
        self._attempts: list[tuple[Way, float, str]] = []
        self._error: BaseException | None = None
        self._began = 0.0
        self._ticket = 0

    def steps(self, way: Way, tried: bool) -> Iterator[Way]:
        """The rungs to try, ``way`` first unless it was ``tried``, but those whose breaker is open.

        Raises Refused at a closed rung, and what the last rung raised at the end of the ladder.
        """
        below = (Way(rung, at, rung.name) for at, rung in self._ladder.below(way.at))
        first = () if tried else (way,)
        for step in (*first, *below):
            rung = step.rung
            if rung.kind == "closed":
                raise self._refused(step, fell=step is not way)
            if rung.call is None and rung.kind != "open":
                continue
            if self._admits(rung):
                self._began = perf_counter()
                yield step
        raise self._the_end(way)

    def failed(
        self, way: Way, error: BaseException, ticket: int | None = None, took: float | None = None
    ) -> bool:
        """The rung of ``way`` raised ``error``: True when the next one is to be tried, False when the caller
        is to have it."""
        rung, ticket = way.rung, self._ticket if ticket is None else ticket
        took = perf_counter() - self._began if took is None else took
        if isinstance(error, CancelledError):
            self._cancelled(way, error, ticket, took)
            return False
        if isinstance(error, OutOfWorkers):
            rung.breaker.left(ticket)
        else:
            rung.breaker.raised(ticket, error)
        if not isinstance(error, Exception) or isinstance(error, rung.breaker.passes):
            self._close(way, took, status_of(error) if not isinstance(error, Exception) else "rejected")
            return False
        self._count(rung, error)
        self._attempts.append((way, took, status_of(error)))
        self._error = error
        return True

    def answered(self, way: Way, answer: Any) -> Any:
        """The rung of ``way`` gave ``answer``; returns it, streams watched to their end."""
        rung, ticket = way.rung, self._ticket
        if answer.__class__ in STREAMS:
            return self.stream(way, answer, ticket, self._began)
        if rung.kind != "open":
            rung.breaker.good(ticket)
        rung.answered += 1
        rung.last_answered = self.asked.at
        self._close(way, perf_counter() - self._began, "ok", answer)
        return answer

    def stream(self, way: Way, answer: Any, ticket: int, began: float) -> Any:
        """``answer``, a stream, which is judged and leaves its row when it is over."""
        rung = way.rung

        def ended(error: BaseException | None) -> None:
            took = perf_counter() - began
            if isinstance(error, CancelledError):
                self._cancelled(way, error, ticket, took)
                return
            rung.breaker.ended(ticket, error)
            if isinstance(error, Exception):
                self._count(rung, error)
            else:
                rung.answered += 1
                rung.last_answered = self.asked.at
            self._close(way, took, status_of(error))

        return watched(answer, ended)

    def _admits(self, rung: Rung) -> bool:
        if rung.kind == "open":
            return True
        try:
            self._ticket = rung.breaker.admit()
        except BreakerOpen as error:
            rung.fell += 1
            if self._error is None:
                self._error = error
            return False
        return True

    def _cancelled(self, way: Way, error: BaseException, ticket: int, took: float) -> None:
        """Whether a deadline or the caller ended it is told a round of the loop later."""
        breaker: Breaker = way.rung.breaker

        def timed_out() -> None:
            breaker.bad(ticket)
            self._count(way.rung, TimeoutError("the caller's deadline passed"))
            self._close(way, took, "timeout")

        def left() -> None:
            breaker.left(ticket)
            self._close(way, took, "cancelled")

        when_cancelled(error, timed_out, left)

    @staticmethod
    def _count(rung: Rung, error: BaseException) -> None:
        rung.failed += 1
        rung.fell += 1
        rung.last_error = f"{type(error).__name__}: {error}"[:200]

    def _close(self, way: Way, took: float, status: str, answer: Any = None) -> None:
        """The rows of this call: the rungs that failed, as shadow calls, since the caller never saw them; and
        how it ended, which is what the caller got."""
        for tried, lasted, how in self._attempts:
            self._record(self.asked, tried, lasted, how, None, True)
        self._attempts = []
        self._error = None
        self._record(self.asked, way, took, status, answer, False)

    def _refused(self, way: Way, fell: bool) -> Refused:
        cause = self._error
        self._close(way, 0.0, "error" if fell else "refused")
        way.rung.answered += 1
        way.rung.last_answered = self.asked.at
        if not fell:
            return Refused("calls are refused for now: fail closed", todo="try again later", retry_after=30.0)
        refused = Refused("no rung of the ladder could answer: fail closed", todo="try again in a moment")
        refused.__cause__ = cause
        return refused

    def _the_end(self, way: Way) -> BaseException:
        """What the caller gets when no rung is left: the last rung's own error."""
        error = self._error or Refused(f"rung {way.rung.name!r} has nothing to call", todo="give it call=...")
        if self._attempts:
            last, took, how = self._attempts.pop()
            self._close(last, took, how)
        else:
            self._close(way, 0.0, "error")
        return error
