"""Season: which of 48 cells (hour of day by weekday or weekend, local time) a tick belongs to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

Array = np.ndarray[Any, Any]
CELLS = 48


@lru_cache(maxsize=100_000)
def _offset_seconds(utc_hour: int, timezone: str) -> int:
    at = datetime.fromtimestamp(utc_hour * 3600, UTC).astimezone(ZoneInfo(timezone))
    return int((at.utcoffset() or timedelta()).total_seconds())


def cells_of(ticks: Array, grain: int, timezone: str) -> Array:
    """The season cell, 0..47, of each of ``ticks`` [T] (indices of ``grain`` seconds since 1970): int64 [T].

    Local time, because people keep it: with UTC cells a daylight-saving change looks like drift.
    """
    starts = ticks.astype(np.int64) * grain
    hours, inverse = np.unique(starts // 3600, return_inverse=True)
    offsets = np.array([_offset_seconds(int(h), timezone) for h in hours], dtype=np.int64)[inverse]
    local = starts + offsets
    hour = (local // 3600) % 24
    weekday = (local // 86_400 + 3) % 7  # 1 January 1970 was a Thursday
    return np.asarray(np.where(weekday >= 5, 24, 0) + hour)
