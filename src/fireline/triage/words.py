"""How triage says numbers and times: short, for somebody who reads them at 3 a.m."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from fireline.terms.change import Change
from fireline.terms.words import CHANCES

UNLIKE = "log ratio"
"""Unit of how much likelier a value is since the onset than in the reference: above 0 is unlike it."""


def clock(at: datetime, timezone: str) -> str:
    """An instant to the minute where the service's users are.

    >>> from datetime import UTC
    >>> clock(datetime(2013, 3, 18, 6, 2, tzinfo=UTC), "America/New_York")
    '18 Mar 02:02 EDT'
    """
    local = at.astimezone(ZoneInfo(timezone))
    return f"{local.day} {local:%b %H:%M %Z}"


def length(span: timedelta) -> str:
    """A length of time in its largest fitting unit.

    >>> length(timedelta(minutes=90)), length(timedelta(days=3)), length(timedelta(seconds=40))
    ('90 minutes', '3 days', '40 seconds')
    """
    seconds = abs(span.total_seconds())
    for unit, size, most in (("second", 1, 90), ("minute", 60, 120), ("hour", 3600, 48)):
        if seconds < size * most:
            return _plural(seconds / size, unit)
    return _plural(seconds / 86_400, "day")


def _plural(count: float, unit: str) -> str:
    rounded = round(count)
    return f"{rounded} {unit}" + ("" if rounded == 1 else "s")


def share(value: float) -> str:
    """A share as a percentage with as many digits as it needs.

    >>> share(0.0123), share(0.5), share(0.00004), share(0)
    ('1.2 %', '50 %', '0.004 %', '0 %')
    """
    if not math.isfinite(value):
        return "unknown"
    percent = 100 * value
    if abs(percent) < 5e-4:
        return "0 %"
    digits = max(0, 1 - math.floor(math.log10(abs(percent)))) if abs(percent) < 10 else 0
    return f"{percent:.{min(digits, 4) if abs(percent) >= 0.01 else 3}f} %"


def figure(value: float | None, unit: str) -> str:
    """A figure with its unit: shares as percentages, the rest with three digits."""
    if value is None or not math.isfinite(value):
        return "unknown"
    if unit == "share difference":
        return f"{100 * value:+.1f} points"
    if unit == "relative difference":
        return f"{100 * value:+.1f} %"
    if unit == "share of chances":
        return f"{CHANCES * value:.2g} a minute"
    if unit in ("share", "share wrong"):
        return share(value)
    if unit == "reference sd":
        return f"{value:.2g} sd"
    text = f"{value:.3f}" if unit in ("AUC", "PSI", UNLIKE) else f"{value:.3g}"
    return text if unit in ("", "AUC", "mean") else f"{text} {unit}"


def level(value: float) -> str:
    """A middle or a mean with three digits, large ones whole.

    >>> level(1013.4), level(61.93)
    ('1,013', '61.9')
    """
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def where(slice_: Mapping[str, Any]) -> str:
    """A slice in words: ``carrier = UA``, ``distance 100 to 450``."""
    parts = []
    for column, value in slice_.items():
        if isinstance(value, list | tuple):
            parts.append(f"{column} {value[0]:.4g} to {value[1]:.4g}")
        else:
            parts.append(f"{column} = {value}")
    return " and ".join(parts)


def change_name(change: Change, timezone: str) -> str:
    """A change in words: what, or its kind and version, and when."""
    text = change.what.strip() or change.kind
    if change.version and change.version not in text:
        text += f" ({change.version})"
    named = text if change.kind in text else f'{change.kind} "{text}"'
    return f"{named} at {clock(change.at, timezone)}"


def listed(names: list[str], most: int = 4) -> str:
    """Names as a list: ``a, b and c``; what is over ``most`` is counted."""
    shown = names[:most]
    if len(names) > most:
        return ", ".join(shown) + f" and {len(names) - most} more"
    if len(shown) < 2:
        return "".join(shown)
    return ", ".join(shown[:-1]) + " and " + shown[-1]
