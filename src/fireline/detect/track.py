"""A track: the running statistics of monitors that share a tick, from tick to tick and across restarts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from fireline.detect.bank import Reading
from fireline.detect.kinds import Array

COLD = 30.0


@dataclass(frozen=True)
class Crossing:
    """Monitor ``group`` reached ``level`` at tick ``tick``; evidence has gathered since tick ``since``.

    ``seen`` and ``usual`` [channels] are weighted means since then, ``weight`` [channels] the events in them,
    ``shares`` [channels] which channel carries how much of the statistic.
    """

    group: int
    tick: int
    level: str
    statistic: float
    since: int
    seen: Array
    usual: Array
    weight: Array
    shares: Array


@dataclass
class Track:
    """R of every channel and branch [C, J], and what has gathered since each monitor was last quiet.

    ``sizes`` [G] are the channels of each monitor, lying end to end; ``page`` and ``ticket`` [G] the levels that
    fire; ``next_tick`` is the first tick not yet judged; ``since`` [G] the tick after a monitor was last quiet,
    and ``sums`` [3, C] its weighted seen, usual and weight from there.
    """

    sizes: Array
    page: Array
    ticket: Array
    r: Array
    next_tick: int
    latched: Array
    since: Array
    sums: Array
    _fired: dict[int, int] = field(default_factory=dict, repr=False)

    @classmethod
    def start(cls, sizes: Array, page: Array, ticket: Array, branches: int, tick: int) -> Track:
        """A track that has seen nothing, about to judge ``tick``."""
        channels = int(sizes.sum())
        return cls(
            sizes, page, ticket, np.zeros((channels, branches)), tick,
            np.zeros(len(sizes), bool), np.full(len(sizes), tick, np.int64), np.zeros((3, channels)),
        )  # fmt: skip

    @property
    def groups(self) -> Array:
        """The first channel of each monitor [G]."""
        return np.concatenate([[0], np.cumsum(self.sizes)[:-1]]).astype(np.int64)

    def join(self, other: Track) -> None:
        """Takes in monitors that start now: they follow those already here."""
        self.sizes = np.concatenate([self.sizes, other.sizes])
        self.page = np.concatenate([self.page, other.page])
        self.ticket = np.concatenate([self.ticket, other.ticket])
        self.r = np.concatenate([self.r, other.r])
        self.latched = np.concatenate([self.latched, other.latched])
        self.since = np.concatenate([self.since, np.full(len(other.since), self.next_tick, np.int64)])
        self.sums = np.concatenate([self.sums, other.sums], axis=1)

    def add(self, readings: Sequence[Reading]) -> Iterator[Crossing]:
        """Judges a block of T ticks, the readings lying side by side in the order of the monitors.

        A ticket level latches and lets the evidence go on to the page level, which resets it. Without data a
        monitor's R stays as it is.
        """
        block = _Block(readings)
        groups = self.groups
        scale = self.sizes * self.r.shape[1]
        ticket = self.ticket * scale
        stats = np.empty((block.ticks, len(groups)))
        for t in range(block.ticks):
            self.r += block.counted[t]
            self.r *= block.factors[t]
            stat = np.add.reduceat(self.r.sum(axis=1), groups, out=stats[t])
            if (stat >= ticket).any():
                for group in np.flatnonzero(stat >= ticket):
                    crossing = self._cross(int(group), t, stats, block, scale, groups)
                    if crossing is not None:
                        yield crossing
            stats[t] /= scale
        self._carry(stats, block, groups)
        self.next_tick += block.ticks

    def _cross(
        self, group: int, t: int, stats: Array, block: _Block, scale: Array, groups: Array
    ) -> Crossing | None:
        cold = np.flatnonzero(stats[:t, group] < COLD)
        self.latched[group] &= not self._cooled(group, stats, t)
        statistic = float(stats[t, group] / scale[group])
        paged = statistic >= self.page[group]
        if self.latched[group] and not paged:
            return None
        span = slice(int(groups[group]), int(groups[group] + self.sizes[group]))
        since, sums = self._gathered(group, span, int(cold[-1]) if cold.size else -1, t, block)
        part = self.r[span].sum(axis=1)
        total = np.maximum(sums[2], 1e-12)
        crossing = Crossing(
            group=group, tick=self.next_tick + t, level="page" if paged else "ticket", statistic=statistic,
            since=since, seen=sums[0] / total, usual=sums[1] / total, weight=sums[2],
            shares=part / max(float(part.sum()), 1e-300),
        )  # fmt: skip
        self.latched[group] = True
        self._fired[group] = t
        if paged:
            self.r[span] = 0.0
        return crossing

    def _cooled(self, group: int, stats: Array, t: int) -> bool:
        """Whether the monitor was quiet since it last fired within this block."""
        start = self._fired.get(group, -1) + 1
        return bool((stats[start:t, group] < COLD).any())

    def _gathered(self, group: int, span: slice, cold: int, t: int, block: _Block) -> tuple[int, Array]:
        """Since when, and the sums [3, channels] from there to ``t``."""
        rows = slice(cold + 1, t + 1)
        if cold >= 0:
            return self.next_tick + cold + 1, _gather(None, [part[rows, span] for part in block.weighted])
        return int(self.since[group]), _gather(
            self.sums[:, span], [part[rows, span] for part in block.weighted]
        )

    def _carry(self, stats: Array, block: _Block, groups: Array) -> None:
        """What the next block must know: the last quiet tick of each monitor and the sums since."""
        quiet = stats < COLD
        ever = quiet.any(axis=0)
        last = len(stats) - 1 - quiet[::-1].argmax(axis=0)
        self.since = np.where(ever, self.next_tick + last + 1, self.since)
        self.latched &= ~np.array([self._cooled(g, stats, len(stats)) for g in range(len(groups))])
        self._fired.clear()
        after = np.repeat(np.where(ever, last, -1), self.sizes)
        rows = np.arange(len(stats))[:, None] > after[None, :]
        begun = np.where(np.repeat(ever, self.sizes), 0.0, self.sums)
        self.sums = _gather(begun, [part * rows for part in block.weighted])


def _gather(begun: Array | None, parts: Sequence[Array]) -> Array:
    """Sums of each part [T, C] over its ticks on top of ``begun`` [parts, C]: [parts, C].

    Added tick after tick, so that how a log was cut into blocks does not show even in the last bit.
    """
    found = np.zeros((len(parts), parts[0].shape[1])) if begun is None else begun
    if len(parts[0]) == 0:
        return found
    return np.stack([
        np.add.accumulate(np.concatenate([first[None], part]), axis=0)[-1]
        for first, part in zip(found, parts, strict=True)
    ])  # fmt: skip


class _Block:
    """Readings side by side: ``factors`` and ``counted`` [T, C, J or 1], ``weighted`` three arrays [T, C]."""

    def __init__(self, readings: Sequence[Reading]) -> None:
        valid = np.concatenate([r.valid for r in readings], axis=1)
        self.ticks = len(valid)
        self.factors = np.exp(np.concatenate([r.log_factors for r in readings], axis=1))
        self.factors[~valid] = 1.0
        self.counted = valid.astype(np.float64)[..., None]
        weight = np.where(valid, np.concatenate([r.weight for r in readings], axis=1), 0.0)
        seen = np.nan_to_num(np.concatenate([r.seen for r in readings], axis=1)) * weight
        usual = np.concatenate([r.usual for r in readings], axis=1) * weight
        self.weighted = (seen, usual, weight)
