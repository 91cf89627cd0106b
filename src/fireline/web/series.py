"""The chart of a metric over time: seen, usual and its band, the events behind it, and what happened when."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

from markupsafe import Markup

from fireline.clock import iso, parse_time
from fireline.web import marks
from fireline.web.marks import Marks
from fireline.web.svg import Scale, TimeScale, element, group, nice_ticks, path

Value = float | None


@dataclass(frozen=True)
class Metric:
    """A metric exhibit read: columns of equal length; None where a tick was empty. ``spread`` is (low, high)
    of what was seen inside each point, where ticks had to be drawn together."""

    at: list[datetime]
    seen: list[Value]
    usual: list[Value]
    low: list[Value]
    high: list[Value]
    n: list[Value]
    unit: str
    spread: list[tuple[float, float] | None]

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Metric:
        """Read the exhibit's data; short or absent columns are filled with None."""
        at = [parse_time(text) for text in data.get("t") or ()]

        def column(name: str) -> list[Value]:
            given = list(data.get(name) or ())[: len(at)]
            return [finite(value) for value in given] + [None] * (len(at) - len(given))

        return cls(at, column("seen"), column("usual"), column("low"), column("high"), column("n"),
                   str(data.get("unit") or ""), [None] * len(at))  # fmt: skip

    def between(self, since: datetime, until: datetime) -> Metric:
        """The points in ``[since, until]``."""
        inside = [index for index, at in enumerate(self.at) if since <= at <= until]
        cut = slice(inside[0], inside[-1] + 1) if inside else slice(0, 0)
        return Metric(
            self.at[cut],
            self.seen[cut],
            self.usual[cut],
            self.low[cut],
            self.high[cut],
            self.n[cut],
            self.unit,
            self.spread[cut],
        )

    def thinned(self, most: int) -> Metric:
        """At most ``most`` points: neighbours are drawn together, weighted by their events."""
        size = math.ceil(len(self.at) / most)
        if size <= 1:
            return self
        cuts = [slice(i, i + size) for i in range(0, len(self.at), size)]

        def mean(values: list[Value]) -> list[Value]:
            return [_mean(values[cut], self.n[cut]) for cut in cuts]

        def reach(cut: slice) -> tuple[float, float] | None:
            inside = [value for value in self.seen[cut] if value is not None]
            return (min(inside), max(inside)) if len(inside) > 1 else None

        counted = [sum(value or 0.0 for value in self.n[cut]) / size for cut in cuts]
        return Metric([self.at[cut.start] for cut in cuts], mean(self.seen), mean(self.usual), mean(self.low),
                      mean(self.high), list(counted), self.unit, [reach(cut) for cut in cuts])  # fmt: skip


def finite(value: Any) -> float | None:
    """A number that can be drawn, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def _mean(values: list[Value], weights: list[Value]) -> Value:
    pairs = [(v, w if w else 1e-9) for v, w in zip(values, weights, strict=True) if v is not None]
    return sum(v * w for v, w in pairs) / sum(w for _, w in pairs) if pairs else None


@dataclass(frozen=True)
class Frame:
    """Where things lie in a chart of ``width``: pixels from the top and the left."""

    width: int
    height: int
    left: float = 46.0
    right: float = 10.0
    top: float = 22.0
    counts: float = 24.0
    axis: float = 22.0

    @property
    def bottom(self) -> float:
        return self.height - self.axis - self.counts - 6


def series(metric: Metric, marked: Marks, zone: ZoneInfo, width: int, label: str) -> Markup:
    """The chart as an ``svg`` of ``width`` pixels; its numbers are read by ``report.js`` for the tooltip."""
    metric = metric.thinned(max(60, width // 2))
    if not metric.at or not any(value is not None for value in metric.seen):
        return Markup('<p class="empty">No tick of this metric could be judged.</p>')
    grain = _grain(metric.at)
    across = TimeScale(metric.at[0], metric.at[-1] + grain, Frame.left, width - Frame.right, zone)
    top = 8.0 + marks.LANE * len(set(marked.lanes(across).values())) + (6.0 if metric.unit else 0.0)
    frame = Frame(width, round(top) + (250 if width > 500 else 200), top=top)
    up = _up(metric, frame, marked.onset)
    parts = [
        _grid(across, up, frame, metric.unit),
        _band(metric, across, up, grain),
        _reach(metric, across, up, grain),
        _line(metric, metric.usual, across, up, grain, "usual"),
        _line(metric, metric.seen, across, up, grain, "seen"),
        _counts(metric, across, frame, grain),
        marks.draw(marked, across, frame.top, frame.bottom),
        element("g", class_="cursor"),
    ]
    return element(
        "svg", *parts, viewBox=f"0 0 {width} {frame.height}", class_="chart series", role="img",
        aria_label=label, tabindex="0", data_from=iso(across.since), data_until=iso(across.until),
        data_x0=across.start, data_x1=across.end, data_top=frame.top, data_bottom=frame.bottom,
    )  # fmt: skip


def _grain(at: Sequence[datetime]) -> timedelta:
    gaps = [(b - a).total_seconds() for a, b in pairwise(at)]
    return timedelta(seconds=median(gaps)) if gaps else timedelta(hours=1)


def _up(metric: Metric, frame: Frame, onset: tuple[datetime, datetime] | None = None) -> Scale:
    """The y axis: what most events were seen at, the usual level, most of the band, and what most events
    since the onset were seen at, however few they are yet.

    Ticks of a handful of events lie anywhere and would squeeze the rest: they are drawn at the edge.
    """
    values = [value for value in metric.usual if value is not None]
    values += _ends(metric.seen, metric.n, 0.005)
    if onset is not None:
        since = bisect_left(metric.at, onset[0])
        values += _ends(metric.seen[since:], metric.n[since:], 0.1)
    values += _ends(metric.low, metric.n, 0.2)[:1] + _ends(metric.high, metric.n, 0.2)[1:]
    low, high = min(values), max(values)
    pad = (high - low) * 0.06 or abs(high) * 0.1 or 1.0
    floor = 0.0 if 0 <= low < 0.35 * high else low - pad
    return Scale(floor, high + pad, frame.bottom, frame.top)


def _ends(values: list[Value], weights: list[Value], cut: float) -> list[float]:
    """The least and the most of ``values`` when the share ``cut`` of the events is left out at either end."""
    pairs = sorted((v, w if w else 1e-9) for v, w in zip(values, weights, strict=True) if v is not None)
    if not pairs:
        return []
    total = sum(w for _, w in pairs)

    def first(ordered: list[tuple[float, float]]) -> float:
        passed = 0.0
        for value, weight in ordered:
            passed += weight
            if passed > cut * total:
                return value
        return ordered[-1][0]

    return [first(pairs), first(pairs[::-1])]


def _grid(across: TimeScale, up: Scale, frame: Frame, unit: str) -> Markup:
    parts = [element("line", x1=x, x2=x, y1=frame.top, y2=frame.bottom, class_="day") for x in across.days()]
    ticks = [tick for tick in nice_ticks(up.low, up.high, 4) if up.low <= tick <= up.high]
    for tick in ticks:
        y = up(tick)
        parts.append(element("line", x1=across.start, x2=across.end, y1=y, y2=y, class_="grid"))
        text = axis_figure(tick, unit)
        parts.append(element("text", text, x=across.start - 6, y=y + 3.5, text_anchor="end", class_="tick"))
    for x, text, begins in across.ticks(max(2, round((across.end - across.start) / 78))):
        kind = "tick day-label" if begins else "tick"
        base = frame.height - 6
        parts.append(element("line", x1=x, x2=x, y1=base - 14, y2=base - 10, class_="axis"))
        parts.append(element("text", text, x=x, y=base, text_anchor="middle", class_=kind))
    if unit and unit not in ("share", "%"):
        short = "sd" if unit == "reference sd" else unit[:8]
        parts.append(
            element("text", short, x=across.start - 6, y=frame.top - 8, text_anchor="end", class_="tick unit")
        )
    return group(parts, class_="axes")


def axis_figure(value: float, unit: str) -> str:
    """A tick of the y axis: shares in percent.

    >>> axis_figure(0.25, "share"), axis_figure(0.65, "AUC"), axis_figure(12000, "")
    ('25 %', '0.65', '12k')
    """
    if unit == "share":
        return f"{100 * value:.3g} %"
    if abs(value) >= 10_000:
        return f"{value / 1000:.3g}k"
    return f"{value:.4g}"


def _runs(metric: Metric, grain: timedelta, usable: Callable[[int], bool]) -> list[list[int]]:
    """Indices in unbroken runs: a gap in time or an empty tick ends one."""
    runs: list[list[int]] = []
    for index in range(len(metric.at)):
        if not usable(index):
            continue
        last = runs[-1][-1] if runs else -2
        if last == index - 1 and metric.at[index] - metric.at[last] <= 1.5 * grain:
            runs[-1].append(index)
        else:
            runs.append([index])
    return runs


def _line(
    metric: Metric, values: list[Value], across: TimeScale, up: Scale, grain: timedelta, kind: str
) -> Markup:
    parts: list[Markup] = []
    for run in _runs(metric, grain, lambda index: values[index] is not None):
        points = [(across(metric.at[i] + grain / 2), up.clamp(values[i] or 0.0)) for i in run]
        if len(points) == 1:
            parts.append(element("circle", cx=points[0][0], cy=points[0][1], r=1.6, class_=f"dot {kind}"))
        else:
            parts.append(element("path", d=path(points), class_=f"line {kind}"))
    return group(parts)


def _area(
    metric: Metric,
    sides: list[tuple[float, float] | None],
    across: TimeScale,
    up: Scale,
    grain: timedelta,
    kind: str,
) -> Markup:
    parts = []
    for run in _runs(metric, grain, lambda index: sides[index] is not None):
        pairs = [(across(metric.at[i] + grain / 2), sides[i] or (0.0, 0.0)) for i in run]
        lower = [(x, up.clamp(low)) for x, (low, _) in pairs]
        upper = [(x, up.clamp(high)) for x, (_, high) in reversed(pairs)]
        outline = lower + upper
        parts.append(element("path", d=path(outline, close=True), class_=kind))
    return group(parts)


def _band(metric: Metric, across: TimeScale, up: Scale, grain: timedelta) -> Markup:
    sides = [
        (low, high) if low is not None and high is not None else None
        for low, high in zip(metric.low, metric.high, strict=True)
    ]
    return _area(metric, sides, across, up, grain, "band")


def _reach(metric: Metric, across: TimeScale, up: Scale, grain: timedelta) -> Markup:
    return _area(metric, metric.spread, across, up, grain, "reach")


def _counts(metric: Metric, across: TimeScale, frame: Frame, grain: timedelta) -> Markup:
    most = max((value or 0.0 for value in metric.n), default=0.0)
    if most <= 0:
        return Markup()
    base = frame.bottom + 6 + frame.counts
    wide = max(0.6, (across.end - across.start) * (grain / (across.until - across.since)) - 0.3)
    bars = []
    for at, value in zip(metric.at, metric.n, strict=True):
        if value:
            tall = max(0.7, (frame.counts - 2) * value / most)
            bars.append(element("rect", x=across(at), y=base - tall, width=wide, height=tall))
    label = element("text", "events", x=across.start - 6, y=base - 10, text_anchor="end", class_="tick")
    top = element("text", f"≤ {most:,.0f}", x=across.start - 6, y=base, text_anchor="end", class_="tick")
    return group([*bars, label, top], class_="counts")
