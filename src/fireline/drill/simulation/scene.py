"""The scene: one store, the hands around it, what is sent in, and what must come of it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random  # noqa: TID251  (seeded)
from typing import Any

from fireline.clock import MICROS, ManualClock
from fireline.drill.fakes import FakeDataPlane, FakeLake, FakeOutbox, FakePager, Tripwire
from fireline.drill.simulation.fate import Fate
from fireline.drill.simulation.stage import Stage
from fireline.store import LakeFile, Store
from fireline.terms.counts import CountsRow

SERVICES = ("flights", "fares")
FAMILIES = ("error_rate", "latency")
TICKS = 4
GRAIN = 60
LOG = "log.csv"
BEGIN = datetime(2024, 3, 18, 6, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Sent:
    """Some rows as they are sent in: for one service, (tick, family) -> (rows, bad rows)."""

    name: str
    service: str
    cells: Mapping[tuple[int, str], tuple[int, int]]

    def counts(self) -> list[CountsRow]:
        """What the tally would make of them."""
        return [
            CountsRow("simulated", GRAIN, family, tick, 1, False, json.dumps(pair).encode())
            for (tick, family), pair in sorted(self.cells.items())
        ]

    def lake_file(self) -> LakeFile:
        """The lake file they lie in."""
        ticks = [tick for tick, _ in self.cells]
        rows = sum(pair[0] for pair in self.cells.values())
        low, high = min(ticks) * GRAIN * MICROS, (max(ticks) + 1) * GRAIN * MICROS - 1
        return LakeFile("events", f"{self.name}.parquet", rows, low, high, self.service)


@dataclass
class FakeLog:
    """A log that only grows and is read from a position."""

    lines: list[Sent]

    def read(self, position: int, most: int) -> list[Sent]:
        """Up to ``most`` lines from ``position`` on."""
        return self.lines[position : position + most]


@dataclass
class Scene:
    """Everything outside the processes: it survives their deaths."""

    fate: Fate
    stage: Stage
    clock: ManualClock
    open_store: Callable[[str], Store]
    plane: FakeDataPlane = field(default_factory=FakeDataPlane)
    pager: FakePager = field(default_factory=FakePager)
    lake: FakeLake = field(default_factory=FakeLake)
    outbox: FakeOutbox = field(default_factory=FakeOutbox)
    pushed: dict[str, Sent] = field(default_factory=dict)
    log: FakeLog = field(default_factory=lambda: FakeLog([]))

    def __post_init__(self) -> None:
        rng = Random(f"what is sent {self.fate.seed}")
        for number in range(rng.randrange(2, 6)):
            sent = _drawn(rng, f"batch-{number}")
            self.pushed[sent.name] = sent
            self.outbox.waiting[sent.name] = b"rows"
        self.log.lines = [_drawn(rng, f"line-{number}") for number in range(rng.randrange(0, 5))]

    @property
    def sent(self) -> list[Sent]:
        """Everything that was or will be sent in."""
        return [*self.pushed.values(), *self.log.lines]

    def expected(self) -> Counter[tuple[str, int, str, str]]:
        """(service, tick, family, rows or bad) -> count, as an uninterrupted run has it."""
        total: Counter[tuple[str, int, str, str]] = Counter()
        for sent in self.sent:
            for (tick, family), (rows, bad) in sent.cells.items():
                total[sent.service, tick, family, "rows"] += rows
                total[sent.service, tick, family, "bad"] += bad
        return total

    def bad_ticks(self) -> set[tuple[str, int, str]]:
        """(service, tick, family) that must be alerted, each once."""
        return {key[:3] for key, count in self.expected().items() if key[3] == "bad" and count}

    def complete(self, tick: int, log_position: int) -> bool:
        """Whether nothing of ``tick`` or before is still to come: what a watermark says."""
        left = [self.pushed[name] for name in self.outbox.waiting] + self.log.lines[log_position:]
        return not any(t <= tick for sent in left for t, _ in sent.cells)


def _drawn(rng: Random, name: str) -> Sent:
    first = rng.randrange(TICKS)
    cells = {}
    for tick in range(first, min(TICKS, first + rng.randrange(1, 3))):
        for family in FAMILIES:
            cells[tick, family] = (rng.randrange(1, 50), int(rng.random() < 0.2))
    return Sent(name, rng.choice(SERVICES), cells)


@dataclass
class Life:
    """One life of one process: what it may touch. A new one begins after every crash, and remembers nothing.

    A process that comes to its end begins again too: one that has nothing more to do rests for ever.
    """

    scene: Scene
    name: str
    born: int
    rng: Random

    @property
    def clock(self) -> ManualClock:
        return self.scene.clock

    @property
    def now(self) -> datetime:
        return self.scene.clock.now()

    def store(self) -> Store:
        """The store, opened anew by this process."""
        return self.scene.open_store(self.name)

    def hand(self, name: str) -> Any:
        """A hand (plane, pager, lake, outbox, log): every call of it is a crash point on both sides.

        What is told to the data plane may also fail: before it heard of it, or after, when the answer is
        lost.
        """

        def around(side: str) -> Callable[[str], None]:
            def told(what: str) -> None:
                self.scene.stage.point(f"{side} {what}", give_way=True)
                if what == "plane.put" and self.scene.fate.fails():
                    raise ConnectionError(f"the line broke {side} {what}")

            return told

        return Tripwire(getattr(self.scene, name), name, around("before"), around("after"))

    def rest(self) -> None:
        """Nothing more to do for now."""
        self.scene.stage.rest()


def totals(rows: Sequence[CountsRow]) -> Counter[tuple[int, str, str]]:
    """(tick, family, rows or bad) -> count, of stored counts."""
    total: Counter[tuple[int, str, str]] = Counter()
    for row in rows:
        good, bad = json.loads(row.body)
        total[row.first_tick, row.scope, "rows"] += good
        total[row.first_tick, row.scope, "bad"] += bad
    return total
