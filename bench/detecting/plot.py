"""Time to detect as a picture: a panel a rate of traffic, a line a scene, hours on a logarithmic scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite, log10
from typing import Any

from fireline.web.svg import Scale, element, group

ROW, LEFT, WIDTH, TOP = 17, 190, 250, 40
COLOURS = ("#0b6e4f", "#c1121f", "#e09f3e", "#335c67", "#7b2cbf", "#6c757d")
DECADES = (0.1, 1, 10, 100)


def picture(results: Sequence[Mapping[str, Any]], who: Sequence[str]) -> str:
    """An SVG of ``results`` (one mapping a rate, as ``detect.py`` writes them) for the contestants ``who``;
    what was never noticed stands at the right end."""
    scenes = [row["scene"] for row in results[0]["scenes"]]
    height = TOP + ROW * len(scenes) + 46
    parts = [
        element("text", scene, x=LEFT - 8, y=TOP + ROW * i + 12, text_anchor="end")
        for i, scene in enumerate(scenes)
    ]
    for panel, result in enumerate(results):
        parts.append(_panel(result, who, LEFT + panel * (WIDTH + 30), height))
    for i, name in enumerate(who):
        x = LEFT + 140 * i
        parts.append(element("circle", cx=x, cy=height - 8, r=4, fill=COLOURS[i % len(COLOURS)]))
        parts.append(element("text", name, x=x + 8, y=height - 4))
    width = LEFT + len(results) * (WIDTH + 30) + 10
    return str(
        element(
            "svg", element("rect", width=width, height=height, fill="white"), *parts,
            xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {width} {height}", font_family="sans-serif",
            font_size=11,
        )
    )  # fmt: skip


def _panel(result: Mapping[str, Any], who: Sequence[str], left: int, height: int) -> Any:
    scale = Scale(log10(0.05), log10(500), left, left + WIDTH)
    bottom = height - 42
    parts = [element("text", f"{result['rate']:g} events a minute", x=left, y=16, font_weight="bold")]
    for hours in DECADES:
        x = scale(log10(hours))
        parts.append(element("line", x1=x, x2=x, y1=TOP - 6, y2=bottom, stroke="#ddd"))
        parts.append(element("text", f"{hours:g} h", x=x, y=TOP - 10, text_anchor="middle", fill="#666"))
    for i, row in enumerate(result["scenes"]):
        y = TOP + ROW * i + 8
        for name in reversed(who):
            found = row["delays"].get(name)
            if found is None:
                continue
            colour = COLOURS[who.index(name) % len(COLOURS)]
            middle, low, high = (
                scale.clamp(log10(max(v / 3600, 1e-6))) if isfinite(v) else left + WIDTH for v in found
            )
            parts.append(element("line", x1=low, x2=high, y1=y, y2=y, stroke=colour, stroke_opacity="0.5"))
            parts.append(element("circle", cx=middle, cy=y, r=4 if name == who[0] else 3, fill=colour))
    return group(parts)
