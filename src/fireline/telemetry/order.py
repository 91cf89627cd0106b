"""Arrival order: which rows are late, which come from a clock that is ahead, and when a log must be sorted.

A log that a service writes is broadly in order of time, so its order is the order of arrival. The longest run
of rows that is in order tells the time; a row that lies before it by more than the allowed lateness is late,
one that lies after the rows that follow it by more than the allowed skew has a clock that is ahead. A log in
which such rows are too many, and not explained by a few clocks off by a fixed amount, was not written in
order: it is sorted, and nothing in it is late. A log that says when each row arrived is taken at its word.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

SKEWED_SHARE = 0.45
LOOSE_SHARE = 0.1
DAY = 26 * 3600 * 10**6
MANY = 0.05
GAP = 30 * 86_400 * 10**6
FEW = 0.01
MODES = 3
NEVER = np.iinfo(np.int64).min
ALWAYS = np.iinfo(np.int64).max


@dataclass(frozen=True, eq=False)
class Order:
    """How the rows of one file arrived.

    ``index`` int64 [m] lists the rows kept in order of arrival, ``clock`` int64 [m] the time it was at each
    of them (never falling) and ``late`` bool [m] which came too late. ``ahead`` int64 [k] lists rows whose
    clock is ahead, ``ahead_by`` int64 [k] by how many microseconds, ``far`` the rows that stand apart from
    all others.
    """

    index: Array
    clock: Array
    late: Array
    ahead: Array
    ahead_by: Array
    far: Array
    sorted: bool = False
    out_of_order: float = 0.0


def arrange(
    times: Array, clock_skew: timedelta, allowed_lateness: timedelta, arrived: Array | None = None
) -> Order:
    """The order of rows with ``times``, int64 microseconds [n], as they stand in the file, or as they
    ``arrived``, int64 microseconds [n], where the log says it."""
    near, far = _near(times)
    inner = times[near]
    skew, lateness = _micros(clock_skew), _micros(allowed_lateness)
    if arrived is not None:
        order = _by_arrival(inner, arrived[near], skew, lateness)
    else:
        order = _arrange(inner, skew, lateness)
    return Order(
        near[order.index], order.clock, order.late, near[order.ahead], order.ahead_by, far, order.sorted,
        order.out_of_order,
    )  # fmt: skip


def _micros(span: timedelta) -> int:
    return max(int(span / timedelta(microseconds=1)), 1)


def _near(times: Array) -> tuple[Array, Array]:
    """Rows of the log's body, and rows that a month or more without any row divides from it and that are
    few."""
    everything = np.arange(len(times))
    if len(times) < 2 or int(times.max()) - int(times.min()) <= GAP:
        return everything, everything[:0]
    ranked = np.sort(times)
    cuts = np.flatnonzero(np.diff(ranked) > GAP) + 1
    if not cuts.size:
        return everything, everything[:0]
    edges = np.concatenate([[0], cuts, [len(ranked)]])
    sizes = np.diff(edges)
    small = sizes < max(FEW * len(times), 1.5)
    if small.all() or sizes[~small].sum() < (1 - FEW) * len(times):
        return everything, everything[:0]
    group = np.searchsorted(ranked[cuts], times, side="right")
    return np.flatnonzero(~small[group]), np.flatnonzero(small[group])


def _arrange(times: Array, skew: int, lateness: int) -> Order:
    n = len(times)
    everything, nothing = np.arange(n), np.empty(0, np.int64)
    if n < 2 or bool((times[1:] >= times[:-1]).all()):
        return Order(everything, times, np.zeros(n, bool), nothing, nothing, nothing)
    grain = max(min(skew, lateness) // 2, 1)
    in_run = _longest_run((times - int(times.min())) // grain)
    in_run = _without_tail(times, in_run, skew)
    clock, following = _clock(times, in_run)
    late_by, ahead_by = clock - times, np.where(following == ALWAYS, 0, times - following)
    late = ~in_run & (late_by > lateness) & (clock != NEVER)
    ahead = ~in_run & ~late & (ahead_by > skew)
    if not _explained(late, late_by, ahead, ahead_by):
        index = np.argsort(times, kind="stable")
        out = float(np.mean(late | ahead))
        return Order(index, times[index], np.zeros(n, bool), nothing, nothing, nothing, True, out)
    kept = np.flatnonzero(~ahead)
    shown = np.where(clock == NEVER, times[in_run].min(), clock)[kept]
    who = np.flatnonzero(ahead)
    around = np.where(clock == NEVER, following, clock)[who] // 2 + following[who] // 2
    return Order(kept, shown, late[kept], who, times[who] - around, nothing)


def _by_arrival(times: Array, arrived: Array, skew: int, lateness: int) -> Order:
    """As a server would have met the rows: its clock stood at ``arrived`` when each came."""
    order = np.argsort(arrived, kind="stable")
    times_in, came = times[order], arrived[order]
    ahead = times_in > came + skew
    kept, wrong = order[~ahead], order[ahead]
    late = times[kept] < arrived[kept] - lateness
    return Order(kept, came[~ahead], late, wrong, times[wrong] - arrived[wrong], np.empty(0, np.int64))


def _clock(times: Array, in_run: Array) -> tuple[Array, Array]:
    """For each row [n]: the latest time of the run up to it, and the earliest of the run after it."""
    before = np.maximum.accumulate(np.where(in_run, times, NEVER))
    after = np.minimum.accumulate(np.where(in_run, times, ALWAYS)[::-1])[::-1]
    return before, after


def _longest_run(steps: Array) -> Array:
    """Which rows make up a longest non-decreasing run of ``steps`` [n].

    Rows that no other row contradicts belong to it for certain and cut the rest into stretches of their own.
    """
    highest, lowest = np.maximum.accumulate(steps), np.minimum.accumulate(steps[::-1])[::-1]
    sure = (steps >= highest) & (steps <= lowest)
    chosen = sure.copy()
    edges = np.flatnonzero(np.diff(np.concatenate([[False], ~sure, [False]]).astype(np.int8)))
    for start, stop in edges.reshape(-1, 2).tolist():
        chosen[start:stop] = _longest_in(steps[start:stop])
    return chosen


def _longest_in(steps: Array) -> Array:
    """Patience sorting: the smallest end of a run of each length, then back along the lengths."""
    ends: list[int] = []
    lengths = np.empty(len(steps), np.int64)
    values = steps.tolist()
    for i, value in enumerate(values):
        place = bisect_right(ends, value)
        if place == len(ends):
            ends.append(value)
        else:
            ends[place] = value
        lengths[i] = place
    chosen = np.zeros(len(steps), bool)
    wanted, limit = len(ends) - 1, None
    sizes = lengths.tolist()
    for i in range(len(values) - 1, -1, -1):
        if sizes[i] == wanted and (limit is None or values[i] <= limit):
            chosen[i], limit, wanted = True, values[i], wanted - 1
            if wanted < 0:
                break
    return chosen


def _without_tail(times: Array, in_run: Array, skew: int) -> Array:
    """The run without an end that clocks ahead gave it.

    After the last row with a right clock a few rows ahead can still lengthen the run. They are told by a jump
    of the run with rows behind it, no later than which other rows were found ahead by the same amount.
    """
    run = np.flatnonzero(in_run)
    jumps = np.flatnonzero(np.diff(times[run]) > skew)
    if not jumps.size or in_run.all():
        return in_run
    following = _clock(times, in_run)[1]
    ahead = ~in_run & (following != ALWAYS) & (times - np.where(following == ALWAYS, times, following) > skew)
    if not ahead.any():
        return in_run
    usual = float(np.median((times - following)[ahead]))
    at = int(jumps[-1])
    jump = float(times[run[at + 1]] - times[run[at]])
    behind = ~in_run[run[at + 1] :] & (times[run[at + 1] :] < times[run[at + 1]] - skew)
    short = len(run) - at - 1 <= max(25, int(behind.sum()) * 4)
    if not short or abs(jump - usual) > 0.2 * usual:
        return in_run
    left = in_run.copy()
    left[run[at] + 1 :] = False
    tail = times[run[at] + 1 :]
    right = (tail >= times[run[at]]) & (tail < times[run[at + 1]] - skew)
    left[run[at] + 1 :] = right & (tail >= np.maximum.accumulate(np.where(right, tail, NEVER)))
    return left


def _explained(late: Array, late_by: Array, ahead: Array, ahead_by: Array) -> bool:
    """Whether rows out of order are few, or come from a few clocks off by a fixed amount."""
    n = len(late)
    if np.count_nonzero(late & (late_by > DAY)) + np.count_nonzero(ahead & (ahead_by > DAY)) > MANY * n:
        return False
    for wrong, by in ((late, late_by), (ahead, ahead_by)):
        count = int(np.count_nonzero(wrong))
        if count > SKEWED_SHARE * n or (count > LOOSE_SHARE * n and not _of_few_clocks(by[wrong])):
            return False
    return True


def _of_few_clocks(by: Array) -> bool:
    """Whether four fifths of the amounts [k] lie in three narrow bands."""
    ranked = np.sort(by)
    left, total = ranked, 0
    for _ in range(MODES):
        if not left.size:
            break
        width = np.maximum(60 * 10**6, left // 10)
        stop = np.searchsorted(left, left + width, side="right")
        best = int(np.argmax(stop - np.arange(len(left))))
        total += int(stop[best]) - best
        left = np.delete(left, slice(best, int(stop[best])))
    return total >= 0.8 * len(ranked)
