"""The incident room: everything of one incident, in sections that are drawn and sent by themselves."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field, replace
from datetime import datetime
from threading import Lock
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from fireline.clock import parse_time
from fireline.oncall.attention import attention
from fireline.store import Store
from fireline.terms.incident import OVER, Incident, State
from fireline.terms.measure import Measure, MeasureState
from fireline.terms.role import Role
from fireline.terms.standing import standing
from fireline.terms.timeline import Entry, EntryKind
from fireline.web import briefing, chronicle, marks, report
from fireline.web.auth.who import Who
from fireline.web.pages.draw import environment, may_act

if TYPE_CHECKING:
    from fireline.live.running import Running

SECTIONS = (
    "head", "decision", "ledger", "briefing", "causes", "alerts", "evidence", "timeline", "people", "review",
)  # fmt: skip
"""Every section that changes when the journal grows, in the order of the page."""

WIDE, HALF = 800, 385
"""Pixels of the room's drawings: what its main column has where there are two."""

_KEPT = 32
_EARLY = frozenset({State.SUSPECTED, State.DECLARED, State.TRIAGING})


@dataclass(frozen=True)
class Ask:
    """A measure that waits for yes or no, and what happens when nobody says either."""

    measure: Measure
    default: str
    due: datetime | None

    @property
    def otherwise(self) -> str:
        """What happens unanswered, in words."""
        return "it is done" if self.default == "do" else "it is left alone"


@dataclass(frozen=True)
class Room:
    """One incident as its page shows it; ``seq`` is how far its journal had come."""

    incident: Incident
    zone: str
    view: dict[str, Any]
    drawn: dict[str, str] = field(default_factory=dict, compare=False)

    @property
    def seq(self) -> int:
        return len(self.incident.timeline)

    @property
    def over(self) -> bool:
        return self.incident.state in OVER

    @property
    def settled(self) -> bool:
        """Whether nobody has to be called about it any more."""
        return self.over or self.incident.state in (State.RESOLVED, State.LEARNING)

    @property
    def asks(self) -> list[Ask]:
        """What waits for an answer."""
        return [
            ask_of(self.incident, measure)
            for measure in self.incident.measures
            if measure.state is MeasureState.ASKED
        ]

    @property
    def live(self) -> list[Measure]:
        """Measures in force or on their way, those that wait for an answer aside."""
        return [m for m in standing(self.incident) if m.state is not MeasureState.ASKED]

    @property
    def ended(self) -> list[Measure]:
        """Measures that are over."""
        return [m for m in self.incident.measures if m not in standing(self.incident)]

    @property
    def in_force(self) -> list[Measure]:
        """Measures that hold something in live traffic now."""
        return [m for m in self.live if m.state in (MeasureState.APPLIED, MeasureState.CONFIRMED)]

    @property
    def acked(self) -> Entry | None:
        """Who has seen it last; None while nobody did since the last page."""
        return acknowledged(self.incident)

    @property
    def roles(self) -> list[tuple[str, str]]:
        """Every role with who has it, "" where nobody has."""
        taken = self.incident.roles or {}
        return [(role.value, str(taken.get(role.value, ""))) for role in Role]

    @property
    def early(self) -> bool:
        """Whether resolving it now means that it is no incident."""
        return self.incident.state in _EARLY

    @property
    def told(self) -> list[tuple[dict[str, Any], chronicle.Told, bool]]:
        """The timeline in words, oldest first; entries about a measure name it."""
        names = {m.id: marks.measure_name(m.as_json()) for m in self.incident.measures}
        found = []
        for entry, told, again in self.view["told"]:
            measure = entry.get("measure")
            if isinstance(measure, str) and not told.head:
                told = replace(told, head=str(report.cleaned(names.get(measure, measure))))
            found.append((entry, told, again))
        return found


def acknowledged(incident: Incident) -> Entry | None:
    """The last answer of a person, None where a reason to call has come since or nobody gave one."""
    told = attention(replace(incident, mode="real"))
    return None if told.open else told.answer


def ask_of(incident: Incident, measure: Measure) -> Ask:
    """What was asked about ``measure``."""
    for entry in reversed(incident.timeline):
        if entry.kind is EntryKind.ASKED and entry.data["measure"]["id"] == measure.id:
            due = entry.data.get("due")
            return Ask(measure, str(entry.data.get("default", "leave")), parse_time(due) if due else None)
    return Ask(measure, "leave", None)


def look(running: Running, name: str) -> Room:
    """The room of incident ``name`` as it is now. Raises StoreError when it is not known."""
    incident = running.store.incident(name)
    with _lock:
        kept = _rooms.setdefault(running.store, OrderedDict())
        room = kept.get(name)
    if room is not None and room.seq == len(incident.timeline):
        return room
    with _building:  # whoever looks at the same incident waits for the one drawing of it
        with _lock:
            room = kept.get(name)
        if room is not None and room.seq >= len(incident.timeline):
            return room
        zone = zone_of(running, incident.service)
        told = report.cleaned(incident.as_json())
        room = Room(incident, zone, report.view(told, {}, report.zone_of(zone), WIDE, HALF))
        with _lock:
            kept[name] = room
            kept.move_to_end(name)
            while len(kept) > _KEPT:
                kept.popitem(last=False)
        return room


def zone_of(running: Running, service: str) -> str:
    """The time zone of the service's users, UTC where the service is not known."""
    runbook = running.runbooks.get(service)
    return runbook.timezone if runbook is not None else "UTC"


def known_of(room: Room, who: Who, now: datetime, csrf: str, newest: bool = True) -> dict[str, Any]:
    """What the sections' templates are given."""
    answers = briefing.brief(room.view["json"], room.zone)
    return {
        "room": room, "view": room.view, "incident": room.view["json"], "review": room.view["json"]["review"],
        "answers": answers, "incidents": [room.view], "groups": chronicle.GROUPS, "who": who, "csrf": csrf,
        "may_act": may_act(who), "now": now, "zone": room.zone, "newest": newest, "failed": None,
    }  # fmt: skip


def draw_section(room: Room, section: str, known: dict[str, Any]) -> str:
    """The inside of one section. The plots of the evidence are drawn once for all who look."""
    if section == "evidence" and section in room.drawn:
        return room.drawn[section]
    text = environment(room.zone).get_template(f"pages/room_{section}.html").render(known).strip()
    if section == "evidence":
        room.drawn[section] = text
    return text


_lock, _building = Lock(), Lock()
_rooms: WeakKeyDictionary[Store, OrderedDict[str, Room]] = WeakKeyDictionary()
