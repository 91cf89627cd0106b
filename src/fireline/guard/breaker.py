"""A breaker: stops calling what mostly fails, and lets one call through now and then to see whether it is
well again.

It judges the *rate* of failures in a sliding window of a monotonic clock. While it is closed a call costs a
handful of attribute reads and takes no lock; no lock is ever held during a call. Every change of state, and
every permit, has a number of its own: a result that comes back under an old number is nobody's, so a success
that began before the trip closes nothing.
"""

from __future__ import annotations

import threading
from asyncio import CancelledError
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Any, Literal

from fireline.guard.cancelled import when_cancelled
from fireline.guard.forked import renew_after_fork
from fireline.guard.refused import BreakerOpen
from fireline.guard.streams import LATER, STREAMS, watched

State = Literal["closed", "open", "half_open"]
BUCKETS = 10


class Breaker:
    """A failure-rate breaker for functions, coroutines and streams, shared by any threads and tasks.

    It opens when in the last ``window`` seconds at least ``least`` calls came back and ``rate`` of them or
    more failed. After ``cool`` seconds it lets one call through (half-open): ``needed`` successes in a row
    close it, a failure opens it again. That one permit is leased for ``lease`` seconds, so that a call that
    never returns blocks nobody for longer.

    Exceptions are failures, time-outs among them; those of a class in ``passes`` (the caller's own mistakes)
    are answers. A caller who cancels, or leaves a stream, is neither. ``now`` is the monotonic clock.

    >>> breaker = Breaker("model", least=2)
    >>> breaker.call(max, 1, 2)
    2
    >>> breaker.state
    'closed'
    """

    __slots__ = (
        "__weakref__", "_bad", "_good", "_lock", "_now", "_past", "_probing", "_proved", "_turn", "_until",
        "closed", "cool", "generation", "lease", "least", "name", "needed", "passes", "rate", "refused",
        "trips", "window",
    )  # fmt: skip

    def __init__(
        self,
        name: str = "",
        *,
        rate: float = 0.5,
        least: int = 10,
        window: float = 30.0,
        cool: float = 5.0,
        lease: float = 30.0,
        needed: int = 1,
        passes: tuple[type[Exception], ...] = (),
        now: Callable[[], float] = monotonic,
    ) -> None:
        if not 0.0 < rate <= 1.0 or least < 1 or needed < 1 or min(window, cool, lease) <= 0:
            raise ValueError("a breaker wants 0 < rate <= 1, least and needed >= 1, and lengths above 0")
        self.name, self.rate, self.least, self.window = name, rate, least, window
        self.cool, self.lease, self.needed, self.passes = cool, lease, needed, passes
        self.closed = True
        self.generation = 0
        self.refused = self.trips = 0
        self._now = now
        self._probing = False
        self._proved = 0
        self._until = 0.0  # open: the end of cooling; half-open: the end of the lease
        self._good = self._bad = 0
        self._past: deque[tuple[int, int]] = deque(maxlen=BUCKETS - 1)
        self._turn = now() + window / BUCKETS
        self._lock = threading.Lock()
        renew_after_fork(self)

    @property
    def state(self) -> State:
        """closed, open, or half_open: cooled down, waiting for a probe or for its result."""
        if self.closed:
            return "closed"
        return "half_open" if self._probing or self._now() >= self._until else "open"

    def failure_rate(self) -> tuple[float, int]:
        """The share of failures in the window and the number of calls it rests on."""
        if self._now() >= self._turn:
            self._rotate(self._now())
        good, bad = self._counts()
        return (bad / (good + bad) if good + bad else 0.0), good + bad

    def call(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """``fn(*args, **kwargs)``. Raises BreakerOpen, without calling, while the breaker is open.

        A generator or coroutine that ``fn`` returns is judged when it ends, not when it is made.
        """
        ticket = self.generation if self.closed else self.admit()
        try:
            answer = fn(*args, **kwargs)
        except BaseException as error:
            self.raised(ticket, error)
            raise
        if answer.__class__ in LATER:
            return watched(answer, lambda error: self.ended(ticket, error))
        if self.closed and ticket == self.generation:
            if (now := self._now()) >= self._turn:
                self._rotate(now)
            self._good += 1
        else:
            self.good(ticket)
        return answer

    async def acall(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """``await fn(*args, **kwargs)``, or the stream it returns. Raises BreakerOpen while open."""
        ticket = self.generation if self.closed else self.admit()
        try:
            answer = fn(*args, **kwargs)
            if answer.__class__ not in STREAMS:
                answer = await answer
        except BaseException as error:
            self.raised(ticket, error)
            raise
        if answer.__class__ in STREAMS:
            return watched(answer, lambda error: self.ended(ticket, error))
        if self.closed and ticket == self.generation:
            if (now := self._now()) >= self._turn:
                self._rotate(now)
            self._good += 1
        else:
            self.good(ticket)
        return answer

    def admit(self) -> int:
        """The ticket under which a call may go ahead; give it back with ``good``, ``bad`` or ``left``.

        Raises BreakerOpen when none may.
        """
        with self._lock:
            if self.closed:
                return self.generation
            now = self._now()
            if now >= self._until:
                self._probing = True
                self._until = now + self.lease
                self.generation += 1
                return self.generation
            self.refused += 1
            wait = self._until - now
        raise BreakerOpen(
            f"the breaker {self.name or 'here'} is open: too many calls failed",
            todo=f"try again in {wait:.1f} s",
            retry_after=wait,
        )

    def good(self, ticket: int) -> None:
        """The call under ``ticket`` was answered."""
        if self.closed:
            if ticket == self.generation:
                if (now := self._now()) >= self._turn:
                    self._rotate(now)
                self._good += 1
            return
        with self._lock:
            if self._is_probe(ticket):
                self._proved += 1
                self._give_back(close=self._proved >= self.needed)

    def bad(self, ticket: int) -> None:
        """The call under ``ticket`` failed."""
        now = self._now()
        if now >= self._turn:
            self._rotate(now)
        with self._lock:
            if self._is_probe(ticket):
                self._trip(now)
            elif self.closed and ticket == self.generation:
                self._bad += 1
                good, bad = self._counts()
                if good + bad >= self.least and bad >= self.rate * (good + bad):
                    self._trip(now)

    def left(self, ticket: int) -> None:
        """The call under ``ticket`` was given up by its caller: says nothing, and gives a permit back."""
        with self._lock:
            if self._is_probe(ticket):
                self._give_back(close=False)

    def raised(self, ticket: int, error: BaseException) -> None:
        """The call under ``ticket`` ended in ``error``: a failure, an answer, or neither."""
        if isinstance(error, Exception):
            if self.passes and isinstance(error, self.passes):
                self.good(ticket)
            else:
                self.bad(ticket)
        elif isinstance(error, CancelledError):
            when_cancelled(error, lambda: self.bad(ticket), lambda: self.left(ticket))
        else:
            self.left(ticket)

    def ended(self, ticket: int, error: BaseException | None) -> None:
        """The stream under ``ticket`` is over: at its end, or broken by ``error``."""
        if error is None:
            self.good(ticket)
        else:
            self.raised(ticket, error)

    def after_fork(self) -> None:
        """A thread that is gone may have held the lock, or the permit."""
        self._lock = threading.Lock()
        if self._probing:
            self._give_back(close=False)

    def _is_probe(self, ticket: int) -> bool:
        return self._probing and not self.closed and ticket == self.generation

    def _give_back(self, close: bool) -> None:
        """The permit is free again at once; with ``close`` the breaker is as new."""
        self.generation += 1
        self._until = self._now()
        if close:
            self._forget()
            self._probing = False
            self._proved = 0
            self.closed = True

    def _trip(self, now: float) -> None:
        self.generation += 1
        self.closed = self._probing = False
        self._proved = 0
        self._until = now + self.cool
        self.trips += 1

    def _counts(self) -> tuple[int, int]:
        past = tuple(self._past)
        return self._good + sum(g for g, _ in past), self._bad + sum(b for _, b in past)

    def _forget(self) -> None:
        self._past.clear()
        self._good = self._bad = 0
        self._turn = self._now() + self.window / BUCKETS

    def _rotate(self, now: float) -> None:
        """Begin the bucket of ``now``; what is older than the window is gone."""
        with self._lock:
            late = now - self._turn
            if late < 0:
                return
            width = self.window / BUCKETS
            if late >= self.window - width:
                self._forget()
                return
            self._past.append((self._good, self._bad))
            self._good = self._bad = 0
            skipped = int(late / width)
            self._past.extend([(0, 0)] * skipped)
            self._turn += width * (skipped + 1)
