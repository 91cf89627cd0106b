"""Season: which of 48 cells (hour of day by weekday or weekend, local time) a tick belongs to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

Array = np.ndarray[Any, Any]
CELLS = 48
QUARTER = 900


@lru_cache(maxsize=200_000)
def _offset(second: int, timezone: str) -> int:
    """Seconds that local time is ahead of UTC at ``second`` since 1970."""
    at = datetime.fromtimestamp(second, UTC).astimezone(ZoneInfo(timezone))
    return int((at.utcoffset() or timedelta()).total_seconds())


def _offsets(starts: Array, timezone: str) -> Array:
    """``_offset`` of each of ``starts`` [T], looked up once a quarter of an hour unless the clocks change
    within it."""
    quarters, inverse = np.unique(starts // QUARTER, return_inverse=True)
    edges = np.unique(np.concatenate([quarters, quarters + 1]))
    known = np.array([_offset(int(q) * QUARTER, timezone) for q in edges], dtype=np.int64)
    before, after = (known[np.searchsorted(edges, quarters + i)] for i in (0, 1))
    found = before[inverse]
    for i in np.flatnonzero((before != after)[inverse]):
        found[i] = _offset(int(starts[i]), timezone)
    return np.asarray(found)


def shifts(first: int, timezone: str) -> tuple[int, ...]:
    """How many seconds the local clock will be moved, or was, within a year from ``first`` (seconds since
    1970): empty where it never is."""
    seen = {_offset(first // QUARTER * QUARTER + week * 604_800, timezone) for week in range(-26, 53)}
    return tuple(sorted({a - b for a in seen for b in seen} - {0}))


def cells_of(ticks: Array, grain: int, timezone: str) -> Array:
    """The season cell, 0..47, of each of ``ticks`` [T] (indices of ``grain`` seconds since 1970): int64 [T].

    Local time, because people keep it: with UTC cells a daylight-saving change looks like drift.
    """
    starts = ticks.astype(np.int64) * grain
    local = starts + _offsets(starts, timezone)
    hour = (local // 3600) % 24
    weekday = (local // 86_400 + 3) % 7  # 1 January 1970 was a Thursday
    return np.asarray(np.where(weekday >= 5, 24, 0) + hour)
