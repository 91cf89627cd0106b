"""A real server with many services, on a clock of its own, and what its ticks cost."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import fireline.live.judging as judging
from bench.fleets.world import RATES, SAMPLES, Kin, Size
from fireline.clock import SystemClock, micros
from fireline.detect.fleet import Asked
from fireline.detect.judge import Judge
from fireline.live.book import Book
from fireline.live.jobs import JobWatch
from fireline.live.judging import Judging
from fireline.live.running import Running
from fireline.reader import CountsReader
from fireline.store import Store
from fireline.store.tables import batches, counts
from fireline.sweep import Place, Sweep
from fireline.terms.alert import Finding

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
SPENT: dict[str, float] = {}
Tick = dict[str, float]


@contextmanager
def spent(on: str) -> Iterator[None]:
    """Adds the processor's seconds to ``SPENT``, and the clock's to ``SPENT[... wall]``."""
    cpu, wall = time.process_time(), time.perf_counter()
    yield
    SPENT[on] = SPENT.get(on, 0.0) + time.process_time() - cpu
    SPENT[on + " wall"] = SPENT.get(on + " wall", 0.0) + time.perf_counter() - wall


class TimedSweep(Sweep):
    """The reading, timed."""

    def __call__(self, grain: int, first: int, stop: int) -> Any:
        with spent("read"):
            return super().__call__(grain, first, stop)

    def ahead(self, places: Collection[Place]) -> None:
        with spent("read"):
            super().ahead(places)


class TimedJudging(Judging):
    """The judging (with the reading in it, and what is found by rule) and the writing, timed."""

    def find(self, asked: Sequence[Asked]) -> judging.Found:
        with spent("find"):
            return super().find(asked)

    def by_rule(self, due: Any) -> Any:
        with spent("find"):
            return super().by_rule(due)

    def keep(self, due: Any, found: judging.Found, told: Any) -> None:
        with spent("write"):
            super().keep(due, found, told)

    def lay(self, asked: Sequence[Asked]) -> None:
        with spent("lay"):
            super().lay(asked)


class Told(SystemClock):
    """A real server's clock, that stands where it is told to."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at


class Alone:
    """A service's loop, as far as judging is concerned, without the rest of a server."""

    def __init__(self, book: Book, store: Store, since: int) -> None:
        self.service, self.judged = book.runbook.service, since
        self.judge = Judge(book.baseline, book.runbook, since)
        self.inbox: list[Finding] = []
        self.stands: judging.Stands = {}
        self.watch = JobWatch(store, book.runbook, since)
        self._read = CountsReader(store, self.service)

    def ready(self, complete: int) -> Asked:
        """What is to be judged."""
        return Asked(self.service, self.judge, self._read, complete, complete)

    def by_rule(self, complete: int, told: bool) -> tuple[Sequence[Finding], Sequence[str]]:
        """What is found by rule."""
        return self.watch.look(complete, told)


class Server:
    """The server, its services, and the counts they are given."""

    def __init__(
        self, services: int, size: Size, folder: Path, place: str, begin: datetime,
        theirs: Callable[[], float], whole: bool,
    ) -> None:  # fmt: skip
        self.theirs = theirs
        self.kin, self.clock = [Kin(size, rate) for rate in RATES], Told(begin)
        self.books = [self.kin[i % len(RATES)].book(i, folder) for i in range(services)]
        self.store = Store.open(place)
        judging.Sweep = TimedSweep  # type: ignore[misc]
        began = time.process_time()
        self.judging = TimedJudging(self.store, services=[book.runbook.service for book in self.books])
        self.running = Running(self.store, folder, self.books, self.clock, catch_up=0.0) if whole else None
        self.loops: list[Any] = (
            list(self.running.pulses.values()) if self.running is not None
            else [Alone(book, self.store, micros(begin)) for book in self.books]
        )  # fmt: skip
        if self.running is not None:
            self.running.judging = self.running.turns.judging = self.judging
            for pulse in self.loops:
                pulse.judging = self.judging
            self.running.beat()
        else:
            self.judging.lay([loop.ready(micros(begin)) for loop in self.loops])
        judging.settled()
        self.started = time.process_time() - began

    def _beat(self) -> None:
        complete = micros(self.clock.at)
        if self.running is None:
            self.judging.judge([(loop, complete) for loop in self.loops])
        else:
            self.running.beat()
            assert not ({self.running.trouble(name) for name in self.running.pulses} - {""})
        assert {loop.judged for loop in self.loops} == {complete}, "every service was judged"

    @property
    def monitors(self) -> int:
        """Of one service: each kind of each series in each scope, as each has a level of its own."""
        return int(self.loops[0].judge.monitors)

    @property
    def findings(self) -> int:
        """How many were found, where nobody hears of them; else how many incidents there are."""
        return len(self.store.incidents()) or sum(len(loop.inbox) for loop in self.loops)

    def commit(self, at: datetime) -> None:
        """A minute's counts of every service, each a batch; and a cohort's, when its hour is over."""
        rows: list[dict[str, Any]] = []
        made: list[dict[str, Any]] = []
        for i, book in enumerate(self.books):
            kin, plan = self.kin[i % len(self.kin)], book.baseline.plan
            parts = [(f"{at:%d%H%M}", kin.minutes[(i + at.minute) % SAMPLES], at)]
            if at.minute == 59:
                parts.append((f"q{at:%d%H}", kin.hours[i % 4], at.replace(minute=0)))
            for name, counted, when in parts:
                batch = f"{plan.service}-{name}"
                made.append({"id": batch, "service": plan.service, "kind": "nothing", "rows": 0,
                             "taken_at": micros(at)})  # fmt: skip
                rows += [{"batch": batch, **row} for row in kin.rows(plan, counted, when)]
        with self.store.writes() as connection:
            connection.execute(batches.insert(), made)
            connection.execute(counts.insert(), rows)

    def arrives(self, service: int, version: str) -> None:
        """A service's new version is seen."""
        loop = self.loops[service]
        if self.running is None:
            loop.judge.meet(version)
        else:
            loop.counting.versions[version] = micros(self.clock.at)

    def tick(self, minutes: int = 1) -> Tick:
        """The next minutes: their counts are committed, then the server looks once."""
        for _ in range(minutes):
            self.commit(self.clock.at)
            self.clock.at += MINUTE
        SPENT.clear()
        theirs = self.theirs()
        with spent("beat"):
            self._beat()
        SPENT["theirs"] = self.theirs() - theirs
        found = dict(SPENT)
        for kind in ("", " wall"):
            found["judge" + kind] = found["find" + kind] - found["read" + kind]
            found["all" + kind] = found["find" + kind] + found["write" + kind]
        return found


def at(hour: int, minute: int) -> datetime:
    """A time of the bench's day."""
    return datetime(2024, 3, 18, hour, minute, tzinfo=UTC)
