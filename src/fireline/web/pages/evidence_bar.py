"""A monitor's evidence on a logarithmic scale: how far it is from a ticket and from a page."""

from __future__ import annotations

import math

from markupsafe import Markup

from fireline.live.views import MonitorView
from fireline.terms import words
from fireline.web.svg import element

WIDTH, HEIGHT = 120, 12
OVER = 1.25
"""The scale reaches a quarter beyond the page."""


def reached(monitor: MonitorView) -> float:
    """How far towards its page the evidence is: 0 nothing, 1 it pages; on a logarithmic scale.

    Evidence of 1 is worth nothing: it is what an e-detector starts from.
    """
    if monitor.page_at <= 1 or not monitor.evidence > 1:
        return 0.0
    value = min(monitor.evidence, 1e300)
    return math.log(value) / math.log(monitor.page_at)


def bar(monitor: MonitorView) -> Markup:
    """The bar, with a mark at the ticket's and the page's level."""
    share = min(reached(monitor), OVER) / OVER
    ticket = (
        math.log(max(monitor.ticket_at, 1.0)) / math.log(monitor.page_at) / OVER
        if monitor.page_at > 1
        else 0.0
    )
    levels = f"a ticket at {_said(monitor.ticket_at)}, a page at {_said(monitor.page_at)}"
    says = f"evidence {_said(monitor.evidence)}; {levels}"
    parts = [
        element("title", says),
        element("rect", x=0, y=4, width=WIDTH, height=5, rx=2.5, class_="track"),
        element("rect", x=0, y=4, width=max(1.0, WIDTH * share), height=5, rx=2.5, class_="fill"),
        element("line", x1=WIDTH * ticket, x2=WIDTH * ticket, y1=1, y2=12, class_="at ticket"),
        element("line", x1=WIDTH / OVER, x2=WIDTH / OVER, y1=1, y2=12, class_="at page"),
    ]
    return element("svg", *parts, viewBox=f"0 0 {WIDTH} 13", class_=f"evidence-bar {monitor.state}",
                   role="img", aria_label=says)  # fmt: skip


def _said(value: float) -> str:
    if not math.isfinite(value):
        return "beyond measure"
    return words.number(value) if value < 1e5 else f"{value:.1e}"
