"""Events as plain columns, and what a comparison needs of them: masks, seasons, pairs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from fireline.clock import MICROS, from_micros, micros
from fireline.verify.stats import Bools, Floats

Columns = Mapping[str, NDArray[np.generic]]
HOUR = 3600 * MICROS


def rows(columns: Columns) -> int:
    """How many there are."""
    return len(columns["time"])


def take(columns: Columns, mask: NDArray[np.generic]) -> dict[str, NDArray[np.generic]]:
    """The rows that ``mask`` (bool [n]) or an index array names, of every column."""
    return {name: column[mask] for name, column in columns.items()}


def flag(columns: Columns, name: str) -> Bools:
    """A bool column [n]; all False where there is none."""
    column = columns.get(name)
    return np.zeros(rows(columns), bool) if column is None else column.astype(bool)


def number(columns: Columns, name: str) -> Floats:
    """A column as float64 [n], NaN where it is missing or no number."""
    column = columns.get(name)
    if column is None:
        return np.full(rows(columns), np.nan)
    if column.dtype.kind in "fiub":
        return column.astype(np.float64)
    out = np.full(len(column), np.nan)
    for at, value in enumerate(column.tolist()):
        try:
            out[at] = float(value) if value not in (None, "") else np.nan
        except (TypeError, ValueError):
            continue
    return out


def text(columns: Columns, name: str) -> NDArray[np.str_]:
    """A column as words [n], "" where it is missing."""
    column = columns.get(name)
    if column is None:
        return np.full(rows(columns), "", dtype=str)
    if column.dtype.kind == "O":
        return np.array(["" if value is None else str(value) for value in column.tolist()], dtype=str)
    return column.astype(str)


def weights(columns: Columns) -> Floats:
    """One over the sampling share of each event [n]."""
    return number(columns, "weight") if "weight" in columns else np.ones(rows(columns))


def between(columns: Columns, since: datetime, until: datetime) -> Bools:
    """Rows of [since, until)."""
    time = columns["time"].astype(np.int64)
    return np.asarray((time >= micros(since)) & (time < micros(until)))


def in_segment(columns: Columns, segment: Mapping[str, str] | None) -> Bools:
    """Rows of the segment; all of them without one."""
    keep = np.ones(rows(columns), bool)
    for column, value in sorted((segment or {}).items()):
        keep &= text(columns, column) == value
    return keep


def same_requests(harmed: Columns, contained: Columns) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Row indices [k] of requests that both sides answered, in the same order; of repeated ones the first."""
    a, first_a = np.unique(text(harmed, "request_id"), return_index=True)
    b, first_b = np.unique(text(contained, "request_id"), return_index=True)
    both, at_a, at_b = np.intersect1d(a, b, assume_unique=True, return_indices=True)
    named = both != ""
    return first_a[at_a[named]].astype(np.int64), first_b[at_b[named]].astype(np.int64)


def season(columns: Columns, timezone: str) -> NDArray[np.int64]:
    """For each row its cell [n] of 48: hour of the day in the service's time zone, weekdays and weekend
    apart."""
    zone = ZoneInfo(timezone)
    hours, place = np.unique(columns["time"].astype(np.int64) // HOUR, return_inverse=True)
    cells = np.empty(len(hours), np.int64)
    for at, hour in enumerate(hours.tolist()):
        local = from_micros(hour * HOUR).replace(tzinfo=UTC).astimezone(zone)
        cells[at] = local.hour + (24 if local.weekday() >= 5 else 0)
    return cells[place]


def in_season(reference: Columns, seen: Columns, timezone: str) -> Floats:
    """Weights [reference rows] that give the reference the hours and weekdays of ``seen``.

    A night compared with whole days drifts by itself. Hours the reference lacks are left out of account;
    where it has none of them, all rows count alike.
    """
    own = weights(reference)
    if not rows(reference) or not rows(seen):
        return own
    cells, wanted = season(reference, timezone), season(seen, timezone)
    have = np.bincount(cells, own, 48)
    want = np.bincount(wanted, weights(seen), 48)
    factor = np.divide(want, have, out=np.zeros(48), where=have > 0)
    matched = own * factor[cells]
    return np.asarray(matched if matched.sum() > 0 else own)
