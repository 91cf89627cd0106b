"""SVG written by hand: elements that escape what they are given, and scales with readable ticks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from markupsafe import Markup, escape

from fireline.clock import micros

_HOUR_STEPS = (1, 2, 3, 6, 12)
_DAY_STEPS = (1, 2, 7, 14)


def element(name: str, *children: object, **attributes: object) -> Markup:
    """One SVG element; attributes that are None are left out, ``_`` becomes ``-``, text is escaped.

    >>> print(element("text", "a < b", x=1.25, class_="tick"))
    <text x="1.2" class="tick">a &lt; b</text>
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_value(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    inside = Markup("").join(escape(child) for child in children)
    return Markup(f"<{name}{written}>{inside}</{name}>")


def group(children: Iterable[Markup], **attributes: object) -> Markup:
    """A ``g`` element around ``children``."""
    return element("g", *children, **attributes)


def _value(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.1f}".removesuffix(".0")
    return str(value)


def path(points: Sequence[tuple[float, float]], *, close: bool = False) -> str:
    """The ``d`` of a line through ``points``."""
    steps = " ".join(f"{_value(float(x))},{_value(float(y))}" for x, y in points)
    return f"M{steps}{'Z' if close else ''}"


def nice_ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round numbers that span ``low`` to ``high``, at most ``most + 1`` of them.

    >>> nice_ticks(0.61, 0.79, 4)
    [0.6, 0.65, 0.7, 0.75, 0.8]
    """
    span = high - low
    if not math.isfinite(span) or span <= 0:
        return [low]
    raw = span / max(1, most)
    size = 10 ** math.floor(math.log10(raw))
    step = next(size * unit for unit in (1, 2, 2.5, 5, 10) if size * unit >= raw * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [float(f"{index * step:.12g}") for index in range(first, last + 1)]


@dataclass(frozen=True)
class Scale:
    """A straight map of ``[low, high]`` to ``[start, end]`` in pixels."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low) if self.high > self.low else 0.5
        return self.start + share * (self.end - self.start)

    def clamp(self, value: float) -> float:
        """The pixel of ``value``, or of the nearer end where it lies outside."""
        return self(min(max(value, self.low), self.high))


@dataclass(frozen=True)
class TimeScale:
    """Instants to pixels, with ticks on the clocks of ``zone``."""

    since: datetime
    until: datetime
    start: float
    end: float
    zone: ZoneInfo

    def __call__(self, at: datetime) -> float:
        return Scale(micros(self.since), micros(self.until), self.start, self.end)(micros(at))

    def holds(self, at: datetime) -> bool:
        return self.since <= at <= self.until

    def clamp(self, at: datetime) -> float:
        """The pixel of ``at``, or of the nearer end where it lies outside."""
        return self(min(max(at, self.since), self.until))

    def ticks(self, most: int) -> list[tuple[float, str, bool]]:
        """(pixel, label, whether a day begins there), at most ``most``, on whole local hours or days."""
        for hours in _HOUR_STEPS if self.until - self.since <= timedelta(days=14) else ():
            found = [at for at in self._local_hours(hours) if self.holds(at)]
            if len(found) <= most:
                return [(self(at), self._label(at), at.astimezone(self.zone).hour == 0) for at in found]
        for days in _DAY_STEPS:
            found = [at for at in self._local_days(days) if self.holds(at)]
            if len(found) <= most:
                return [(self(at), self._label(at), True) for at in found]
        every = max(1, math.ceil(len(found) / most))
        return [(self(at), self._label(at), True) for at in found[::every]]

    def days(self) -> list[float]:
        """The pixels of every local midnight; none where they would touch each other."""
        found = [self(at) for at in self._local_days(1) if self.holds(at)]
        return found if len(found) * 5 < self.end - self.start else []

    def _label(self, at: datetime) -> str:
        local = at.astimezone(self.zone)
        return f"{local.day} {local:%b}" if local.hour == 0 else f"{local:%H:%M}"

    def _local_days(self, step: int) -> list[datetime]:
        local = self.since.astimezone(self.zone)
        day = datetime(local.year, local.month, local.day, tzinfo=self.zone)
        if step % 7 == 0:
            day -= timedelta(days=day.weekday())  # weeks begin on Monday
        count = (self.until - self.since).days // step + 3
        return [day + timedelta(days=step * index) for index in range(count)]  # wall-clock arithmetic

    def _local_hours(self, step: int) -> list[datetime]:
        days = self._local_days(1)
        return [day.replace(hour=hour) for day in days for hour in range(0, 24, step)]
