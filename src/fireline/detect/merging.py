"""Ticks judged as one: how many, and what they look like once the clocks have changed."""

from __future__ import annotations

import numpy as np

from fireline.detect.kinds import Array, Kind, Means
from fireline.detect.season import cells_of, shifts
from fireline.terms.plan import Plan

MERGES = {60: (1,), 900: (1, 2, 4, 8, 16, 32, 96), 3600: (1, 2, 3, 6, 12, 24)}


def merged(counts: Array, first: int, merge: int) -> tuple[Array, int]:
    """Counts [T, W] from tick ``first`` added up in groups of ``merge`` aligned to 1970: ([T', W],
    first')."""
    if merge == 1:
        return counts, first
    lead = first % merge
    tail = -(lead + len(counts)) % merge
    padded = np.pad(counts, ((lead, tail), (0, 0)))
    return padded.reshape(-1, merge, counts.shape[1]).sum(axis=1), first // merge


def choose_merge(kind: Kind, plan: Plan, counts: Array, grain: int) -> int:
    """The fewest ticks to judge as one so that a busy tick holds ``kind.merge_to`` events."""
    if kind.merge_to == 0:
        return 1
    for merge in MERGES[grain]:
        ticks = kind.ticks(plan, merged(counts, 0, merge)[0])
        n = ticks.n[:, 0] if ticks.n.shape[1] else np.zeros(1)
        busy = n[n > 0]
        if busy.size and np.median(busy) >= kind.merge_to:
            return merge
    return MERGES[grain][-1]


def moved(
    kind: Kind, plan: Plan, counts: Array, first: int, grain: int, merge: int, width: int,
    spared: Array | None,
) -> tuple[Array, Array]:  # fmt: skip
    """The reference cut into ticks that begin where they will once the clocks have changed: values
    [T', ``width``] and their cells [T'].

    A tick of several hours begins at few hours of the local day, and at others after the change: what is
    usual then would be unknown. Ticks of an hour begin at every hour, and need none of this.
    """
    values, cells = [], []
    for seconds in shifts(first * grain, plan.timezone) if grain * merge > 3600 else ():
        by = seconds // grain % merge
        if seconds % grain or not by:
            continue
        folded, start = merged(counts, first - by, merge)
        ticks = kind.ticks(plan, folded)
        assert isinstance(ticks, Means)
        value = np.where(ticks.n >= kind.least, ticks.value, np.nan)
        value[[0, -1]] = np.nan  # the ends are parts of ticks
        if spared is not None:  # a tick here lies in two of those
            at = np.clip(np.arange(len(value)) + start - first // merge, 0, len(spared) - 1)
            value = np.where(spared[at] | spared[np.minimum(at + 1, len(spared) - 1)], np.nan, value)
        begins = np.arange(start, start + len(folded)) * merge + by
        values.append(value)
        cells.append(cells_of(begins, grain, plan.timezone))
    if not values:
        return np.zeros((0, width)), np.zeros(0, np.int64)
    return np.concatenate(values), np.concatenate(cells)
