"""What is due of every service at a beat: counted, judged, and looked at for what follows."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from time import monotonic

from fireline.errors import FirelineError, StoreError
from fireline.live.door import Door
from fireline.live.judging import Judging, settled
from fireline.live.news import News
from fireline.live.pulse import Pulse
from fireline.store.glance import Glance, Stamp

LOG = logging.getLogger("fireline")
COUNT_EVERY = 60.0
"""Seconds between two counts of a busy service, where no tick is complete before: each makes a file."""
COUNT_SOON, YOUNG = 3.0, 900.0
"""The same in the first minutes of a server, while somebody looks whether anything arrives."""
SPOOL_SOON = 4 << 20
AT_ONCE = 24 * 3600 * 1_000_000
"""Microseconds that are judged at one beat."""

Stamps = Mapping[str, Stamp | None]


@dataclass
class Standing:
    """What is remembered of a service's loop between beats."""

    counted: float = 0.0
    trouble: str = ""
    torn: bool = False
    alone: bool = False
    """Whether it is judged by itself, because judging it failed."""
    term: int | None = None


@dataclass(eq=False)
class Turns:
    """The services of one process and how each stands: the trouble of one stops none of the others.

    ``catch_up`` is how long (seconds) after a start senders deliver what they held back, before ticks are
    judged. On a drill's clock nothing is waited for.
    """

    judging: Judging
    news: News
    drill: bool
    catch_up: float
    pulses: dict[str, Pulse] = field(default_factory=dict)
    standing: dict[str, Standing] = field(default_factory=dict)
    began: float = field(default_factory=monotonic)
    laid: int | None = None
    """The term for which lanes were laid."""

    def add(self, name: str, pulse: Pulse) -> None:
        """One more service, before the first beat."""
        self.pulses[name], self.standing[name] = pulse, Standing()

    def troubles(self) -> list[str]:
        """Why services are not judged, one line for each that is in trouble."""
        return [kept.trouble for kept in self.standing.values() if kept.trouble]

    def torn(self, why: str) -> None:
        """The store cannot be reached: every service takes up anew what stands there, once it can."""
        for kept in self.standing.values():
            kept.trouble, kept.torn = why, True

    def take(self, term: int | None, seen: Glance | None) -> None:
        """Whatever is due of every service, as leader of ``term`` or, with None, behind another's lead.

        ``seen`` is what was written that somebody may have to act on, where that is known.
        """
        stamps: Stamps = {name: seen.stamp(name) for name in self.pulses} if seen is not None else {}
        turn = seen.turn if seen is not None else None
        due = [n for n in self.pulses if self._one(n, partial(self._count, n, term, stamps.get(n), turn))]
        self._lay(term)
        self._judge(due)
        for name in due:
            if not self.standing[name].torn:
                self._one(name, partial(self._look, name, stamps.get(name)))

    def _one(self, name: str, work: Callable[[], bool]) -> bool:
        """Does some work of one service; False when there was none, or it failed."""
        kept = self.standing[name]
        try:
            return work()
        except Exception as error:  # one service's trouble must not stop the others, and is shown on its page
            kept.trouble, kept.torn = _said(error), True
            LOG.exception("service %s: %s", name, error)
            return False

    def _lay(self, term: int | None) -> None:
        """Once it leads, and before the first tick: lays out how the services are judged side by side."""
        if term is None or term == self.laid:
            return
        self.laid = term
        try:
            self.judging.lay([p.asking() for n, p in self.pulses.items() if self.standing[n].term == term])
        except Exception as error:  # the first tick lays what is not laid, and says whose trouble it is
            LOG.exception("lanes were not laid: %s", error)
        if not self.drill:
            settled()

    def _count(self, name: str, term: int | None, stamp: Stamp | None, turn: int | None) -> bool:
        """Counts what is due of one service; whether this process is to go on with it."""
        kept, pulse, door = self.standing[name], self.pulses[name], self.pulses[name].counting.door
        door.catching_up = door.catching_up and monotonic() - self.began < 3 * self.catch_up
        if kept.torn or kept.term != term:
            pulse.counting.take_up()
            if term is not None:
                pulse.take_up()
            kept.torn, kept.term = False, term
        count = self._should_count(kept, pulse)
        if count:
            kept.counted = monotonic()
        goes_on = term is not None and not self._is_catching_up(door)
        if goes_on and not (self.drill or count or pulse.may_be_due(stamp)):
            goes_on = False
        elif goes_on or (count and term is not None):
            pulse.count(turn)
        elif count:
            pulse.follow(turn)
        kept.trouble = "" if not goes_on else kept.trouble
        return goes_on

    def _judge(self, names: Sequence[str]) -> None:
        """Judges every tick that is complete: of all services together, and each by itself where one of them
        is in trouble."""
        complete = {name: self._up_to(self.pulses[name]) for name in names}
        due = [name for name in names if complete[name] > self.pulses[name].judged]
        together = [name for name in due if not self.standing[name].alone]
        apart = [name for name in due if self.standing[name].alone]
        try:
            if together:
                self.judging.judge([(self.pulses[name], complete[name]) for name in together])
        except StoreError as error:
            for name in together:
                self.standing[name].trouble, self.standing[name].torn = _said(error), True
            LOG.exception("%d services were not judged: %s", len(together), error)
        except Exception as error:  # whose trouble it is shows when each is judged by itself
            LOG.exception("%d services are judged one by one: %s", len(together), error)
            apart = due
        for name in apart:
            alone = partial(self._judge_alone, name, complete[name])
            self.standing[name].alone = not self._one(name, alone)

    def _up_to(self, pulse: Pulse) -> int:
        """Up to when a service is judged at this beat (microseconds): after a long pause a day at a time, so
        that pages are answered in between and what is judged is kept."""
        complete = pulse.complete()
        return complete if self.drill else min(complete, pulse.judged + AT_ONCE)

    def _judge_alone(self, name: str, complete: int) -> bool:
        pulse = self.pulses[name]
        if complete > pulse.judged:
            pulse.take_up()
            pulse.count()
            self.judging.judge([(pulse, complete)])
        return True

    def _look(self, name: str, stamp: Stamp | None) -> bool:
        if self.pulses[name].look(stamp):
            self.news.told()
        self.standing[name].trouble = ""
        return True

    def _is_catching_up(self, door: Door) -> bool:
        return door.catching_up and monotonic() - self.began < self.catch_up

    def _should_count(self, kept: Standing, pulse: Pulse) -> bool:
        if not pulse.counting.waits:
            return pulse.complete() > pulse.judged
        door = pulse.counting.door
        pause = COUNT_SOON if monotonic() - self.began < YOUNG else COUNT_EVERY
        soon = monotonic() - kept.counted >= pause or door.spool.waiting(door.counted) >= SPOOL_SOON
        return soon or pulse.waits_for_traffic or pulse.complete() > pulse.judged


def _said(error: Exception) -> str:
    if isinstance(error, FirelineError):
        return str(error)
    return f"{type(error).__name__}: {error} -> see the server's log; the loop tries again"
