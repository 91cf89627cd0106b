"""A sparkline of traffic: one bar an hour, its number in its title."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from markupsafe import Markup

from fireline.clock import iso
from fireline.terms import words
from fireline.web.svg import element


def spark(hourly: Sequence[tuple[datetime, int]], width: int = 192, height: int = 28) -> Markup:
    """Bars of events an hour, scaled to the busiest; an empty drawing says so to who cannot see it."""
    hours = list(hourly)[-48:]
    most = max((n for _, n in hours), default=0)
    said = f"Traffic of the last {len(hours)} hours, at most {words.number(most)} an hour"
    label = said if most else "No traffic"
    step = width / max(1, len(hours))
    bars = [
        element(
            "rect",
            element("title", f"{iso(at)}: {words.number(n)} events"),
            x=index * step,
            y=height - _tall(n, most, height),
            width=max(1.0, step - 1),
            height=_tall(n, most, height),
        )
        for index, (at, n) in enumerate(hours)
    ]
    return element("svg", *bars, viewBox=f"0 0 {width} {height}", class_="spark", role="img",
                   aria_label=label, preserveAspectRatio="none")  # fmt: skip


def _tall(n: int, most: int, height: int) -> float:
    return max(1.0, height * n / most) if n > 0 and most else 0.6
