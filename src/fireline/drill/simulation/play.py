"""One play of the simulation, from a seed to what went wrong in it."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random  # noqa: TID251  (seeded)
from typing import Any

from fireline.clock import ManualClock
from fireline.drill.simulation.cast import CAST, Part
from fireline.drill.simulation.fate import Fate
from fireline.drill.simulation.invariants import INVARIANTS, Invariant
from fireline.drill.simulation.scene import BEGIN, LOG, SERVICES, TICKS, Life, Scene
from fireline.drill.simulation.stage import CALM_ROUNDS, Stage
from fireline.store import Store
from fireline.store.connect import connect, url_of
from fireline.store.watch import watch
from fireline.terms.measure import IN_FLIGHT

REPLAY = "python -m fireline.drill.simulation --seed {seed}{more}"
FLYING = (
    "SELECT service, count(*) FROM measures WHERE state IN ({}) GROUP BY service HAVING count(*) > 1".format(
        ", ".join(f"'{state.value}'" for state in sorted(IN_FLIGHT))
    )
)

Settled = Callable[[Scene, Store], bool]
UNSETTLED = f"nothing goes wrong any more, and after {CALM_ROUNDS} rounds it is still not settled"


@dataclass(frozen=True)
class Outcome:
    """What came of one run. ``trace`` is equal for equal runs; ``crash_points`` is how many there were."""

    seed: int
    problems: tuple[str, ...]
    crash_points: int
    crashes: int
    trace: str
    crash_at: int | None = None

    def __str__(self) -> str:
        more = f" --crash-at {self.crash_at}" if self.crash_at is not None else ""
        if not self.problems:
            return f"seed {self.seed}{more}: good, {self.crashes} crashes at {self.crash_points} crash points"
        told = "\n".join(f"  - {problem}" for problem in self.problems)
        return (
            f"seed {self.seed}{more}:\n{told}\nplay it again with: {REPLAY.format(seed=self.seed, more=more)}"
        )


class Theatre:
    """A folder for the store's file and the connections of each process, used for one run after another."""

    def __init__(self, store: type[Store] = Store) -> None:
        shm = Path("/dev/shm")
        self._folder = tempfile.TemporaryDirectory(
            prefix="fireline-simulation-", dir=shm if shm.is_dir() else None
        )
        self._template = Path(self._folder.name) / "template.sqlite"
        self.file = Path(self._folder.name) / "store.sqlite"
        self._kind = store
        self._databases: dict[str, Any] = {}
        self._drops: dict[str, Callable[[], None]] = {}
        self._stage: Stage | None = None
        self._eye: sqlite3.Connection | None = None
        store.open(self._template).close()

    def __enter__(self) -> Theatre:
        return self

    def __exit__(self, *_: object) -> None:
        self._strike()
        self._folder.cleanup()

    def set_up(self, stage: Stage) -> None:
        """A new empty store for a new run."""
        self._strike()
        for suffix in ("", "-wal", "-shm"):
            Path(f"{self.file}{suffix}").unlink(missing_ok=True)
        shutil.copyfile(self._template, self.file)
        self._stage = stage
        self._eye = sqlite3.connect(self.file, isolation_level=None, check_same_thread=False)

    def _strike(self) -> None:
        for who in self._drops:
            self.leave(who)
        if self._eye is not None:
            self._eye.close()
            self._eye = None

    def open_store(self, who: str) -> Store:
        """A store for a new life of process ``who``: new connections, nothing remembered."""
        if who not in self._databases:
            self._databases[who] = connect(url_of(self.file))
            self._drops[who] = watch(self._databases[who], self._told)
        return self._kind(self._databases[who])

    def leave(self, who: str) -> None:
        """Process ``who`` is no more: its connections break off, and what it had begun is rolled back."""
        if who in self._drops:
            self._drops[who]()

    def _told(self, moment: str, what: str) -> None:
        stage = self._stage
        if stage is None:
            return
        if (moment, what) == ("after", "COMMIT"):
            self._look(stage)
        outside = moment == "read" or (moment, what) in (("before", "BEGIN IMMEDIATE"), ("after", "COMMIT"))
        stage.point(f"{moment} {what}", crash=moment != "read", give_way=outside)

    def _look(self, stage: Stage) -> None:
        """After every commit, past the store's own code: is there one measure in flight at most?"""
        if self._eye is not None:
            for service, count in self._eye.execute(FLYING):
                stage.problems.append(f"after a commit {count} measures were in flight for {service}")


def simulate(
    seed: int,
    theatre: Theatre | None = None,
    cast: Sequence[Part] = CAST,
    invariants: Sequence[Invariant] = INVARIANTS,
    crash_at: int | None = None,
    settled: Settled | None = None,
) -> Outcome:
    """Play ``seed`` once. ``crash_at`` stops one process at that crash point, and nothing else goes wrong.

    ``settled`` says when a run is over, for a cast that does something else than what is sent in here.
    """
    if theatre is None:
        with Theatre() as own:
            return simulate(seed, own, cast, invariants, crash_at, settled)
    over = settled or everything_settled
    fate = Fate(seed, crash_at)
    clock = ManualClock(BEGIN)
    stage = Stage(fate, clock)
    theatre.set_up(stage)
    scene = Scene(fate, stage, clock, theatre.open_store)
    for part in cast:
        if part.spare and fate.rng.random() < 0.5:
            continue
        stage.add(part.name, _life(scene, part, theatre))
    judge = theatre.open_store("the judge of the play")
    stage.run(lambda: over(scene, judge))
    problems = list(stage.problems)
    if not problems:
        problems = [] if stage.settled else [UNSETTLED]
        problems += [said for invariant in invariants for said in invariant(scene, judge)]
    return Outcome(seed, tuple(problems), fate.seen, fate.crashes, fate.trace, crash_at)


def _life(scene: Scene, part: Part, theatre: Theatre) -> Callable[[int], None]:
    def live(born: int) -> None:
        rng = Random(f"{scene.fate.seed} {part.name} {born}")
        try:
            part.live(Life(scene, part.name, born, rng))
        finally:
            theatre.leave(part.name)

    return live


def everything_settled(scene: Scene, store: Store) -> bool:
    """Whether everything sent was taken and judged, every measure is over, and every incident closed."""
    if scene.outbox.waiting or int(store.cursor(LOG) or 0) < len(scene.log.lines):
        return False
    marks = [store.mark(service) for service in SERVICES]
    if not all(mark is not None and mark.judged >= TICKS for mark in marks):
        return False
    return not store.incidents(open_only=True) and not store.measures(states=IN_FLIGHT)
