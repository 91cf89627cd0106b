"""What a column of a log looks like: its kind, its range, its values. Pure, on a sample held in memory."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fireline.clock import micros, parse_time
from fireline.runbook.dates import Dates, is_slashed, proven, spelled

Kind = Literal["time", "number", "integer", "bool", "text", "nested", "empty"]
Ints = np.ndarray[Any, np.dtype[np.int64]]
SHOWN = 60
_TRUTH = {"true", "false"}
_YES_NO = (
    {"yes", "no"}, {"y", "n"}, {"t", "f"}, {"ja", "nein"}, {"oui", "non"}, {"si", "no"}, {"wahr", "falsch"},
    {"vrai", "faux"},
)  # fmt: skip
_DATE = re.compile(r"^\s*(\d{4}-\d{2}-\d{2}|\d\d?\.\d\d?\.\d{4}($|[T\s]))")
_NUMBER = re.compile(r"^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$")
_CODE = re.compile(r"^0\d")
_DIGITS = r"^\s*\d{9,19}(\.\d+)?\s*$"
"""Text that counts from 1970, as CSV writes it: `fromisoformat` sees a year in its first four digits."""
_MISSING = pa.array(["", "na", "n/a", "#n/a", "nan", "-nan", "null", "none", "<na>", "\\n"])
_UTC = pa.timestamp("us", tz="UTC")
NEARLY_ALL = 0.98
_EPOCHS = ((1e17, 1_000), (1e14, 1), (1e11, -1_000), (1e8, -1_000_000))
"""Numbers from here on count nanoseconds, microseconds, milliseconds, seconds since 1970."""


@dataclass(frozen=True)
class Look:
    """One column. ``values`` are its commonest values, most frequent first, when there are at most 60.

    ``epoch`` says that nearly all its numbers could count from 1970, whatever a few broken rows hold.
    """

    name: str
    kind: Kind
    rows: int
    known: int
    distinct: int
    values: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 0.0
    length: float = 0.0
    epoch: bool = False

    @cached_property
    def words(self) -> tuple[str, ...]:
        """The words of its name, in lower case and without accents.

        >>> Look("HTTPStatusCode", "integer", 1, 1, 1).words
        ('http', 'status', 'code')
        >>> Look("dureeRéponse", "number", 1, 1, 1).words
        ('duree', 'reponse')
        """
        letters = unicodedata.normalize("NFKD", self.name.replace("ß", "ss"))
        name = "".join(char for char in letters if not unicodedata.combining(char))
        parts = re.sub(r"([a-z0-9])([A-Z])|([A-Z]+)([A-Z][a-z])", r"\1\3_\2\4", name)
        return tuple(word for word in re.split(r"[^a-zA-Z0-9]+", parts.lower()) if word)

    @property
    def plain(self) -> str:
        """Its name in snake case."""
        return "_".join(self.words)

    @property
    def missing(self) -> float:
        """Share of rows without a value."""
        return 1 - self.known / self.rows if self.rows else 0.0

    @property
    def numeric(self) -> bool:
        return self.kind in ("number", "integer")

    @property
    def is_share(self) -> bool:
        """Whether it could be a probability."""
        return self.numeric and self.low >= 0 and self.high <= 1 and self.known > 0

    @property
    def is_truth(self) -> bool:
        """Whether its values say yes or no, in whatever words."""
        if self.kind == "text" and self.distinct <= 2:
            said = {value.lower() for value in self.values}
            return any(said <= pair for pair in _YES_NO)
        return self.kind == "bool" or (self.kind == "integer" and self.is_share)

    def describe(self) -> str:
        """The column in a few words, for a comment."""
        gaps = f", {self.missing:.1%} missing" if self.missing >= 0.0005 else ""
        if self.kind == "empty":
            return "always empty"
        if self.numeric:
            return f"{_short(self.low)} to {_short(self.high)}{gaps}"
        shown = ", ".join(self.values[:4]) + (", ..." if self.distinct > 4 else "")
        counted = f"{self.distinct:,} value{'s' if self.distinct != 1 else ''}"
        return (f"{counted}: {shown}" if self.values else counted) + gaps


def _short(value: float) -> str:
    whole = value == int(value) and abs(value) < 1e12
    return f"{value:,.0f}" if whole or 1_000 <= abs(value) < 1e9 else f"{value:.4g}"


def look_at(table: pa.Table) -> dict[str, Look]:
    """Every column of ``table`` by name, in its order."""
    return {name: _look(name, typed(table.select([name])).column(0)) for name in table.column_names}


def typed(table: pa.Table, timezone: str = "UTC", dates: Dates | None = None) -> pa.Table:
    """``table`` with text that says numbers, times or truth values as such: a log in CSV writes them so.

    A column is what nearly all of its first values are; the few that do not fit become null. Codes with
    leading zeros stay text. Times without an offset are taken in ``timezone``; dates with slashes are read by
    ``dates``, else as the column proves, else with the day first.
    """
    columns = [_typed(table.column(name), timezone, dates) for name in table.column_names]
    return pa.table(columns, names=table.column_names)


def _typed(column: pa.ChunkedArray, timezone: str, dates: Dates | None) -> pa.ChunkedArray:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_large_string(column.type) or pa.types.is_string_view(column.type):
        column = column.cast(pa.string())
    if not pa.types.is_string(column.type):
        return column
    text = pc.utf8_trim_whitespace(column)
    text = pc.if_else(pc.is_in(pc.utf8_lower(text), value_set=_MISSING), pa.scalar(None, pa.string()), text)
    first = text.drop_null().slice(0, 400)
    if is_slashed(first):
        text = spelled(text, dates or proven(text) or "day_first")
    first = text.drop_null().slice(0, 400).to_pylist()
    if not first:
        return text
    if {value.lower() for value in first} <= _TRUTH:
        return pc.equal(pc.utf8_lower(text), "true")
    if _nearly_all(first, _is_number) and not any(_CODE.match(value) for value in first):
        good = pc.match_substring_regex(text, _NUMBER.pattern)
        return pc.if_else(good, text, pa.scalar(None, pa.string())).cast(pa.float64())
    if _nearly_all(first, _is_time):
        found = instants(text, timezone)
        return pa.chunked_array([pa.array(found, pa.int64(), mask=found == NO_TIME).cast(_UTC)])
    return text


def _nearly_all(values: list[str], test: Callable[[str], bool]) -> bool:
    return sum(map(test, values)) >= NEARLY_ALL * len(values)


def _is_number(text: str) -> bool:
    return _NUMBER.match(text) is not None


def _is_time(text: str) -> bool:
    return _DATE.match(text) is not None and _read(text, "UTC") is not None


def _look(name: str, column: pa.ChunkedArray) -> Look:
    rows, known = len(column), len(column) - column.null_count
    if known == 0:
        return Look(name, "empty", rows, 0, 0)
    kind, column = _kind(column)
    if kind in ("nested", "time"):
        return Look(name, kind, rows, known, 0 if kind == "nested" else pc.count_distinct(column).as_py())
    if kind in ("number", "integer"):
        numbers = floats(column)
        finite = numbers.filter(pc.is_finite(numbers))
        known = len(finite)
        if known == 0:
            return Look(name, "empty", rows, 0, 0)
        edges = pc.min_max(finite).as_py()
        found = pc.count_distinct(column if pa.types.is_integer(column.type) else finite).as_py()
        values = _commonest(column) if found <= SHOWN else ()
        epoch = _epoch_of(finite.to_numpy()) is not None
        return Look(name, kind, rows, known, found, values, edges["min"], edges["max"], epoch=epoch)
    text = column.cast(pa.string())
    found = pc.count_distinct(text).as_py()
    length = pc.mean(pc.utf8_length(text)).as_py()
    return Look(name, kind, rows, known, found, _commonest(text) if found <= SHOWN else (), length=length)


def _kind(column: pa.ChunkedArray) -> tuple[Kind, pa.ChunkedArray]:
    kind = column.type
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return "time", column
    if pa.types.is_boolean(kind):
        return "bool", column
    if pa.types.is_integer(kind):
        return "integer", column
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        numbers = floats(column)
        finite = numbers.filter(pc.is_finite(numbers))
        whole = pc.all(pc.equal(finite, pc.floor(finite)), min_count=0).as_py()
        return ("integer" if whole else "number"), numbers
    return ("text" if pa.types.is_string(kind) else "nested"), column


def _commonest(column: pa.ChunkedArray) -> tuple[str, ...]:
    counts = pc.value_counts(column.drop_null()).to_pylist()
    if counts and isinstance(counts[0]["values"], float):
        counts = [{**one, "values": f"{one['values']:g}"} for one in counts if one["values"] == one["values"]]
    ranked = sorted(counts, key=lambda one: (-one["counts"], str(one["values"])))
    return tuple(str(one["values"]) for one in ranked[:SHOWN])


def instants(column: pa.ChunkedArray, timezone: str = "UTC", dates: Dates | None = None) -> Ints:
    """A time column as int64 microseconds since 1970 [n]; what cannot be read is the smallest int64.

    Times without an offset are taken in ``timezone``; numbers are seconds, milliseconds, microseconds or
    nanoseconds since 1970, told apart by their size. Dates with slashes are read by ``dates``.
    """
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    kind = column.type
    if pa.types.is_date(kind):
        column, kind = column.cast(pa.timestamp("us")), pa.timestamp("us")
    if pa.types.is_timestamp(kind):
        if kind.tz is None:
            column = pc.assume_timezone(column, timezone, ambiguous="earliest", nonexistent="earliest")
        return _filled(column.cast(pa.timestamp("us", tz="UTC"), safe=False).cast(pa.int64()))
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return _from_epoch(column)
    if pa.types.is_string(kind):
        return _from_text(spelled(column, dates), timezone)
    return _one_by_one(column, timezone)


def _from_text(column: pa.ChunkedArray, timezone: str) -> Ints:
    """Text as instants [n]: digits alone count from 1970, all else is a date."""
    counted = pc.fill_null(pc.match_substring_regex(column, _DIGITS), False)
    if not pc.any(counted, min_count=0).as_py():
        return _one_by_one(column, timezone)
    nothing = pa.scalar(None, pa.string())
    digits = pc.utf8_trim_whitespace(pc.if_else(counted, column, nothing))
    try:
        numbers = digits.cast(pa.int64())  # nanoseconds keep their last digits
    except pa.ArrowInvalid:
        numbers = digits.cast(pa.float64())
    found = _from_epoch(numbers)
    rest = _one_by_one(pc.if_else(counted, nothing, column), timezone)
    return np.where(rest == NO_TIME, found, rest)


def _one_by_one(column: pa.ChunkedArray, timezone: str) -> Ints:
    return _filled(pa.chunked_array([[_read(value, timezone) for value in column.to_pylist()]], pa.int64()))


def _read(value: object, timezone: str) -> int | None:
    try:
        return micros(parse_time(str(value), timezone)) if value is not None else None
    except ValueError:
        return None


NO_TIME = np.iinfo(np.int64).min


def _filled(column: pa.ChunkedArray) -> Ints:
    found: Ints = pc.fill_null(column, int(NO_TIME)).to_numpy().astype(np.int64, copy=False)
    return found


def is_epoch(look: Look) -> bool:
    """Whether its numbers could count from 1970: some time between 1973 and 2100."""
    return look.numeric and (look.epoch or any(s <= look.low <= look.high <= s * 42 for s, _ in _EPOCHS))


def _epoch_of(values: np.ndarray) -> tuple[float, int] | None:
    """The range of ``values`` [n] that nearly all lie in, with its factor; None where there is none."""
    for start, factor in _EPOCHS:
        if len(values) and ((values >= start) & (values <= start * 42)).mean() >= NEARLY_ALL:
            return start, factor
    return None


def floats(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column of numbers as float64; whole numbers too long for one lose their last digits."""
    return column.cast(pa.float64(), safe=False)


def _from_epoch(column: pa.ChunkedArray) -> Ints:
    real = pc.fill_null(floats(column), np.nan).to_numpy()
    found = _epoch_of(real[np.isfinite(real)])
    if found is None:
        return np.full(len(column), NO_TIME, dtype=np.int64)
    start, factor = found
    good = (real >= start) & (real <= start * 42)
    values = np.where(good, pc.fill_null(column, 0).to_numpy(), 0)  # whole numbers keep their last digits
    scaled = values // factor if factor > 0 else values * -factor
    return np.where(good, scaled, NO_TIME).astype(np.int64)
