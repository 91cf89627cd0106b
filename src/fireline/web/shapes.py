"""The other charts: before and after in cells, the strip of the whole period, and a line in a row of text."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from markupsafe import Markup

from fireline.clock import parse_time
from fireline.terms import words
from fireline.web import marks
from fireline.web.marks import Mark, Marks
from fireline.web.series import finite
from fireline.web.svg import Scale, TimeScale, element, group, nice_ticks

BLOCKS = "▁▂▃▄▅▆▇█"
MOST_CELLS = 40


def histogram(data: Mapping[str, Any], width: int, label: str) -> Markup:
    """Shares of each cell before and after: upright where the labels fit, else in rows."""
    cells = [cell_label(str(cell)) for cell in data.get("cells") or ()]
    before, after = _shares(data, "before", len(cells)), _shares(data, "after", len(cells))
    if not cells:
        return Markup('<p class="empty">There are no cells to show.</p>')
    if len(cells) > MOST_CELLS:
        kept = sorted(range(len(cells)), key=lambda i: -abs(after[i] - before[i]))[:MOST_CELLS]
        cells = [cells[i] for i in sorted(kept)]
        before, after = [before[i] for i in sorted(kept)], [after[i] for i in sorted(kept)]
    room = (width - 56) / len(cells)
    upright = len(cells) > 8 and room >= 15 and max(len(cell) for cell in cells) * 6.2 <= room
    draw = _upright if upright else _rows
    return draw(cells, before, after, width, label)


def cell_label(cell: str) -> str:
    """The label of a cell as people say it: no infinite ends, no range of one value.

    >>> cell_label("-inf to 6"), cell_label("7 to 7"), cell_label("0 to 4.941e-324"), cell_label("JFK to LAX")
    ('up to 6', '7', '0', 'JFK to LAX')
    """
    low, to, high = cell.partition(" to ")
    if not to:
        return cell
    try:
        ends = [0.0 if abs(float(end)) < 1e-300 else float(end) for end in (low, high)]
    except ValueError:
        return cell
    if ends[0] == ends[1]:
        return f"{ends[0]:.6g}"
    if math.isinf(ends[0]):
        return f"up to {ends[1]:.6g}"
    return f"over {ends[0]:.6g}" if math.isinf(ends[1]) else f"{ends[0]:.6g} to {ends[1]:.6g}"


def _shares(data: Mapping[str, Any], name: str, length: int) -> list[float]:
    given = [finite(value) or 0.0 for value in (data.get(name) or ())][:length]
    return given + [0.0] * (length - len(given))


def _tip(cell: str, before: float, after: float) -> Markup:
    return element("title", f"{cell}: before {words.share(before)}, after {words.share(after)}")


def _upright(cells: list[str], before: list[float], after: list[float], width: int, label: str) -> Markup:
    height, left, top, bottom = 220, 46.0, 12.0, 192.0
    most = max(*before, *after, 1e-9)
    up = Scale(0.0, most * 1.04, bottom, top)
    parts = _share_axis(nice_ticks(0.0, most, 4), up, left, width - 8)
    room = (width - 8 - left) / len(cells)
    bar = min(16.0, room * 0.38)
    for index, cell in enumerate(cells):
        middle = left + room * (index + 0.5)
        inside = [
            _tip(cell, before[index], after[index]),
            element("rect", x=middle - room / 2, y=top, width=room, height=bottom - top, class_="hit"),
            element(
                "rect",
                x=middle - bar,
                y=up(before[index]),
                width=bar - 0.5,
                height=bottom - up(before[index]),
                class_="bar before",
            ),
            element(
                "rect",
                x=middle + 0.5,
                y=up(after[index]),
                width=bar - 0.5,
                height=bottom - up(after[index]),
                class_="bar after",
            ),
            element("text", cell, x=middle, y=bottom + 16, text_anchor="middle", class_="tick"),
        ]
        parts.append(group(inside, class_="cell"))
    parts.append(element("line", x1=left, x2=width - 8, y1=bottom, y2=bottom, class_="axis"))
    return element("svg", *parts, viewBox=f"0 0 {width} {height}", class_="chart cells", role="img",
                   aria_label=label)  # fmt: skip


def _share_axis(ticks: Sequence[float], up: Scale, left: float, right: float) -> list[Markup]:
    parts = []
    for tick in ticks:
        if tick <= up.high:
            y = up(tick)
            parts.append(element("line", x1=left, x2=right, y1=y, y2=y, class_="grid"))
            parts.append(element("text", f"{100 * tick:.3g} %", x=left - 6, y=y + 3.5, text_anchor="end",
                                 class_="tick"))  # fmt: skip
    return parts


def _rows(cells: list[str], before: list[float], after: list[float], width: int, label: str) -> Markup:
    letters = min(max(len(cell) for cell in cells), width // 20)
    left, step = 12.0 + letters * 6.3, 19.0
    most = max(*before, *after, 1e-9)
    across = Scale(0.0, most, left, width - 96.0)
    parts: list[Markup] = []
    for index, cell in enumerate(cells):
        y = 6.0 + index * step
        shown = cell if len(cell) <= letters else cell[: letters - 1] + "…"
        inside = [
            _tip(cell, before[index], after[index]),
            element("rect", x=0, y=y, width=width, height=step, class_="hit"),
            element("text", shown, x=left - 6, y=y + 12, text_anchor="end", class_="tick"),
            element(
                "rect",
                x=left,
                y=y + 2,
                width=max(0.5, across(before[index]) - left),
                height=6.5,
                class_="bar before",
            ),
            element(
                "rect",
                x=left,
                y=y + 9.5,
                width=max(0.5, across(after[index]) - left),
                height=6.5,
                class_="bar after",
            ),
            element(
                "text",
                f"{words.share(before[index])} → {words.share(after[index])}",
                x=across(max(before[index], after[index])) + 5,
                y=y + 14,
                class_="tick",
            ),
        ]
        parts.append(group(inside, class_="cell"))
    return element(
        "svg",
        *parts,
        viewBox=f"0 0 {width} {round(12 + len(cells) * step)}",
        class_="chart cells",
        role="img",
        aria_label=label,
    )


def strip(
    incidents: Sequence[Mapping[str, Any]], summary: Mapping[str, Any], zone: ZoneInfo, width: int
) -> Markup:
    """The whole period on one axis: traffic, changes, and a row for each incident with what happened in
    it."""
    period = summary.get("period")
    if not period:
        return Markup()
    since, until = parse_time(period[0]), parse_time(period[1])
    left = 118.0 if width > 500 else 8.0
    across = TimeScale(since, max(until, since), left, width - 10.0, zone)
    row = 30.0 if width > 500 else 42.0
    parts, y = [], 6.0
    traffic = _traffic(summary.get("activity") or {}, across, y, 26.0, left)
    if traffic:
        parts.append(traffic)
        y += 38.0
    changes = [
        Mark("change", parse_time(c["at"]), marks.change_name(c)) for c in summary.get("changes") or ()
    ]
    inside = [mark for mark in changes if across.holds(mark.at)]
    if inside:
        parts.append(_lane("changes", y, row, left, width))
        parts.append(
            group([marks.symbol("change", across(m.at), y + row - 15, _when(m, zone)) for m in inside])
        )
        y += row
    for incident in incidents:
        parts.append(_incident_row(incident, across, y, row, left, width))
        y += row
    ticks = [
        part
        for x, text, begins in across.ticks(max(2, round((across.end - across.start) / 70)))
        for part in (
            element("line", x1=x, x2=x, y1=4, y2=y, class_="grid"),
            element(
                "text",
                text,
                x=x,
                y=y + 16,
                text_anchor="middle",
                class_="tick day-label" if begins else "tick",
            ),
        )
    ]
    days = [element("line", x1=x, x2=x, y1=4, y2=y, class_="day") for x in across.days()]
    label = f"The whole period with {len(incidents)} incidents and {len(changes)} changes"
    return element("svg", *days, *ticks, *parts, viewBox=f"0 0 {width} {round(y + 24)}", class_="chart strip",
                   role="group", aria_label=label)  # fmt: skip


def _when(mark: Mark, zone: ZoneInfo) -> str:
    return f"{words.day_time(mark.at, zone.key)}: {mark.says}"


def _lane(name: str, y: float, row: float, left: float, width: int) -> Markup:
    beside = left > 50
    return group([
        element("line", x1=0, x2=width, y1=y + row, y2=y + row, class_="lane"),
        element("text", name, x=left - 10 if beside else 4, y=y + (row - 11 if beside else 13),
                text_anchor="end" if beside else "start", class_="lane-label"),
    ])  # fmt: skip


def _traffic(activity: Mapping[str, Any], across: TimeScale, y: float, tall: float, left: float) -> Markup:
    at = [parse_time(text) for text in activity.get("t") or ()]
    counts = [finite(value) or 0.0 for value in activity.get("n") or ()]
    if len(at) < 2 or len(at) != len(counts):
        return Markup()
    most = max(*counts, 1e-9)
    size = max(1, len(at) // int(across.end - across.start) + 1)
    bars = []
    for index in range(0, len(at), size):
        part = counts[index : index + size]
        x, up = across.clamp(at[index]), tall * (sum(part) / len(part)) / most
        wide = across.clamp(at[min(index + size, len(at) - 1)]) - x
        bars.append(element("rect", x=x, y=y + tall - up, width=max(0.6, wide - 0.2), height=up))
    name = element("text", "traffic", x=left - 10, y=y + tall - 8, text_anchor="end", class_="lane-label")
    return group([*bars, name] if left > 50 else bars, class_="counts")


def _incident_row(
    incident: Mapping[str, Any], across: TimeScale, y: float, row: float, left: float, width: int
) -> Markup:
    marked: Marks = marks.marks_of(incident)
    start = marked.onset[0] if marked.onset else parse_time(incident["opened_at"])
    ended = incident.get("resolved_at") or incident.get("closed_at")
    end = parse_time(ended) if ended else across.until
    severity = str(incident.get("severity") or "none").lower()
    middle = y + row - 15
    x = across.clamp(start)
    title = element("title", str(incident.get("title", "")))
    parts = [
        element("rect", title, x=x, y=middle - 6, width=max(3.0, across.clamp(end) - x), height=12, rx=3,
                class_=f"span {severity}"),
    ]  # fmt: skip
    parts += [
        marks.symbol(mark.kind, across(mark.at), middle, mark.says)
        for kind in marks.ORDER
        for mark in marked.marks
        if mark.kind == kind and kind != "change" and across.holds(mark.at)
    ]
    number = f"{incident.get('severity') or 'incident'}, {_day(start, across.zone)}"
    inside = group([_lane(number, y, row, left, width), *parts])
    return element(
        "a", inside, href=f"#{incident.get('id', '')}", aria_label=str(incident.get("title", number))
    )


def _day(at: datetime, zone: ZoneInfo) -> str:
    local = at.astimezone(zone)
    return f"{local.day} {local:%b}"


def sparkline(values: Sequence[float | None], width: int = 24) -> str:
    """Values as blocks in a line of text, gaps as spaces, drawn together to at most ``width``.

    >>> sparkline([1, 2, None, 4])
    '▁▃ █'
    """
    size = max(1, -(-len(values) // width))
    cut = [[v for v in values[i : i + size] if finite(v) is not None] for i in range(0, len(values), size)]
    means = [sum(v for v in part if v is not None) / len(part) if part else None for part in cut]
    known = [mean for mean in means if mean is not None]
    if not known:
        return ""
    low, span = min(known), (max(known) - min(known)) or 1.0
    return "".join(" " if m is None else BLOCKS[round((m - low) / span * (len(BLOCKS) - 1))] for m in means)
