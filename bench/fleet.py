"""A thousand services in one server: what a tick costs, split into reading counts, judging and writing state.

    python -m bench.fleet [--services 1000] [--from 29] [--ticks 34]

A real server (``live.running``) on a clock of its own with a SQLite store. Every service has its own plan
(identity, time zone, figures of what is usual) from one learnt baseline: six features, a score, latency,
flags, labels, two versions, a segment column. Counts are real tallies of events, committed minute by minute
as a server commits them: not timed. Bar: a tick under a second on one core; once a quarter of an hour comes
drift and every segment, once an hour quality: these ticks are told apart.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

import fireline.live.judging as judging
from fireline.clock import ManualClock, micros
from fireline.detect.baseline import learn
from fireline.detect.fleet import Asked
from fireline.live.judging import Judging
from fireline.live.pulse import Book
from fireline.live.running import Running
from fireline.reader import Sweep
from fireline.runbook.schema import Runbook
from fireline.store import Store
from fireline.telemetry.layout import declare
from fireline.telemetry.tally import add_up, tally, tally_quality
from fireline.terms.counts import CountsRow
from fireline.terms.plan import Layout, Plan
from tests.support import logs, town

DAYS, RATE, SAMPLES = 14, 20.0, 40
ZONES = ("UTC", "America/New_York", "Europe/Berlin", "Asia/Kolkata")
CORE = datetime(2024, 3, 18, 9, tzinfo=UTC)
MINUTE, HOUR = 60, 3600
SPENT: dict[str, float] = {}


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

    def ahead(self, grain: int, first: int, stop: int) -> None:
        with spent("read"):
            super().ahead(grain, first, stop)


class TimedJudging(Judging):
    """The judging (with the reading in it) and the writing, timed."""

    def find(self, asked: Sequence[Asked]) -> judging.Found:
        with spent("find"):
            return super().find(asked)

    def keep(self, due: Any, found: judging.Found, told: Any) -> None:
        with spent("write"):
            super().keep(due, found, told)


def runbook(service: str, zone: str) -> Runbook:
    plain = logs.runbook().model_dump(mode="json")
    plain |= {"service": service, "timezone": zone, "allowed_lateness": "0s"}
    plain["columns"]["segments"] = ["carrier"]
    plain["labels"]["age"] = "1h"
    return Runbook.model_validate(plain)


class World:
    """One town: its baseline, and minutes of its traffic as rows of counts to be given to any service."""

    def __init__(self) -> None:
        book = runbook("town", "UTC")
        events, label = town.events(1, RATE, 0, DAYS, newcomer=0.3)
        self.plan = town.with_labels(declare(book, events), label)
        rows = tally(self.plan, events) + tally_quality(self.plan, events, label)
        tables = {
            (layout.name, grain): add_up(rows, layout, grain, logs.START // grain,
                                         (logs.START + DAYS * 86_400) // grain)
            for layout in self.plan.layouts for grain in set(layout.grains.values())
        }  # fmt: skip
        place = town.Town(self.plan, DAYS, tables)
        self.baseline = learn(
            self.plan, place.read, place.at(0), place.at(DAYS), place.at(DAYS), lambda _: None
        )
        at = (CORE.timestamp() - logs.START) / 86_400
        self.minutes: list[list[CountsRow]] = []
        self.hours: list[list[CountsRow]] = []
        for i in range(SAMPLES):
            more, _ = town.events(100 + i, RATE, at, at + 1 / 1440, newcomer=0.3)
            self.minutes.append(tally(self.plan, more))
        for i in range(4):
            more, label = town.events(200 + i, RATE, at - 1 / 24, at, newcomer=0.3)
            self.hours.append(tally_quality(self.plan, more, label))

    def book(self, number: int, path: Path) -> Book:
        """A service of its own: another identity, time zone, and other figures."""
        rng = np.random.default_rng(number)
        name, zone = f"s{number:04d}", ZONES[number % len(ZONES)]

        def own(layout: Layout) -> Layout:
            return replace(layout, series=tuple(replace(s, reference=name) for s in layout.series))

        layouts = {n: own(getattr(self.plan, n)) for n in ("rates", "shapes", "delays", "quality")}
        plan = replace(self.plan, service=name, timezone=zone, **layouts)
        fits = {
            place: replace(one, base=one.base * rng.uniform(0.97, 1.03), tau2=one.tau2 * rng.uniform(1, 1.2))
            for place, one in self.baseline.fits.items()
        }
        return Book(runbook(name, zone), replace(self.baseline, plan=plan, fits=fits), path, "")


def rows_of(plan: Plan, world: World, rows: Sequence[CountsRow], at: datetime) -> list[CountsRow]:
    """The rows as ``plan``'s, at another time."""
    names = {
        mine.identity: theirs.identity for mine, theirs in zip(world.plan.layouts, plan.layouts, strict=True)
    }
    second = int(at.timestamp())
    return [replace(row, layout=names[row.layout], first_tick=second // row.grain) for row in rows]


class Bench:
    """The server, its services, and the counts they are given."""

    def __init__(self, services: int, folder: Path, begin: datetime) -> None:
        self.world, self.clock = World(), ManualClock(begin)
        self.books = [self.world.book(i, folder) for i in range(services)]
        self.store = Store.open(folder / "fireline.sqlite")
        self.running = Running(self.store, folder, self.books, clock=self.clock)
        judging.Sweep = TimedSweep  # type: ignore[misc]
        self.running.judging = TimedJudging(self.store, services=list(self.running.pulses))
        for pulse in self.running.pulses.values():
            pulse.judging = self.running.judging
        self.running.start()

    def commit(self, at: datetime) -> None:
        """A minute's counts of every service, each a batch; and a cohort's, when its hour is over."""
        with self.store.begin() as tx:
            for i, book in enumerate(self.books):
                plan = book.baseline.plan
                minute = self.world.minutes[(i + at.minute) % SAMPLES]
                self._put(tx, plan, f"{at:%H%M}", minute, at)
                if at.minute == 59:  # the cohort before: its labels have come of age when this minute is over
                    before = at.replace(minute=0) - timedelta(hours=1)
                    self._put(tx, plan, f"q{at:%H}", self.world.hours[i % 4], before)

    def _put(self, tx: Any, plan: Plan, name: str, rows: Sequence[CountsRow], at: datetime) -> None:
        counts = rows_of(plan, self.world, rows, at)
        tx.commit_batch(f"{plan.service}-{name}", at=at, service=plan.service, counts=counts)

    def tick(self) -> dict[str, float]:
        """The next minute: its counts are committed, then the server looks once."""
        now = self.clock.now()
        self.commit(now)
        self.clock.move_to(now + timedelta(minutes=1))
        SPENT.clear()
        with spent("beat"):
            self.running.beat()
        trouble = {self.running.trouble(name) for name in self.running.pulses} - {""}
        assert not trouble, trouble
        judged = {pulse.judged for pulse in self.running.pulses.values()}
        assert judged == {micros(self.clock.now())}, "every service was judged"
        found = dict(SPENT)
        for kind in ("", " wall"):
            found["judge" + kind] = found["find" + kind] - found["read" + kind]
            found["all" + kind] = found["find" + kind] + found["write" + kind]
        return found


def show(name: str, ticks: Sequence[dict[str, float]]) -> None:
    if not ticks:
        return

    def of(part: str, how: Callable[[Any], Any]) -> str:
        return f"{how([t[part] for t in ticks]):6.2f}"

    cpu = "  ".join(f"{part} {of(part, np.median)}" for part in ("read", "judge", "write", "all"))
    print(f"{name:18} {len(ticks):3}   {cpu}   worst {of('all', max)}   wall {of('all wall', np.median)}"
          f"   whole beat {of('beat', np.median)}")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--services", type=int, default=1000)
    parser.add_argument("--from", dest="start", type=int, default=29, help="minute of the hour to begin at")
    parser.add_argument("--ticks", type=int, default=34)
    given = parser.parse_args()
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="fleet-") as folder:
        bench = Bench(given.services, Path(folder), CORE + timedelta(minutes=given.start))
        judges = [pulse.judge for pulse in bench.running.pulses.values()]
        print(f"{given.services} services x {judges[0].monitors} monitors "
              f"({sum(len(r.track.r) for r in judges[0].rounds.values())} channels); "
              f"set up in {time.perf_counter() - began:.0f} s")  # fmt: skip
        kinds: dict[str, list[dict[str, float]]] = {
            "first": [],
            "minute": [],
            "quarter of an hour": [],
            "hour": [],
        }
        for number in range(given.ticks):
            found = bench.tick()
            minute = bench.clock.now().minute
            name = (
                "first"
                if number == 0
                else "hour"
                if minute == 0
                else "minute"
                if minute % 15
                else "quarter of an hour"
            )
            kinds[name].append(found)
        print("processor seconds a tick, median; `all` is read + judge + write")
        for name, ticks in kinds.items():
            show(name, ticks)
        size = (Path(folder) / "fireline.sqlite").stat().st_size / 1e6
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        print(f"store {size:.0f} MB, peak memory {peak:.1f} GB, {time.perf_counter() - began:.0f} s in all")


if __name__ == "__main__":
    main()
