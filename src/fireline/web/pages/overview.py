"""The home page's rows: services with their state in one line, what waits for a person, recent incidents."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import quote

from fireline.live.views import ServiceView
from fireline.terms.incident import OVER, Incident, State
from fireline.terms.measure import Measure, MeasureState
from fireline.terms.standing import standing
from fireline.web.marks import measure_name
from fireline.web.pages.room import acknowledged, ask_of

if TYPE_CHECKING:
    from fireline.live.running import Running

RECENT = 12
_ORDER = {"answer": 0, "page": 1, "trouble": 2, "review": 3}


@dataclass(frozen=True)
class Waiting:
    """One thing that waits for a person: ``kind`` answer, page, trouble or review; ``due`` when it decides
    itself."""

    kind: str
    service: str
    says: str
    link: str
    severity: str = ""
    since: datetime | None = None
    due: datetime | None = None
    otherwise: str = ""


@dataclass(frozen=True)
class Row:
    """A service in one line."""

    view: ServiceView
    incidents: tuple[Incident, ...]
    live: tuple[Measure, ...]
    alerting: int
    rising: int

    @property
    def worst(self) -> str:
        """The worst severity open, "none" where open incidents have none yet, "" where nothing is open."""
        levels = [i.severity.value if i.severity else "none" for i in self.incidents]
        return min(levels, default="")

    @property
    def since(self) -> datetime | None:
        """The latest event, or nothing."""
        return self.view.last_event


def rows(services: list[ServiceView], incidents: list[Incident]) -> list[Row]:
    """Every service with what is open of it, those that burn first."""
    found = []
    for view in services:
        mine = tuple(i for i in incidents if i.service == view.name and i.state not in OVER)
        live = tuple(m for i in mine for m in standing(i) if m.state is not MeasureState.ASKED)
        alerting = sum(m.state == "alert" for m in view.monitors)
        rising = sum(m.state == "rising" for m in view.monitors)
        found.append(Row(view, mine, live, alerting, rising))
    return sorted(found, key=lambda row: (row.worst or "Z", not row.view.trouble, row.view.name))


def open_incidents(running: Running) -> list[Incident]:
    """Incidents that are not over, oldest first."""
    return [running.store.incident(name) for name in running.store.incidents(open_only=True)]


def recent(running: Running, most: int = RECENT) -> list[Incident]:
    """The latest incidents, newest first."""
    return [running.store.incident(name) for name in reversed(running.store.incidents()[-most:])]


def waiting(services: list[ServiceView], incidents: list[Incident]) -> list[Waiting]:
    """What a person has to look at, the most pressing first."""
    found = [one for incident in incidents for one in _of_incident(incident)]
    for view in services:
        if view.trouble:
            found.append(Waiting("trouble", view.name, view.trouble, f"/services/{quote(view.name)}"))
    return sorted(
        found, key=lambda one: (_ORDER[one.kind], one.severity or "Z", str(one.due or one.since or ""))
    )


def _of_incident(incident: Incident) -> list[Waiting]:
    link = f"/incidents/{incident.id}"
    severity = incident.severity.value if incident.severity else ""
    found = []
    for measure in incident.measures:
        if measure.state is MeasureState.ASKED:
            ask = ask_of(incident, measure)
            says = f"{measure_name(measure.as_json())}?"
            found.append(Waiting("answer", incident.service, says, link, severity, measure.requested_at,
                                 ask.due, ask.otherwise))  # fmt: skip
    if (
        incident.paged
        and incident.state not in (State.LEARNING, State.RESOLVED)
        and acknowledged(incident) is None
    ):
        found.append(Waiting("page", incident.service, incident.title, link, severity, incident.opened_at))
    if incident.review is not None and not incident.review_approved:
        found.append(Waiting("review", incident.service, f"Review of: {incident.title}", link, severity,
                             incident.resolved_at or incident.opened_at))  # fmt: skip
    return found
