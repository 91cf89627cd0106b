"""How an error budget was spent over its window: what is left of it, from all of it down."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from markupsafe import Markup

from fireline.clock import iso
from fireline.terms import words
from fireline.terms.budget import ErrorBudget
from fireline.web.svg import Scale, TimeScale, element, group, path

WIDTH, HEIGHT = 330, 112
LEFT, RIGHT, TOP, BOTTOM = 48.0, 4.0, 8.0, 20.0
DEEPEST = -1.0
"""An overdraft is drawn down to this; beyond it the line runs along the bottom."""


def burn_down(budget: ErrorBudget, zone: ZoneInfo) -> Markup:
    """The plot; nothing where nothing was counted."""
    points = [(at, max(left, DEEPEST)) for at, left in budget.curve]
    if len(points) < 2:
        return Markup()
    low = min(left for _, left in points)
    across = TimeScale(points[0][0], points[-1][0], LEFT, WIDTH - RIGHT, zone)
    up = Scale(min(0.0, low), 1.0, HEIGHT - BOTTOM, TOP)
    line = _steps(points, across, up)
    base = up(0.0)
    area = [(line[0][0], base), *line, (line[-1][0], base)]
    left = words.share(max(budget.left, 0.0))
    label = f"{budget.slo}: {left} of the budget is left at the end of {budget.window}"
    parts = [
        element("title", label),
        *_frame(across, up, low),
        element("path", d=path(area, close=True), class_="left"),
        element("path", d=path(line), class_="line"),
        *_points(budget, across, up),
    ]
    return element("svg", *parts, viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img", aria_label=label,
                   class_=f"burn-down {'over' if budget.left < 0 else ''}")  # fmt: skip


def _steps(
    points: Sequence[tuple[datetime, float]], across: TimeScale, up: Scale
) -> list[tuple[float, float]]:
    return [(across(at), up(left)) for at, left in points]


def _frame(across: TimeScale, up: Scale, low: float) -> list[Markup]:
    """Levels of all, half and nothing left (and of the overdraft), and the days."""
    levels = [1.0, 0.5, 0.0, *([-0.5] if low < -0.25 else []), *([-1.0] if low < -0.75 else [])]
    parts = []
    for level in levels:
        y = up(level)
        nothing = "grid nothing" if level == 0 else "grid"
        parts.append(element("line", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y, class_=nothing))
        said = f"{100 * level:.0f} %".replace("-", "\N{MINUS SIGN}")
        parts.append(element("text", said, x=LEFT - 6, y=y + 3.5, text_anchor="end", class_="tick"))
    ticks = [(x, text) for x, text, _ in across.ticks(5) if LEFT + 12 < x < WIDTH - RIGHT - 16]
    parts += [
        element("text", text, x=x, y=HEIGHT - 5, text_anchor="middle", class_="tick") for x, text in ticks
    ]
    return parts


def _points(budget: ErrorBudget, across: TimeScale, up: Scale) -> list[Markup]:
    """What to hover over: each stretch with its instant and what was left then."""
    spots = []
    edges = [across(at) for at, _ in budget.curve]
    for x, end, (at, left) in zip(edges, edges[1:], budget.curve[1:], strict=False):
        told = element("title", f"{iso(at)}: {100 * left:.1f} % left")
        spots.append(element("rect", told, x=x, y=TOP, width=max(end - x, 0.1), height=HEIGHT - TOP - BOTTOM))
    return [group(spots, class_="spots")]
