"""Draws ``coverage.html``: which faults a runbook would notice and how fast, one file to read and to send."""

from __future__ import annotations

import math
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from fireline.drill.coverage import Coverage, Outcome
from fireline.drill.coverage.cover import Noticed, Row, gaps
from fireline.terms.words import figure
from fireline.web.svg import element, group

WIDE, LEFT, RIGHT, MISSED, TWIN = 1010, 250, 740, 800, 935
TOP, STEP, HEAD = 52, 25, 30
RADIUS = {"small": 4.0, "medium": 6.0, "large": 8.5}
SOONEST = 300.0
TICKS = (
    (600, "10 min"), (1_800, "30 min"), (3_600, "1 h"), (10_800, "3 h"), (43_200, "12 h"), (86_400, "1 d"),
    (259_200, "3 d"), (864_000, "10 d"), (2_592_000, "30 d"),
)  # fmt: skip


def write(path: Path, found: Coverage) -> Path:
    """Writes the page, whole or not at all; returns where it lies."""
    partial = path.with_name(path.name + ".part")
    partial.write_text(render(found), encoding="utf-8")
    partial.replace(path)
    return path


def render(found: Coverage) -> str:
    """The page as HTML; it fetches nothing."""
    env = Environment(
        loader=PackageLoader("fireline.web"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    outcomes = found.outcomes
    paged = sum(o.page is not None for o in outcomes)
    seen = sum(o.first is not None for o in outcomes)
    return env.get_template("coverage.html").render(
        found=found, plot=plot(found), gaps=gaps(found), rows=list(_told(found)), paged=paged,
        tickets=seen - paged, missed=len(outcomes) - seen, total=len(outcomes),
        silent=sum(row.woke is None for row in found.rows),
        css=Markup((files("fireline.web") / "assets" / "report.css").read_text(encoding="utf-8")),
    )  # fmt: skip


def plot(found: Coverage) -> Markup:
    """The picture: a line a fault, a dot a size, further right the later it was noticed."""
    last = max([found.hours * 3600, *(n.after for n in _noticed(found))])
    marks: list[Markup] = []
    y, seen = TOP, ""
    for row in found.rows:
        if row.harm.group != seen:
            seen = row.harm.group
            y += HEAD
            marks.append(element("text", seen, x=0, y=y - 8, class_="group"))
        marks.append(_line(row, y, last))
        y += STEP
    return element(
        "svg", _axis(last, y), _age(found, last, y), group(marks),
        viewBox=f"0 0 {WIDE} {y + 8}", class_="cover", role="img",
        aria_label=f"How fast {found.service}'s runbook notices each fault",
    )  # fmt: skip


def _noticed(found: Coverage) -> Iterator[Noticed]:
    for outcome in found.outcomes:
        if (noticed := outcome.page or outcome.first) is not None:
            yield noticed


def _x(seconds: float, last: float) -> float:
    share = math.log(max(seconds, SOONEST) / SOONEST) / math.log(max(last, 2 * SOONEST) / SOONEST)
    return LEFT + 10 + (RIGHT - LEFT - 20) * share


def _axis(last: float, bottom: float) -> Markup:
    parts = [
        element("rect", x=MISSED - 38, y=TOP - 8, width=76, height=bottom - TOP + 8, rx=8, class_="missed"),
        element("text", "not noticed", x=MISSED, y=TOP - 18, text_anchor="middle", class_="tick"),
        element("text", "harmless twin", x=TWIN, y=TOP - 18, text_anchor="middle", class_="tick"),
    ]
    for seconds, words in TICKS:
        if SOONEST <= seconds <= last * 1.02:
            x = _x(seconds, last)
            parts.append(element("line", x1=x, x2=x, y1=TOP - 8, y2=bottom, class_="grid"))
            parts.append(element("text", words, x=x, y=TOP - 18, text_anchor="middle", class_="tick"))
    return group(parts)


def _age(found: Coverage, last: float, bottom: float) -> Markup:
    """Where labels come of age: faults that only they show cannot be left of it."""
    if not SOONEST < found.labels_after <= last or not any(row.harm.aged for row in found.rows):
        return Markup("")
    x = _x(found.labels_after, last)
    return group([
        element("line", x1=x, x2=x, y1=TOP - 30, y2=bottom, class_="age"),
        element("text", "labels are known", x=x - 5, y=TOP - 33, text_anchor="middle", class_="age"),
    ])  # fmt: skip


def _line(row: Row, y: float, last: float) -> Markup:
    middle = y + STEP / 2 - 4
    name = element("text", row.harm.name, x=10, y=middle + 4, class_="name")
    if row.target:
        short = row.target if len(row.target) < 24 else row.target[:22] + "…"
        name = element(
            "text", row.harm.name, element("tspan", f"  {short}", class_="target"), x=10, y=middle + 4,
            class_="name", xml_space="preserve",
        )  # fmt: skip
    dots = [_dot(row, o, middle, last) for o in reversed(row.sizes)]
    found = [_x((o.page or o.first).after, last) for o in row.sizes if o.first is not None]
    thread = element(
        "line", x1=min(found), x2=max(found), y1=middle, y2=middle, class_="thread"
    ) if len(found) > 1 else Markup("")  # fmt: skip
    return group([_rule(y), name, thread, *dots, _twin(row, middle)], class_="row")


def _rule(y: float) -> Markup:
    return element("line", x1=0, x2=WIDE, y1=y + STEP - 4, y2=y + STEP - 4, class_="rule")


def _dot(row: Row, outcome: Outcome, y: float, last: float) -> Markup:
    told = element("title", tell(row, outcome))
    noticed = outcome.page or outcome.first
    if noticed is None:
        x = MISSED + {"small": -20, "medium": 0, "large": 20}[outcome.size]
        return element("circle", told, cx=x, cy=y, r=RADIUS[outcome.size] * 0.8, class_="none")
    return element(
        "circle", told, cx=_x(noticed.after, last), cy=y, r=RADIUS[outcome.size],
        class_="page" if outcome.page else "ticket",
    )  # fmt: skip


def _twin(row: Row, y: float) -> Markup:
    if row.woke is None:
        told = element("title", f"{row.harm.twin}: nobody was paged")
        return element("path", told, d=f"M{TWIN - 5},{y} l4,4 l7,-8", class_="silent")
    told = element("title", f"{row.harm.twin}: paged by {row.woke.by}")
    return element("text", "pages", told, x=TWIN, y=y + 4, text_anchor="middle", class_="woke")


def tell(row: Row, outcome: Outcome) -> str:
    """One outcome in a sentence."""
    noticed = outcome.page or outcome.first
    what = f"{row.name}, {outcome.size} ({amount(row, outcome)})"
    if noticed is None:
        return f"{what}: not noticed"
    return f"{what}: {noticed.urgency} after {length(noticed.after)}, {noticed.by}"


def amount(row: Row, outcome: Outcome) -> str:
    """How much of it there was, in words."""
    unit = row.harm.unit
    if unit.startswith("of "):
        return f"{100 * outcome.amount:.3g} % {unit}"
    return f"{figure(outcome.amount)} {unit}" if not unit.startswith("in ") else f"{outcome.amount:g} {unit}"


def length(seconds: float) -> str:
    """A length of time in a few characters."""
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 36 * 3600 else f"{seconds / 86_400:.1f} d"


def _told(found: Coverage) -> Iterator[dict[str, object]]:
    for row in found.rows:
        yield {
            "row": row,
            "cells": [
                {"o": o, "amount": amount(row, o), "noticed": (n := o.page or o.first),
                 "after": length(n.after) if n else ""}
                for o in row.sizes
            ],
        }  # fmt: skip
