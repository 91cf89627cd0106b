"""The stage: processes that take turns, one at a time, at places they cannot choose.

Each process is a thread that runs only while it holds the baton, so plain code can be interrupted in the
middle without knowing it, and a run depends on the seed alone.
"""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from fireline.clock import ManualClock, iso
from fireline.drill.simulation.fate import Crash, Fate

CALM_ROUNDS = 80
"""Rounds within which everything must be settled once nothing goes wrong any more."""
LOOK_EVERY = 40
"""After how many turns it is asked, in the storm, whether everything is settled already."""


@dataclass
class Actor:
    """A process: ``live`` is its whole life, from its first memory to the end; ``born`` counts its lives."""

    name: str
    live: Callable[[int], None]
    born: int = 0
    dead: bool = False
    done: bool = False
    away_until: int = 0
    thread: threading.Thread | None = None
    go: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.go.acquire()


@dataclass(frozen=True)
class _Witness:
    """Sees how a life ends: in a crash, as it should, or in an error nobody planned, which is a problem."""

    name: str
    problems: list[str]

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, where: Any) -> bool:
        if error is not None and not isinstance(error, Crash):
            told = "".join(traceback.format_exception(kind, error, where))
            self.problems.append(f"{self.name} broke:\n{told}")
        return True


class Stage:
    """Runs actors by turns until everything is settled."""

    def __init__(self, fate: Fate, clock: ManualClock) -> None:
        self.fate, self.clock = fate, clock
        self.actors: list[Actor] = []
        self.problems: list[str] = []
        self._turn_over = threading.Lock()
        self._turn_over.acquire()
        self._on: Actor | None = None
        self._curtain = False
        self._turns = 0
        self.settled = True

    def add(self, name: str, live: Callable[[int], None]) -> None:
        """Put a process on the stage."""
        self.actors.append(Actor(name, live))

    # --- called by the process that has its turn
    # ---------------------------------------------------------------

    def point(self, what: str, crash: bool = True, give_way: bool = False) -> None:
        """The process is at ``what``: it may end here, or another may go on first."""
        actor = self._on
        if actor is None:
            return
        if actor.dead:
            raise Crash("a dead process does nothing more")
        if crash and self.fate.stops(what):
            actor.dead = True
            self.fate.note(f"{actor.name} ends at {what}")
            raise Crash(what)
        if give_way and self.fate.gives_way():
            actor.away_until = self._turns + self.fate.nap(what)
            self.rest(what)

    def rest(self, what: str = "rest") -> None:
        """Let others go on, and come back when it is this process's turn again."""
        actor = self._on
        if actor is None:
            return
        if what == "rest":
            actor.away_until = self._turns + self.fate.idle()
        self.fate.note(f"{actor.name} gives way at {what}")
        self._turn_over.release()
        actor.go.acquire()
        if self._curtain:
            actor.dead = True
            raise Crash("the play is over")

    # --- called by whoever runs the play
    # -------------------------------------------------------------------------

    def run(self, settled: Callable[[], bool]) -> None:
        """The storm, then the calm, until ``settled``; what goes wrong is in ``problems``.

        When the calm does not suffice, ``self.settled`` is False afterwards.
        """
        try:
            while self.fate.seen < self.fate.ends and not self.problems:
                if self._turns % LOOK_EVERY == 0 and settled():
                    break
                here = [actor for actor in self.actors if actor.away_until <= self._turns]
                self._turn(self.fate.pick(here or self.actors))
            self.fate.calm = True
            self._calm(settled)
        finally:
            self._end()

    def _calm(self, settled: Callable[[], bool]) -> None:
        for _ in range(CALM_ROUNDS):
            if self.problems or settled():
                return
            for actor in self.actors:
                self._turn(actor)
        self.settled = False

    def _turn(self, actor: Actor) -> None:
        self._turns += 1
        self.clock.advance(self.fate.wait())
        if actor.thread is None:
            actor.dead = False
            actor.thread = threading.Thread(target=self._life, args=(actor,), name=actor.name, daemon=True)
            actor.thread.start()
        self.fate.note(f"{actor.name} goes on at {iso(self.clock.now())}")
        self._on = actor
        actor.go.release()
        self._turn_over.acquire()
        self._on = None
        if actor.done:
            actor.thread.join()
            actor.thread, actor.done = None, False

    def _life(self, actor: Actor) -> None:
        actor.go.acquire()
        with _Witness(actor.name, self.problems):
            if not self._curtain:
                actor.live(actor.born)
        actor.born += 1
        actor.done = True
        self._turn_over.release()

    def _end(self) -> None:
        self._curtain = True
        for actor in self.actors:
            if actor.thread is not None:
                self._turn(actor)
