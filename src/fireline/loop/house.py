"""What a tick works in: the store, the journal as it stood when it began, and what is written together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from fireline.act import Worker
from fireline.casefile import CaseFile
from fireline.clock import Clock, micros
from fireline.detect.grouping import Desk
from fireline.runbook.schema import Runbook
from fireline.sheet import Bookmark, Sheet
from fireline.store import Store, Tx
from fireline.terms.incident import OVER, Incident, Mode, State
from fireline.terms.measure import IN_FLIGHT
from fireline.terms.timeline import Entry
from fireline.triage.assess import assess
from fireline.triage.case import Assessment, Case

Tell = Callable[[Incident, Entry], None]
SEATED = frozenset({State.RESOLVED, State.LEARNING}) | OVER


@dataclass
class House:
    """All that a tick needs. ``tell`` hears every entry once it is written."""

    store: Store
    runbook: Runbook
    desk: Desk
    file: CaseFile
    worker: Worker
    clock: Clock
    mode: Mode
    tell: Tell
    assess: Callable[[Case], Assessment] = assess
    told: dict[str, int] = field(default_factory=dict)
    phase: int = 0
    news: bool = True
    looked: datetime | None = None
    """When the last tick was, where ticks come at any instant; None where each due instant has its own."""
    also: Callable[[Tx], None] = lambda tx: None
    """What else is written with whatever a tick writes first."""
    _open: list[Incident] | None = None
    bookmark: Bookmark = field(init=False)

    def __post_init__(self) -> None:
        self.bookmark = Bookmark.found(self.store, self.runbook.service)

    @property
    def service(self) -> str:
        return self.runbook.service

    def open(self) -> list[Incident]:
        """Incidents that are not over, oldest first: with what this house wrote, and what others had written
        when it last began to read anew."""
        if self._open is None:
            found = self.store.standing(self.service, open_only=True)
            moving = self.store.measures(self.service, states=IN_FLIGHT)  # of a closed one: taken back late
            there = {incident.id for incident in found}
            late = dict.fromkeys(m.incident for m in moving if m.incident not in there)
            self._open = found + [self.store.incident(name) for name in late]
        return self._open

    def forget(self) -> None:
        """Reads the journal anew: somebody else wrote in it."""
        self._open, self.news = None, True

    def each(self, step: Callable[[House, Sheet], Iterable[Sheet]]) -> None:
        """One step for every open incident; what it says of one is one transaction, and never said again."""
        self.phase += 1
        now = self.clock.now()
        for incident in self.open():
            fresh = next((i for i in self.open() if i.id == incident.id), None)
            if fresh is None or self.bookmark.passed(now, self.phase, incident.id):
                continue
            sheet = Sheet(fresh, now)
            sheets = [sheet, *step(self, sheet)]
            self.bookmark.turn(now, self.phase, incident.id)
            self.put(sheets)

    def act(self) -> None:
        """Does what was requested; what came before is not looked at again once that begins."""
        self.phase += 1
        if self.store.claimable(self.clock.now()):
            self.bookmark.turn(self.clock.now(), self.phase)
            with self.store.begin() as tx:
                self.keep(tx)
            self.worker.work()
            self._open = None

    def put(self, sheets: Sequence[Sheet]) -> None:
        """Writes ``sheets`` in one transaction."""
        if any(sheet.drafts for sheet in sheets):
            with self.store.begin() as tx:
                for sheet in sheets:
                    for draft in sheet.drafts:
                        tx.append(sheet.incident.id, draft, sheet.now)
                self.keep(tx)

    def keep(self, tx: Tx) -> None:
        """What must be remembered with anything that is written: how far the tick is, and what was told."""
        self.bookmark.keep(tx)
        tx.put_state(f"desk:{self.service}", micros(self.clock.now()), self.desk.save())
        self.also(tx)
        self._open, self.news = None, True


def report(house: House) -> None:
    """Tells of every entry that was written since the last time."""
    if not house.news:
        return
    house.news = False
    for incident in house.store.standing(house.service):
        for entry in incident.timeline[house.told.get(incident.id, 0) :]:
            house.tell(incident, entry)
        house.told[incident.id] = len(incident.timeline)
