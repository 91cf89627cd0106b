"""A track: the running statistics of monitors that share a tick, from tick to tick and across restarts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

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

    ``sizes`` [G] are the channels of each monitor, lying end to end; ``page`` and ``ticket`` [G] the levels
    that fire; ``next_tick`` is the first tick not yet judged. Beside R runs a CUSUM ``w`` [C, J] of the same
    factors, never below 0: its last zero dates the evidence (``since`` [C, J]), and ``sums`` [3, C, J] are
    the weighted seen, usual and weight from there. A monitor that fired a ticket is ``latched`` [G] (1 + the
    branch that led, else 0) until that branch falls back to 0.
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
        quiet = np.empty(self.w.shape, bool)
        for t in range(block.ticks):
            self.r += block.counted[t]
            self.r *= block.factors[t]
            self.w += block.logs[t]
            np.maximum(self.w, 0.0, out=self.w)
            np.less_equal(self.w, 0.0, out=quiet)
            # Tick after tick, so that how a log was cut into blocks does not show even in the last bit.
            self.sums += block.weighted[:, t, :, None]
            np.copyto(self.sums, 0.0, where=quiet)
            np.copyto(self.since, self.next_tick + 1, where=quiet)
            stat = np.add.reduceat(self.r.sum(axis=1), groups)
            if (stat >= ticket).any():
                for group in np.flatnonzero(stat >= ticket):
                    span = slice(int(groups[group]), int(groups[group] + self.sizes[group]))
                    level = "page" if stat[group] >= page[group] else "ticket"
                    if level == "page" or not self.latched[group]:
                        yield self._cross(int(group), span, level, float(stat[group] / scale[group]))
            if self.latched.any():
                self._unlatch(groups, stat < ticket)
            self.next_tick += 1

    def _cross(self, group: int, span: slice, level: str, statistic: float) -> Crossing:
        part = self.r[span]
        shares = part.sum(axis=1)
        channel = int(shares.argmax())
        branches = part.argmax(axis=1)  # each channel by its own: another's may have nothing to say of it
        branch = int(branches[channel])
        sums = self.sums[:, np.arange(span.start, span.stop), branches]
        total = np.maximum(sums[2], 1e-12)
        crossing = Crossing(
            group=group, tick=self.next_tick, level=level, statistic=statistic,
            since=int(self.since[span.start + channel, branch]), seen=sums[0] / total, usual=sums[1] / total,
            weight=sums[2].copy(), shares=shares / max(float(shares.sum()), 1e-300),
        )  # fmt: skip
        self.latched[group] = 1 + channel * self.r.shape[1] + branch
        if level == "page":
            self.r[span] = 0.0
        return crossing

    def _unlatch(self, groups: Array, low: Array) -> None:
        """Lets a monitor [G] tell again once it is ``low`` and the branch that led its ticket has nothing to
        say."""
        for group in np.flatnonzero((self.latched > 0) & low):
            channel, branch = divmod(int(self.latched[group]) - 1, self.r.shape[1])
            if self.w[groups[group] + channel, branch] <= 0:
                self.latched[group] = 0


class _Block:
    """Readings side by side: ``factors``, ``logs`` and ``counted`` [T, C, J or 1], ``weighted`` [3, T, C]."""

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
        self.weighted = np.stack([seen, usual, weight])
