"""What is marked on a time axis: alerts, changes, measures, verdicts and the onset, each with its own
shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from markupsafe import Markup

from fireline.clock import parse_time
from fireline.web.svg import TimeScale, element, group, path

MarkKind = Literal["page", "ticket", "change", "measure", "verdict"]
SHAPES: dict[str, tuple[tuple[float, float], ...]] = {
    "page": ((0, -5.5), (5.5, 4.5), (-5.5, 4.5)),
    "ticket": ((0, -4.5), (4.5, 3.5), (-4.5, 3.5)),
    "change": ((0, -5.5), (5.5, 0), (0, 5.5), (-5.5, 0)),
    "measure": ((-4.5, -4.5), (4.5, -4.5), (4.5, 4.5), (-4.5, 4.5)),
    "verdict": ((-5, 0), (-2.5, -4.3), (2.5, -4.3), (5, 0), (2.5, 4.3), (-2.5, 4.3)),
}
_LANES: dict[str, int] = {"change": 0, "page": 1, "ticket": 1, "measure": 2, "verdict": 2}
LANE = 13.0  # pixels
ORDER: tuple[MarkKind, ...] = ("ticket", "change", "verdict", "measure", "page")  # the last one lies on top


@dataclass(frozen=True)
class Mark:
    """One thing that happened at one instant; ``says`` is what its tooltip reads."""

    kind: MarkKind
    at: datetime
    says: str


@dataclass(frozen=True)
class Marks:
    """Everything to be marked on the axes of one incident."""

    marks: tuple[Mark, ...] = ()
    onset: tuple[datetime, datetime] | None = None

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds there are, for the legend."""
        found = {mark.kind for mark in self.marks}
        return tuple(kind for kind in reversed(ORDER) if kind in found)

    def lanes(self, scale: TimeScale) -> dict[str, float]:
        """The height of each kind's lane over the plot, for what lies in ``scale``: no shape hides another
        kind's."""
        used = sorted({_LANES[mark.kind] for mark in self.marks if scale.holds(mark.at)})
        return {kind: 9.0 + LANE * used.index(lane) for kind, lane in _LANES.items() if lane in used}

    def window(self) -> tuple[datetime, datetime] | None:
        """The hours to look at closely: from before the onset to after the first alerts and measures."""
        alerts = sorted(mark.at for mark in self.marks if mark.kind in ("page", "ticket"))
        if not alerts:
            return None
        first = min(self.onset[0], alerts[0]) if self.onset else alerts[0]
        acts = sorted(mark.at for mark in self.marks if mark.kind == "measure")
        near = [at for at in (*alerts[:3], *acts[:1]) if at - alerts[0] < timedelta(days=2)]
        last = max(near)
        pad = max(timedelta(hours=9), (last - first) / 2)
        return first - pad, last + pad


def marks_of(incident: Mapping[str, Any], changes: Sequence[Mapping[str, Any]] = ()) -> Marks:
    """The marks of one incident as JSON; ``changes`` are the service's recorded ones."""
    found: list[Mark] = []
    for alert in firsts(incident.get("alerts") or ()):
        kind: MarkKind = "page" if alert.get("urgency") == "page" else "ticket"
        found.append(Mark(kind, parse_time(alert["fired_at"]), f"{kind}: {alert_name(alert)}"))
    suspects = [c["change"] for c in incident.get("causes") or () if c.get("change")]
    seen: set[tuple[str, str]] = set()
    for change in [*changes, *suspects]:
        key = (change["at"], change.get("what", ""))
        if key not in seen:
            seen.add(key)
            found.append(Mark("change", parse_time(change["at"]), change_name(change)))
    for measure in incident.get("measures") or ():
        says = ("would have: " if measure.get("simulated") else "") + measure_name(measure)
        found.append(Mark("measure", parse_time(measure["requested_at"]), says))
    for verdict in incident.get("verdicts") or ():
        found.append(Mark("verdict", parse_time(verdict["at"]), f"verdict: {verdict.get('verdict', '')}"))
    onset = incident.get("onset")
    return Marks(tuple(found), (parse_time(onset[0]), parse_time(onset[1])) if onset else None)


def firsts(alerts: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The first alert of each monitor, feature, scope and urgency, in order of time."""
    seen: set[tuple[str, str]] = set()
    found = []
    for alert in sorted(alerts, key=lambda one: str(one["fired_at"])):
        name = (str(alert.get("urgency")), alert_name(alert))
        if name not in seen:
            seen.add(name)
            found.append(alert)
    return found


def alert_name(alert: Mapping[str, Any]) -> str:
    """Which monitor fired, of what and where: ``drift of dep_hour, version B``."""
    parts = [str(alert.get("monitor") or alert.get("family") or "alert").replace("_", " ")]
    if alert.get("feature") and str(alert["feature"]) not in parts[0]:
        parts[0] += f" of {alert['feature']}"
    if alert.get("version"):
        parts.append(f"version {alert['version']}")
    if alert.get("against"):
        parts[-1] += f" against {alert['against']}"
    parts += [f"{column} = {value}" for column, value in (alert.get("segment") or {}).items()]
    return ", ".join(parts)


def change_name(change: Mapping[str, Any]) -> str:
    """A change in words: its kind and what it was."""
    kind, what = str(change.get("kind", "change")), str(change.get("what", ""))
    named = what if kind and kind in what else f"{kind}: {what}" if what else kind
    version = change.get("version")
    named += f" ({version})" if version and str(version) not in named else ""
    return named + (", read off the events" if change.get("inferred") else "")


def measure_name(measure: Mapping[str, Any]) -> str:
    """A measure in words: its action and what it was given."""
    params = measure.get("params") or {}
    if measure.get("action") == "rollback" and {"from", "to"} <= set(params):
        return f"rollback of {params['from']} to {params['to']}"
    said = ", ".join(f"{key} {value}" for key, value in params.items())
    action = str(measure.get("action", "")).replace("_", " ")
    return f"{action} ({said})" if said else action


def symbol(kind: str, x: float, y: float, says: str | None = None) -> Markup:
    """The shape of ``kind`` centred at (x, y)."""
    shape = path([(x + dx, y + dy) for dx, dy in SHAPES[kind]], close=True)
    title = element("title", says) if says else Markup()
    return element("path", title, d=shape, class_=f"mark {kind}")


def draw(marks: Marks, scale: TimeScale, top: float, bottom: float) -> Markup:
    """The onset as a band, every mark as a line with its shape in its kind's lane above the plot."""
    parts: list[Markup] = []
    lanes = marks.lanes(scale)
    if marks.onset and marks.onset[1] >= scale.since and marks.onset[0] <= scale.until:
        left, right = scale.clamp(marks.onset[0]), scale.clamp(marks.onset[1])
        width = max(right - left, 3.0)
        title = element("title", "onset: it began in here")
        parts.append(element("rect", title, x=left, y=top, width=width, height=bottom - top, class_="onset"))
    for kind in ORDER:
        for mark in marks.marks:
            if mark.kind == kind and scale.holds(mark.at):
                x = scale(mark.at)
                y = lanes[kind]
                parts.append(element("line", x1=x, x2=x, y1=y, y2=bottom, class_=f"rule {kind}"))
                parts.append(symbol(kind, x, y, mark.says))
    return group(parts, class_="marks")
