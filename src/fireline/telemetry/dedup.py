"""Duplicates: the same request counted once, within a horizon of event time.

An event is a duplicate when (service, request id, version, shadow) was kept before, the two times are no
further apart than the horizon, and that one is no further behind the latest time kept. What was kept is
remembered as a sorted array per batch, stored with the batch, so that a restart knows what the process before
it knew. The answer does not depend on how a log is cut into batches.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np
import pyarrow as pa

from fireline.telemetry.columns import Array, booleans, codes, times
from fireline.telemetry.hashing import hash_text, mix

NEVER = np.iinfo(np.int64).min
MERGE_AT = 64


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys one batch added, as stored: ``first`` and ``last`` event time in microseconds, ``clock`` the
    latest time kept so far, and ``body``, n keys as little-endian uint64 and then their n times as int64."""

    first: int
    last: int
    clock: int
    body: bytes

    def arrays(self) -> tuple[Array, Array]:
        """Keys uint64 [n] in order and their times int64 [n]."""
        n = len(self.body) // 16
        return np.frombuffer(self.body, "<u8", n), np.frombuffer(self.body, "<i8", n, 8 * n)


@dataclass(frozen=True, eq=False)
class Split:
    """A batch without its duplicates, the duplicates, and the keys to store with it."""

    kept: pa.Table
    dropped: pa.Table
    keys: Keys


@dataclass(eq=False)
class Dedup:
    """What one service was seen to send within the horizon.

    ``split`` does not change it: call ``remember`` once the batch is committed. After a restart give
    ``stored`` the keys of the batches of the last two horizons, oldest first.
    """

    service: str
    horizon: timedelta = timedelta(hours=24)
    stored: Iterable[Keys] = ()
    _window: list[tuple[int, Array, Array]] = field(default_factory=list, init=False, repr=False)
    _clock: int = field(default=NEVER, init=False)

    def __post_init__(self) -> None:
        self._reach = max(int(self.horizon / timedelta(microseconds=1)), 0)
        for keys in self.stored:
            self.remember(keys)
        self.stored = ()

    def split(self, events: pa.Table) -> Split:
        """Part the canonical ``events`` [n], in order of arrival, into new ones and duplicates."""
        keys, instants = event_keys(self.service, events), times(events)
        known = self._known(keys, instants)
        fresh = np.ones(len(keys), bool)
        while True:
            clock = self._clocks(instants, fresh)
            left = ~(known >= _back(clock, self._reach))
            left[left] = _first_of_each(keys[left], instants[left], clock[left], self._reach)
            if (left == fresh).all():
                break
            fresh = left
        stored = _store(keys[fresh], instants[fresh], self._clock)
        if fresh.all():
            return Split(events, events.slice(0, 0), stored)
        return Split(events.filter(pa.array(fresh)), events.filter(pa.array(~fresh)), stored)

    def remember(self, keys: Keys) -> None:
        """Add what a committed batch kept, and forget what is older than the horizon."""
        self._clock = max(self._clock, keys.clock)
        found, instants = keys.arrays()
        if len(found):
            self._window.append((keys.last, found, instants))
        oldest = self._clock - self._reach
        self._window = [part for part in self._window if part[0] >= oldest]
        if len(self._window) > MERGE_AT:
            self._merge()

    def _merge(self) -> None:
        """Fewer, larger arrays: the smaller half of the window becomes one."""
        ranked = sorted(self._window, key=lambda part: len(part[1]))
        some, rest = ranked[: MERGE_AT // 2], ranked[MERGE_AT // 2 :]
        keys = np.concatenate([part[1] for part in some])
        instants = np.concatenate([part[2] for part in some])
        order = np.lexsort((instants, keys))
        self._window = [*rest, (max(part[0] for part in some), keys[order], instants[order])]

    def _clocks(self, instants: Array, kept: Array) -> Array:
        """The latest time kept before each row [n]: what is dropped tells no time."""
        latest = np.maximum.accumulate(np.concatenate([[self._clock], np.where(kept, instants, NEVER)]))
        return np.asarray(latest[:-1])

    def _known(self, keys: Array, instants: Array) -> Array:
        """For each row [n] the latest time in the window at which its key was kept within the horizon, or
        NEVER."""
        known = np.full(len(keys), NEVER, np.int64)
        if not len(keys):
            return known
        order = np.argsort(keys)
        asked = keys[order]
        low, high = int(instants.min()) - self._reach, int(instants.max()) + self._reach
        for last, stored, when in self._window:
            if last < low or int(when.min()) > high:
                continue
            left = np.minimum(np.searchsorted(stored, asked), len(stored) - 1)
            met = np.flatnonzero(stored[left] == asked)
            if met.size:
                rows, place = order[met], left[met]
                through = np.searchsorted(stored, asked[met], side="right")
                for i in range(int((through - place).max())):
                    before = when[np.minimum(place + i, through - 1)]
                    near = np.abs(instants[rows] - before) <= self._reach
                    known[rows] = np.maximum(known[rows], np.where(near, before, NEVER))
        return known


def event_keys(service: str, events: pa.Table) -> Array:
    """What makes each event itself: a hash of service, request id, version and shadow, uint64 [n]."""
    n = len(events)
    found, values = codes(events, "version")
    names = hash_text(pa.array(["", *values], pa.string()))[found + 1]
    whose = np.full(n, hash_text(pa.array([service]))[0], np.uint64)
    shadow = booleans(events, "shadow").astype(np.uint64)
    return mix(whose, hash_text(events.column("request_id")), names, shadow)


def _back(clock: Array, reach: int) -> Array:
    """The horizon before ``clock``; later than NEVER, which stands for no time at all."""
    return np.where(clock < NEVER + 1 + reach, NEVER + 1, clock - reach)


def _first_of_each(keys: Array, instants: Array, clock: Array, reach: int) -> Array:
    """Which rows [n] of one batch are new: the first of each key, and again once the horizon has passed.

    Each round keeps the first open row of every key and drops the rows near it, so there are as many rounds
    as a key is kept.
    """
    n = len(keys)
    new = np.ones(n, bool)
    order = np.argsort(keys, kind="stable")
    ranked = keys[order]
    twice = np.zeros(n, bool)
    twice[1:] |= ranked[1:] == ranked[:-1]
    twice[:-1] |= ranked[1:] == ranked[:-1]
    open_rows = order[twice]
    while open_rows.size:
        group = keys[open_rows]
        starts = np.concatenate([[True], group[1:] != group[:-1]])
        head = open_rows[starts][np.cumsum(starts) - 1]
        near = np.abs(instants[open_rows] - instants[head]) <= reach
        near &= instants[head] >= _back(clock[open_rows], reach)
        new[open_rows[near & ~starts]] = False
        open_rows = open_rows[~near & ~starts]
    return new


def _store(keys: Array, instants: Array, clock: int) -> Keys:
    order = np.lexsort((instants, keys))
    body = keys[order].astype("<u8").tobytes() + instants[order].astype("<i8").tobytes()
    if not len(instants):
        return Keys(clock, clock, clock, body)
    first, last = int(instants.min()), int(instants.max())
    return Keys(first, last, max(clock, last), body)
