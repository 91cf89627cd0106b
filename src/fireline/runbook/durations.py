"""Lengths of time as people write them in a runbook: 90s, 15m, 6h, 7d, 2w, 1d12h."""

from __future__ import annotations

import re
from datetime import timedelta

UNITS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
_WHOLE = re.compile(r"^(?:\s*\d+(?:\.\d+)?\s*[wdhms])+\s*$")
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*([wdhms])")


def parse_duration(text: str) -> timedelta:
    """Read a length of time; units are w, d, h, m, s and may follow each other.

    Raises ValueError when ``text`` is not one.

    >>> parse_duration("1d12h")
    datetime.timedelta(days=1, seconds=43200)
    """
    if not _WHOLE.match(text):
        raise ValueError(
            f"{text!r} is not a length of time: write a number and a unit, such as 90s, 15m, 6h, 7d or 2w"
        )
    seconds = sum(float(number) * UNITS[unit] for number, unit in _PART.findall(text))
    try:
        return timedelta(seconds=seconds)
    except OverflowError:
        raise ValueError(f"{text!r} is longer than any length of time Fireline can hold") from None


def write_duration(length: timedelta) -> str:
    """``length`` in the fewest units, as ``parse_duration`` reads it back.

    >>> write_duration(timedelta(hours=36))
    '36h'
    >>> write_duration(timedelta(days=7))
    '7d'
    """
    micros = length // timedelta(microseconds=1)
    if micros == 0:
        return "0m"
    if micros % 1_000_000:
        return f"{micros / 1_000_000:.6f}".rstrip("0") + "s"
    seconds = micros // 1_000_000
    for unit in ("d", "h", "m"):
        if seconds % UNITS[unit] == 0:
            return f"{seconds // UNITS[unit]}{unit}"
    return f"{seconds}s"


def say_duration(length: timedelta) -> str:
    """``length`` in words.

    >>> say_duration(timedelta(minutes=15))
    '15 minutes'
    >>> say_duration(timedelta(days=1))
    '1 day'
    """
    written = write_duration(length)
    word = {"d": "day", "h": "hour", "m": "minute", "s": "second"}[written[-1]]
    number = written[:-1]
    return f"{number} {word}" if number == "1" else f"{number} {word}s"
