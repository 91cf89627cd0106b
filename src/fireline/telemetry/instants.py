"""Times as logs write them, as int64 microseconds since 1970.

Text is ISO 8601, or a date with the day or the month first; numbers are seconds, milliseconds, microseconds
or nanoseconds since 1970, told apart by their size. One rule for times without an offset: they are UTC unless
the caller names another zone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fireline.clock import micros, parse_time
from fireline.runbook.dates import Dates, spelled
from fireline.telemetry.casts import plain, valid

Array = np.ndarray[Any, Any]

UTC_MICROS = pa.timestamp("us", tz="UTC")
_NUMBER = r"^\s*[+-]?\d+(\.\d*)?([eE][+]?\d+)?\s*$"
_OFFSET = r"(Z|[+-]\d\d(:?\d\d)?)$"


@dataclass(frozen=True, eq=False)
class Instants:
    """``micros`` int64 [n] (0 where unreadable), ``missing`` and ``bad`` bool [n], and whether any had no
    offset."""

    micros: Array
    missing: Array
    bad: Array
    without_offset: bool

    def array(self) -> pa.Array:
        """As timestamp[us, UTC] [n], null where missing or bad."""
        return pa.array(self.micros, pa.int64(), mask=self.missing | self.bad).cast(UTC_MICROS)


def read_instants(column: Any, zone: str = "UTC", dates: Dates | None = None) -> Instants:
    """A column [n] of timestamps, dates, numbers or text as instants; times without an offset are in
    ``zone``, dates with slashes are read by ``dates`` or not at all."""
    values = plain(column)
    kind = values.type
    missing = ~valid(values)
    if pa.types.is_null(kind):
        return Instants(np.zeros(len(values), np.int64), missing, np.zeros(len(values), bool), False)
    if pa.types.is_timestamp(kind):
        found = values if kind.tz else _in_zone(values, zone)
        return _of(found, missing, kind.tz is None)
    if pa.types.is_date(kind):
        return _of(_in_zone(values.cast(pa.timestamp("us")), zone), missing, True)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return _numbers(values, missing)
    if pa.types.is_string(kind):
        return _text(values, missing, zone, dates)
    return Instants(np.zeros(len(values), np.int64), missing, ~missing, False)


def read_instant(value: object, zone: str = "UTC") -> datetime:
    """One instant as logs write it, by the same rules. Raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError(f"not a time: {value!r}")
    if isinstance(value, str):
        try:
            return parse_time(value, zone)
        except ValueError:
            pass
    found = read_instants(pa.array([value]), zone)
    if found.bad[0] or found.missing[0]:
        raise ValueError(f"not a time: {value!r}")
    at: datetime = found.array()[0].as_py()
    return at


def _of(values: pa.Array, missing: Array, naive: bool) -> Instants:
    ticks = pc.cast(values, UTC_MICROS, safe=False).cast(pa.int64())
    found = pc.fill_null(ticks, 0).to_numpy(zero_copy_only=False)
    return Instants(found, missing, np.zeros(len(found), bool), naive and not bool(missing.all()))


def _in_zone(values: pa.Array, zone: str) -> pa.Array:
    """Wall-clock times in ``zone``; one that occurs twice is the earlier, one that never occurs moves on."""
    return pc.assume_timezone(values, zone, ambiguous="earliest", nonexistent="latest")


def _numbers(values: pa.Array, missing: Array) -> Instants:
    if pa.types.is_integer(values.type) and values.type != pa.uint64():
        return _scaled(pc.fill_null(values, 0).to_numpy(zero_copy_only=False).astype(np.int64), missing)
    real = pc.fill_null(values.cast(pa.float64()), 0.0).to_numpy(zero_copy_only=False)
    return _scaled(real, missing | np.isnan(real))


def _scaled(values: Array, missing: Array) -> Instants:
    """Seconds below 1e11 (the year 5138), then milliseconds, microseconds, nanoseconds, each a thousand times
    more."""
    size = np.abs(values.astype(np.float64))
    bad = ~(size < 1e20) & ~missing
    safe = np.where(missing | bad, 0, values)
    if values.dtype == np.int64:
        found = safe // 1000
        for limit, factor in ((1e17, 1), (1e14, 1_000), (1e11, 1_000_000)):
            found = np.where(size < limit, np.where(size < limit, safe, 0) * factor, found)
        return Instants(found.astype(np.int64), missing, bad, False)
    scale = np.select([size < 1e11, size < 1e14, size < 1e17], [1e6, 1e3, 1.0], 1e-3)
    return Instants(np.rint(safe * scale).astype(np.int64), missing, bad, False)


def _text(values: pa.Array, missing: Array, zone: str, dates: Dates | None) -> Instants:
    quick = _quick(values, missing, zone)
    if quick is not None:
        return quick
    n = len(values)
    found, bad = np.zeros(n, np.int64), np.zeros(n, bool)
    trimmed = _tidied(spelled(values, dates))
    blank = _mask(pc.equal(trimmed, ""))
    missing = missing | blank
    numeric = _mask(pc.match_substring_regex(trimmed, _NUMBER)) & ~missing
    offset = _mask(pc.match_substring_regex(trimmed, _OFFSET)) & _mask(pc.match_substring(trimmed, ":"))
    naive = False
    for part, reader in (
        (numeric, _epoch_text),
        (offset & ~numeric, _iso),
        (~offset & ~numeric & ~missing, _iso),
    ):
        if part.any():
            ticks, wrong = reader(trimmed.filter(pa.array(part)), zone)
            found[part], bad[part] = ticks, wrong
            naive = naive or (reader is _iso and bool((part & ~offset & ~bad).any()))
    return Instants(found, missing, bad, naive)


def _quick(values: pa.Array, missing: Array, zone: str) -> Instants | None:
    """All of one form, as logs mostly are."""
    for kind in (pa.timestamp("ns", tz="UTC"), pa.timestamp("ns")):
        try:
            parsed = values.cast(kind)
        except pa.ArrowInvalid:
            continue
        return _of(parsed if kind.tz else _in_zone(parsed, zone), missing, kind.tz is None)
    return None


def _tidied(values: pa.Array) -> pa.Array:
    text = pc.utf8_trim_whitespace(values)
    text = pc.replace_substring_regex(text, r"\s*(UTC|GMT|utc|gmt|z)$", "Z")
    text = pc.replace_substring_regex(text, r"\s+([+-]\d\d:?\d\d)$", r"\1")
    return pc.replace_substring_regex(text, r"^(\d{4})[/.](\d\d)[/.](\d\d)", r"\1-\2-\3")


def _epoch_text(values: pa.Array, zone: str) -> tuple[Array, Array]:
    try:
        found = _numbers(values.cast(pa.int64()), np.zeros(len(values), bool))
    except pa.ArrowInvalid:
        found = _numbers(values.cast(pa.float64()), np.zeros(len(values), bool))
    return found.micros, found.bad


def _iso(values: pa.Array, zone: str) -> tuple[Array, Array]:
    """Text that is no number, parsed as one where possible, else one by one."""
    quick = _quick(values, np.zeros(len(values), bool), zone)
    if quick is not None:
        return quick.micros, quick.bad
    coded = values.dictionary_encode()
    ticks, wrong = [], []
    for text in coded.dictionary.to_pylist():
        try:
            ticks.append(micros(parse_time(text, zone)))
            wrong.append(False)
        except (ValueError, OverflowError):
            ticks.append(0)
            wrong.append(True)
    codes = coded.indices.to_numpy(zero_copy_only=False)
    return np.array(ticks, np.int64)[codes], np.array(wrong, bool)[codes]


def _mask(values: Any) -> Array:
    found: Array = pc.fill_null(values, False).to_numpy(zero_copy_only=False)
    return found
