"""The fallback ladder: who may answer, from the best answer down to none."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, get_args

from fireline.guard.breaker import Breaker
from fireline.terms.switch import Route

Kind = Literal["current", "last_known_good", "reduced", "cached", "rules", "closed", "open"]
KINDS: tuple[str, ...] = get_args(Kind)
LAST = ("closed", "open")


class Rung:
    """One rung: a ``name``, what ``kind`` of answer it gives, and the function that is called for it.

    ``call`` gets the request as the guard got it; it may be asynchronous, a generator, or missing where a
    service only asks the guard which way to go (``Guard.decide``). ``version`` is the model version that
    answers, None for rungs without a model. A ``timeout`` in seconds makes a slow call a failure; a
    synchronous call then runs in a thread, which costs some 50 us, and one that hangs keeps its thread.
    ``answer`` is what a rung of kind open gives. ``breaker`` replaces the breaker it would get.

    >>> Rung("rules", kind="rules", call=lambda request: 0.1)
    Rung('rules', kind='rules')
    """

    __slots__ = (
        "answer", "answered", "breaker", "call", "exercised_at", "failed", "fell", "is_async", "kind",
        "last_answered", "last_error", "name", "plain", "shadowed", "timeout", "version",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        *,
        kind: Kind = "current",
        version: str | None = None,
        call: Callable[..., Any] | None = None,
        timeout: float | None = None,
        answer: Any = None,
        breaker: Breaker | None = None,
    ) -> None:
        if kind not in KINDS:
            raise ValueError(f"{kind!r} is no kind of rung: one of {', '.join(KINDS)}")
        self.name, self.kind, self.version, self.call = name, kind, version, call
        self.timeout, self.answer = timeout, answer
        self.breaker = breaker or Breaker(name)
        self.is_async = inspect.iscoroutinefunction(call)
        self.plain = call is not None and timeout is None
        self.answered = self.failed = self.fell = self.shadowed = 0
        self.last_answered: float | None = None
        self.exercised_at: float | None = None
        self.last_error = ""

    def __repr__(self) -> str:
        version = f", version={self.version!r}" if self.version is not None else ""
        return f"Rung({self.name!r}, kind={self.kind!r}{version})"


class Way:
    """A rung, and what an event says of the way there: ``current`` where the call went as it was meant to,
    the rung's name where it went to a lower rung. ``told`` says that a route of the switch led there."""

    __slots__ = ("at", "label", "rung", "told")

    def __init__(self, rung: Rung, at: int, label: str, told: Route | None = None) -> None:
        self.rung, self.at, self.label, self.told = rung, at, label, told


class Ladder:
    """The rungs in order. The first of kind current is where calls go that nobody sent elsewhere.

    Raises ValueError where two rungs have one name, or one stands below a closed or open rung.
    """

    def __init__(self, rungs: Sequence[Rung] = ()) -> None:
        self.rungs: list[Rung] = []
        for rung in rungs:
            self.add(rung)

    def __iter__(self) -> Iterator[Rung]:
        return iter(self.rungs)

    def add(self, rung: Rung) -> None:
        """Put ``rung`` below the others, but above a last rung that is closed or open."""
        if any(rung.name == other.name for other in self.rungs):
            raise ValueError(f"there is a rung {rung.name!r} already: give each its own name")
        last = bool(self.rungs) and self.rungs[-1].kind in LAST
        if last and rung.kind in LAST:
            raise ValueError(
                f"rung {rung.name!r} would never be reached: {self.rungs[-1].name!r} is the last"
            )
        self.rungs.insert(len(self.rungs) - last, rung)

    def usual(self) -> Way:
        """Where calls go that nobody sent elsewhere. Raises ValueError on a ladder without rungs."""
        if not self.rungs:
            raise ValueError("the guard has no rung: give it rungs=[Rung(...)] or decorate a function")
        at = next((i for i, rung in enumerate(self.rungs) if rung.kind == "current"), 0)
        return Way(self.rungs[at], at, "current")

    def version(self, version: str, told: Route | None = None) -> Way | None:
        """The way to the rung of ``version``, None where no rung has it."""
        for at, rung in enumerate(self.rungs):
            if rung.version == version:
                return Way(rung, at, "current", told)
        return None

    def rung(self, word: str, told: Route | None = None) -> Way | None:
        """The way to the rung with the name ``word``, else the first of the kind ``word``."""
        for what in ("name", "kind"):
            for at, rung in enumerate(self.rungs):
                if getattr(rung, what) == word:
                    return Way(rung, at, "current" if rung.kind == "current" else rung.name, told)
        return None

    def to(self, route: Route) -> Way | None:
        """Where ``route`` leads, None where this ladder has no such version or rung."""
        if route.version is not None:
            return self.version(route.version, route)
        return self.rung(str(route.rung), route)

    def below(self, at: int) -> Iterator[tuple[int, Rung]]:
        """The rungs a call falls to from rung ``at``, next one first."""
        return ((i, self.rungs[i]) for i in range(at + 1, len(self.rungs)))

    def spare(self, live: Rung) -> Rung | None:
        """The lower rung that was exercised longest ago, for the trickle; None where there is none."""
        able = [r for r in self.rungs if r.call is not None and r is not live and r.kind != "current"]
        return min(able, key=lambda r: max(r.exercised_at or 0.0, r.last_answered or 0.0), default=None)
