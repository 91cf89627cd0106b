"""What is usual: a figure over stretches of the reference as long as the window that is compared with it.

A pooled reference hides that days differ: a stormy day is off by more than most faults are. So the reference
is read in stretches; their median is the usual figure and their spread what lies within the usual.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from fireline.clock import MICROS, from_micros
from fireline.verify.rows import HOUR, Columns, rows, take
from fireline.verify.stats import Floats, size

Level = Callable[[Columns, Floats], tuple[float, float]]
"""A figure of some events, given with their weights [n], and its sampling error; NaN where they cannot show
it."""
UNKNOWN = (math.nan, math.nan)

FEWEST = 5
"""Stretches below which the reference is read as one, and its spread is not known."""
LEAST = 30


def days_of(columns: Columns, timezone: str) -> NDArray[np.int64]:
    """The day [n] of each row on the service's own calendar."""
    zone = ZoneInfo(timezone)
    hours, place = np.unique(columns["time"].astype(np.int64) // HOUR, return_inverse=True)
    days = [from_micros(hour * HOUR).astimezone(zone).toordinal() for hour in hours.tolist()]
    return np.array(days, np.int64)[place] if len(days) else np.empty(0, np.int64)


def stretches(columns: Columns, timezone: str, window: int) -> NDArray[np.int64]:
    """For each row of the reference the number [n] of its stretch; stretches are whole days, as many as
    ``window`` (us) lasts, but so short that there are at least FEWEST of them."""
    if not rows(columns):
        return np.empty(0, np.int64)
    days = days_of(columns, timezone)
    first, last = int(days.min()), int(days.max())
    wanted = max(1, round(window / (86_400 * MICROS)))
    length = max(1, min(wanted, (last - first + 1) // FEWEST))
    return (days - first) // length


def usual(
    level: Level, reference: Columns, weights: Floats, own: Floats, stretch: NDArray[np.int64]
) -> tuple[float, float]:
    """The usual figure and its spread between stretches.

    ``weights`` [n] give the reference the window's hours and weekdays; where too few stretches have those (a
    weekend after two weeks), the spread is read off all of it by its ``own`` weights. Spread 0 where it
    cannot be known.
    """
    found = _levels(level, reference, weights, stretch)
    if len(found) >= FEWEST:
        return float(np.median(found[:, 0])), _spread(found)
    used = weights > 0
    pooled, _ = level(take(reference, used), weights[used])
    plain = _levels(level, reference, own, stretch)
    return pooled, _spread(plain) if len(plain) >= FEWEST else 0.0


def _levels(level: Level, reference: Columns, weights: Floats, stretch: NDArray[np.int64]) -> Floats:
    """The figure and its sampling error [stretches, 2], of stretches that can show it."""
    found = [UNKNOWN]
    for number in np.unique(stretch):
        mine = (stretch == number) & (weights > 0)
        if mine.any() and size(weights[mine]) >= LEAST:
            found.append(level(take(reference, mine), weights[mine]))
    values = np.array(found, np.float64)
    return values[np.isfinite(values).all(axis=1)]


def _spread(found: Floats) -> float:
    """How far stretches differ beyond their sampling error; the wider of the robust and the plain reading,
    since a spread taken too small calls a bad day a fault."""
    values, errors = found[:, 0], found[:, 1]
    mad = 1.4826 * float(np.median(np.abs(values - np.median(values))))
    wide = max(mad, float(values.std(ddof=1)))
    return math.sqrt(max(wide**2 - float(np.median(errors)) ** 2, 0.0))
