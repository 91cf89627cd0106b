"""Dates that are written with the day or the month first: 31.12.2026, 31/12/2026, 12/31/2026.

With dots the day is first. With slashes a log has to prove it, or a person to say it: `dates:` under
`columns:`.
"""

from __future__ import annotations

import re
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from fireline.errors import InputError
from fireline.runbook.values import Dates as Dates

DOTTED = r"^\s*(\d\d?)\.(\d\d?)\.(\d{4})($|[T\s])"
SLASHED = r"^\s*(\d\d?)/(\d\d?)/(\d{4})($|[T\s])"
ODD = 50
"""Of two orders that a column proves the other has to be this many times rarer: a slip of the pen."""


def spelled(text: Any, dates: Dates | None) -> Any:
    """Text as ISO 8601 where its date has the day or the month first; all other text as it is. ``text`` is an
    array or chunked array of strings. Without ``dates`` slashes stay."""
    if not _any(text, DOTTED if dates is None else f"{DOTTED}|{SLASHED}"):
        return text
    text = pc.utf8_trim_whitespace(text)
    text = pc.replace_substring_regex(text, r"^(\d)([./])", r"0\1\2")
    text = pc.replace_substring_regex(text, r"^(\d\d[./])(\d)([./])", r"\10\2\3")
    text = pc.replace_substring_regex(text, r"^(\d\d)\.(\d\d)\.(\d{4})", r"\3-\2-\1")
    if dates is not None:
        order = r"\3-\2-\1" if dates == "day_first" else r"\3-\1-\2"
        text = pc.replace_substring_regex(text, r"^(\d\d)/(\d\d)/(\d{4})", order)
    return pc.replace_substring_regex(text, r"^(\d{4}-\d\d-\d\d[T ]+)(\d):", r"\10\2:")


def is_slashed(text: Any) -> bool:
    """Whether any of the strings is a date with slashes and the year last."""
    return _any(text, SLASHED)


def proven(text: Any) -> Dates | None:
    """The order that dates with slashes must be in, because a month has no more than twelve; None where none
    is beyond the twelfth, or both orders are there."""
    first = _beyond(text, r"^\s*(?P<n>\d\d?)/\d\d?/\d{4}")
    second = _beyond(text, r"^\s*\d\d?/(?P<n>\d\d?)/\d{4}")
    if first > ODD * second:
        return "day_first"
    return "month_first" if second > ODD * first else None


def unproven(column: str, text: Any) -> InputError:
    """Why dates with slashes cannot be read, and what to say."""
    shown = next((one for one in text.to_pylist() if one is not None and re.match(SLASHED, one)), "")
    return InputError(
        f"{shown!r} in the column {column} may have the day or the month first, and no other row tells",
        todo="say it with --dates day_first or --dates month_first; in a runbook it stands as `dates:` under "
        "`columns:`",
    )


def proven_in(*tables: pa.Table | None) -> Dates | None:
    """The order that the columns of ``tables`` prove, where they agree."""
    found = {
        order
        for table in tables if table is not None
        for column in table.columns if pa.types.is_string(column.type) and is_slashed(column)
        if (order := proven(column)) is not None
    }  # fmt: skip
    return found.pop() if len(found) == 1 else None


def _any(text: Any, pattern: str) -> bool:
    return bool(pc.any(pc.match_substring_regex(text, pattern), min_count=0).as_py())


def _beyond(text: Any, pattern: str) -> int:
    """How many of the strings have a number beyond twelve there."""
    numbers = pc.struct_field(pc.extract_regex(text, pattern), "n").cast(pa.int64())
    return int(pc.sum(pc.greater(numbers, 12).cast(pa.int64())).as_py() or 0)
