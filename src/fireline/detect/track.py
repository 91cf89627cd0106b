"""A track: the running statistics of monitors that share a tick, from tick to tick and across restarts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from fireline.detect.bank import Reading
from fireline.detect.kinds import Array


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
    """R of every channel and branch [C, J], and what has gathered since each branch last had nothing to say.

    ``sizes`` [G] are the channels of each monitor, lying end to end; ``page`` and ``ticket`` [G] the levels that
    fire; ``next_tick`` is the first tick not yet judged. Beside R runs a CUSUM ``w`` [C, J] of the same factors,
    never below 0: its last zero dates the evidence (``since`` [C, J]), and ``sums`` [3, C, J] are the weighted seen,
    usual and weight from there. A monitor that fired a ticket is ``latched`` [G] (1 + the branch that led, else 0)
    until that branch falls back to 0.
    """

    sizes: Array
    page: Array
    ticket: Array
    next_tick: int
    r: Array
    w: Array
    since: Array
    sums: Array
    latched: Array
    _fired: dict[int, int] = field(default_factory=dict, repr=False)

    @classmethod
    def start(cls, sizes: Array, page: Array, ticket: Array, branches: int, tick: int) -> Track:
        """A track that has seen nothing, about to judge ``tick``."""
        shape = (int(sizes.sum()), branches)
        return cls(
            sizes, page, ticket, tick, np.zeros(shape), np.zeros(shape), np.full(shape, tick, np.int64),
            np.zeros((3, *shape)), np.zeros(len(sizes), np.int64),
        )  # fmt: skip

    @property
    def groups(self) -> Array:
        """The first channel of each monitor [G]."""
        return np.concatenate([[0], np.cumsum(self.sizes)[:-1]]).astype(np.int64)

    def join(self, other: Track) -> None:
        """Takes in monitors that start now: they follow those already here."""
        fresh = np.full(other.since.shape, self.next_tick, np.int64)
        self.sizes = np.concatenate([self.sizes, other.sizes])
        self.page = np.concatenate([self.page, other.page])
        self.ticket = np.concatenate([self.ticket, other.ticket])
        self.r = np.concatenate([self.r, other.r])
        self.w = np.concatenate([self.w, other.w])
        self.since = np.concatenate([self.since, fresh])
        self.sums = np.concatenate([self.sums, other.sums], axis=1)
        self.latched = np.concatenate([self.latched, other.latched])

    def add(self, readings: Sequence[Reading]) -> Iterator[Crossing]:
        """Judges a block of T ticks, the readings lying side by side in the order of the monitors.

        A ticket level latches and lets the evidence go on to the page level, which resets it. Without data a
        monitor's R stays as it is.
        """
        block = _Block(readings)
        groups = self.groups
        scale = self.sizes * self.r.shape[1]
        ticket, page = self.ticket * scale, self.page * scale
        zero = np.empty((block.ticks, *self.w.shape), bool)
        for t in range(block.ticks):
            self.r += block.counted[t]
            self.r *= block.factors[t]
            self.w += block.logs[t]
            np.maximum(self.w, 0.0, out=self.w)
            np.less_equal(self.w, 0.0, out=zero[t])
            stat = np.add.reduceat(self.r.sum(axis=1), groups)
            if (stat >= ticket).any():
                for group in np.flatnonzero(stat >= ticket):
                    paged = bool(stat[group] >= page[group])
                    crossing = self._cross(
                        int(group), t, float(stat[group] / scale[group]), paged, zero, block
                    )
                    if crossing is not None:
                        yield crossing
        self._carry(zero, block)
        self.next_tick += block.ticks

    def _cross(
        self, group: int, t: int, statistic: float, paged: bool, zero: Array, block: _Block
    ) -> Crossing | None:
        span = slice(int(self.groups[group]), int(self.groups[group] + self.sizes[group]))
        if self._still_latched(group, span, t, zero) and not paged:
            return None
        part = self.r[span]
        channel, branch = np.unravel_index(int(part.argmax()), part.shape)
        since, sums = self._gathered(span, int(branch), span.start + int(channel), t, zero, block)
        total = np.maximum(sums[2], 1e-12)
        shares = part.sum(axis=1)
        crossing = Crossing(
            group=group, tick=self.next_tick + t, level="page" if paged else "ticket", statistic=statistic,
            since=since, seen=sums[0] / total, usual=sums[1] / total, weight=sums[2],
            shares=shares / max(float(shares.sum()), 1e-300),
        )  # fmt: skip
        self.latched[group] = 1 + int(channel) * self.r.shape[1] + int(branch)
        self._fired[group] = t
        if paged:
            self.r[span] = 0.0
        return crossing

    def _still_latched(self, group: int, span: slice, t: int, zero: Array) -> bool:
        """Whether the branch that led a former ticket has not been quiet since."""
        if not self.latched[group]:
            return False
        channel, branch = divmod(int(self.latched[group]) - 1, self.r.shape[1])
        start = self._fired.get(group, -1) + 1
        return not bool(zero[start:t, span.start + channel, branch].any())

    def _gathered(
        self, span: slice, branch: int, lead: int, t: int, zero: Array, block: _Block
    ) -> tuple[int, Array]:
        """Since when the leading branch has evidence, and the sums [3, channels] from there to ``t``."""
        quiet = np.flatnonzero(zero[: t + 1, lead, branch])
        cold = int(quiet[-1]) if quiet.size else -1
        inside = np.stack([part[cold + 1 : t + 1, span].sum(axis=0) for part in block.weighted])
        if cold >= 0:
            return self.next_tick + cold + 1, inside
        return int(self.since[lead, branch]), self.sums[:, span, branch] + inside

    def _carry(self, zero: Array, block: _Block) -> None:
        """What the next block must know: each branch's last zero, and the sums from there."""
        for group in np.flatnonzero(self.latched):
            span = slice(int(self.groups[group]), int(self.groups[group] + self.sizes[group]))
            if not self._still_latched(int(group), span, len(zero), zero):
                self.latched[group] = 0
        self._fired.clear()
        ever = zero.any(axis=0)
        last = len(zero) - 1 - zero[::-1].argmax(axis=0)
        self.since = np.where(ever, self.next_tick + last + 1, self.since)
        after = np.where(ever, last, -1)
        columns = np.arange(len(after))[:, None]
        for i, part in enumerate(block.weighted):
            running = np.concatenate([np.zeros((1, part.shape[1])), np.cumsum(part, axis=0)])
            kept = running[-1][:, None] - running[after + 1, columns]
            self.sums[i] = np.where(ever, kept, self.sums[i] + running[-1][:, None])


class _Block:
    """Readings side by side: ``factors``, ``logs`` and ``counted`` [T, C, J or 1], ``weighted`` three arrays [T, C]."""

    def __init__(self, readings: Sequence[Reading]) -> None:
        valid = np.concatenate([r.valid for r in readings], axis=1)
        self.ticks = len(valid)
        self.logs = np.concatenate([r.log_factors for r in readings], axis=1)
        self.logs[~valid] = 0.0
        self.factors = np.exp(self.logs)
        self.counted = valid.astype(np.float64)[..., None]
        weight = np.where(valid, np.concatenate([r.weight for r in readings], axis=1), 0.0)
        seen = np.nan_to_num(np.concatenate([r.seen for r in readings], axis=1)) * weight
        usual = np.concatenate([r.usual for r in readings], axis=1) * weight
        self.weighted = (seen, usual, weight)
