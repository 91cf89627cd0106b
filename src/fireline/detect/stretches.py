"""Incidents within a reference: where a monitor would have fired, if that was seldom and short."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from fireline.detect.bank import Bank
from fireline.detect.fit import incidents_allowed
from fireline.detect.kinds import Array
from fireline.detect.merging import merged

MOST = 0.05  # of the reference; what lasts longer is no incident but another level
BLOCK_CELLS = 3_000_000


def incidents(
    bank: Bank, counts: Array, first: int, grain: int, loud: Array, level: Callable[[int], float]
) -> Array:
    """Which merged ticks of a reference were an incident, by channel of the one scope of ``bank``: [T, C].

    ``loud`` [G] are the monitors to look at. More stretches than a reference may hold, or longer ones, are
    left in: then they are the service's nature. ``counts`` [T, W] are ticks of ``grain`` seconds from
    ``first``; ``level`` gives what a statistic must reach in so many ticks.
    """
    folded, start = merged(counts, first, bank.merge)
    ticks = len(folded)
    found = np.zeros((ticks, bank.width), bool)
    for group in np.flatnonzero(loud):
        span = slice(int(bank.groups[group]), int(bank.groups[group] + bank.sizes[group]))
        logs = _log_factors(bank, folded, start, grain, span, level(ticks))
        most = incidents_allowed(ticks * grain * bank.merge)
        pieces = stretches(logs, level(ticks), most)
        if len(pieces) <= most and sum(stop - low for low, stop in pieces) <= MOST * ticks:
            for low, stop in pieces:
                found[low:stop, span] = True
    return found


def _log_factors(bank: Bank, folded: Array, start: int, grain: int, span: slice, level: float) -> Array:
    """log e of one monitor over the whole reference: [T, channels x branches], 0 without data."""
    caps = bank.caps(np.full(len(bank.groups), level))
    step = max(1, BLOCK_CELLS // max(bank.width * bank.branches, 1))
    parts = []
    for low in range(0, len(folded), step):
        reading = bank.read([folded[low : low + step]], start + low, grain, caps)
        part = np.where(reading.valid[:, span, None], reading.log_factors[:, span], 0.0)
        parts.append(part.reshape(len(part), -1))
    return np.concatenate(parts)


def stretches(logs: Array, level: float, most: int) -> list[tuple[int, int]]:
    """Where the statistic of ``logs`` [T, J] reaches ``level``: [from, to) of the evidence, in order; the
    search ends after one more than ``most``.

    A stretch begins at the last zero of the CUSUM of the branch that led, and ends at its peak: once the
    evidence falls by log(level) from there, the incident was over by then.
    """
    found: list[tuple[int, int]] = []
    low = 0
    while len(found) <= most:
        crossed = _crossing(logs[low:], level)
        if crossed is None:
            break
        tick, begin, branch = crossed
        walk = np.cumsum(logs[low + begin :, branch])
        fallen = walk < np.maximum.accumulate(walk) - np.log(level)
        fallen[: tick - begin + 1] = False
        end = int(np.argmax(fallen)) if fallen.any() else len(walk)
        peak = int(np.argmax(walk[:end]))
        found.append((low + begin, low + begin + peak + 1))
        low = found[-1][1]
    return found


def _crossing(logs: Array, level: float) -> tuple[int, int, int] | None:
    """(tick, the tick its evidence began, branch) of the first time the statistic reaches ``level``."""
    r, w = np.zeros(logs.shape[1]), np.zeros(logs.shape[1])
    since = np.zeros(logs.shape[1], np.int64)
    factors = np.exp(logs)
    for tick in range(len(logs)):
        r = (r + 1) * factors[tick]
        w = np.maximum(w + logs[tick], 0.0)
        since[w <= 0] = tick + 1
        if r.mean() >= level:
            branch = int(np.argmax(r))
            return tick, int(min(since[branch], tick)), branch
    return None
