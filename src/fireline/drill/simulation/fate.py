"""Chance, all of it from one seed: who is stopped where, who goes on, and how time passes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import blake2b
from random import Random  # noqa: TID251  (always seeded, and numpy's generator is slow for single draws)
from typing import TypeVar

T = TypeVar("T")


class Crash(BaseException):
    """The process ends here and now. Not an Exception: nothing may catch it and go on."""


HOT = (
    "", "COMMIT", "INSERT entries", "measures", "counts", "pager.ring", "outbox.acknowledge", "log.read",
    "plane.put", "before plane.put", "after plane.put",
)  # fmt: skip
"""Places of which one is drawn for each run: processes end there, or hang there, far more often than
elsewhere."""


@dataclass
class Fate:
    """What happens to whom, drawn from ``seed``.

    ``crash_at`` stops a process at that crash point (counted from 0) and at no other: to try every one of
    them. The storm begins at crash point ``begins`` and lasts until ``ends``; in the calm after it everybody
    may finish. ``impatience`` is how readily a person frees a measure that is being done.
    """

    seed: int
    crash_at: int | None = None
    rng: Random = field(init=False, repr=False)
    seen: int = 0
    crashes: int = 0
    calm: bool = False

    def __post_init__(self) -> None:
        self.rng = Random(self.seed)
        self.begins = self.rng.choice((0, 0, 150, 300))
        self.ends = self.begins + self.rng.choice((100, 250, 400))
        self.crash_share = self.rng.choice((0.0, 0.01, 0.03, 0.1))
        self.most_crashes = self.rng.choice((3, 8, 15))
        self.hot = self.rng.choice(HOT)
        self.give_way_share = self.rng.choice((0.05, 0.3, 0.8))
        self.fail_share = self.rng.choice((0.0, 0.1, 0.4))
        self.nap_share = self.rng.choice((0.0, 0.05, 0.2))
        self.impatience = self.rng.choice((0.02, 0.2, 0.8))
        self.long_waits = self.rng.choice((0.02, 0.15))
        self._trace = blake2b(digest_size=8)

    @property
    def trace(self) -> str:
        """A hash over everything that happened, in order: equal runs have equal traces."""
        return self._trace.hexdigest()

    def note(self, what: str) -> None:
        """Something happened."""
        self._trace.update(f"{what}\n".encode())

    def stops(self, what: str) -> bool:
        """Whether the process ends here, at the crash point ``what``."""
        here = self.seen
        self.seen += 1
        if self.crash_at is not None:
            return here == self.crash_at
        if self.calm or here < self.begins or self.crashes >= self.most_crashes or not self.crash_share:
            return False
        share = 0.3 if self.hot and self.hot in what else self.crash_share
        if self.rng.random() >= share:
            return False
        self.crashes += 1
        return True

    def fails(self) -> bool:
        """Whether a hand that is asked to do something answers with an error."""
        return not self.calm and self.crash_at is None and self.rng.random() < self.fail_share

    def gives_way(self) -> bool:
        """Whether another process goes on from here."""
        return not self.calm and self.rng.random() < self.give_way_share

    def nap(self, what: str) -> int:
        """For how many turns of others a process that gave way at ``what`` is not heard of."""
        if self.calm:
            return 0
        if self.hot and self.hot in what and self.rng.random() < 0.5:
            return self.rng.randrange(20, 100)
        return self.rng.randrange(5, 40) if self.rng.random() < self.nap_share else 0

    def idle(self) -> int:
        """For how many turns of others a process that has nothing to do stays away."""
        return self.rng.randrange(0, 14)

    def pick(self, among: Sequence[T]) -> T:
        """One of them."""
        return among[self.rng.randrange(len(among))]

    def wait(self) -> timedelta:
        """How much time passes before the next one goes on: mostly little, sometimes longer than any
        lease."""
        if self.rng.random() < self.long_waits:
            return timedelta(seconds=self.rng.randrange(60, 400))
        return timedelta(milliseconds=self.rng.randrange(0, 3000))
