"""A running service's baselines: which is in force, what is proposed, what a person decides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from fireline.baselines import decide
from fireline.baselines import shelf as shelves
from fireline.baselines.propose import Seen, by_person
from fireline.baselines.propose import propose as propose_due
from fireline.clock import Clock, from_micros, iso
from fireline.ids import stable_id
from fireline.live.book import Book
from fireline.live.counting import Counting
from fireline.reader import CountsReader
from fireline.recording import Archive
from fireline.runbook.schema import Runbook
from fireline.store import Store
from fireline.terms.proposal import Proposal, Shelf

LOOK_EVERY = timedelta(hours=1)


class Loop(Protocol):
    """What is asked of a service's loop."""

    book: Book
    store: Store
    clock: Clock
    counting: Counting
    read: CountsReader
    archive: Archive
    judged: int
    since: int


class Usual:
    """What is usual for one service, as the store has it. ``own`` is the runbook with its own baseline."""

    def __init__(self, pulse: Loop) -> None:
        self.pulse, self.own = pulse, pulse.book
        self.base = shelves.base_of(self.own.runbook, self.own.baseline)
        self.active, self.begins = "", 0
        self._looked: datetime | None = None
        self._turn: int | None = None
        self._part = int(stable_id("hour", self.service)[-4:], 16) / 16**4
        """The part of an hour by which its hours begin before others'."""
        self.firing: Callable[[], tuple[str, ...]] = tuple
        """What fires or rises now, in words; the server says how it is told."""

    @property
    def service(self) -> str:
        return self.own.runbook.service

    def shelf(self) -> Shelf:
        """The service's baselines as they stand."""
        return shelves.shelf_of(self.pulse.store, self.service, self.base)

    def book(self, turn: int | None = None) -> Book | None:
        """The book with the baseline that is in force, where that is another than the one at hand; not looked
        for while ``turn`` is the one of the last look."""
        if turn is not None and turn == self._turn:
            return None
        found = self.shelf()
        self._turn = self._turn if turn is None else turn
        if (found.active, found.begins) == (self.active, self.begins):
            return None
        self.active, self.begins = found.active, found.begins
        if not found.active:
            return self.own
        baseline = shelves.file_of(self.pulse.store, self.service, found.active)
        kept = next((one for one in found.kept if one.id == found.active), None)
        if baseline is None or kept is None:
            return self.own
        return replace(self.own, runbook=_with(self.own.runbook, kept.since, kept.until), baseline=baseline)

    # -- proposing ----------------------------------------------------------------------------------------

    def look(self, now: datetime) -> Proposal | None:
        """Proposes what is due, at most once an hour; of many services each at a minute of its own."""
        if self._looked is not None and now - self._looked < LOOK_EVERY:
            return None
        first = self._looked is None
        self._looked = now - LOOK_EVERY * self._part if first else now
        made = propose_due(self._seen())
        if made is None:
            return None
        found = self.shelf()
        if (found.active, found.begins) != (self.active, self.begins):
            return None  # decided elsewhere just now: what was seen here is of the one before
        return made if decide.with_proposal(self.pulse.store, found, made) is not found else None

    def propose(self, since: datetime, until: datetime, by: str, because: str) -> Proposal:
        """A person's proposal. Raises StateError."""
        now, found = self.pulse.clock.now(), self.shelf()
        made = by_person(self._seen(), since, until, by, because)
        made = replace(made, at=now, id=stable_id("bsl", made.id, len(found.journal)))
        decide.with_proposal(self.pulse.store, found, made)
        return made

    def _seen(self) -> Seen:
        pulse = self.pulse
        began = pulse.store.get_state(f"live:{self.service}")
        first = max(began.tick if began else pulse.since, self.begins)
        return Seen(
            service=self.service,
            baseline=pulse.book.baseline,
            read=pulse.read,
            incidents=self._incidents(),
            versions=pulse.counting.versions,
            firing=self.firing(),
            judged=from_micros(pulse.judged),
            begins=from_micros(first),
        )

    def _incidents(self) -> list[Any]:
        store = self.pulse.store
        return [store.incident(name) for name in store.incidents(self.service)]

    # -- deciding -----------------------------------------------------------------------------------------

    def accept(self, name: str, by: str, because: str) -> Shelf:
        """Takes the proposed baseline and puts it in force; nothing where it is in force already, as for a
        person who heard no answer and asks again. Raises StateError and InputError."""
        found = self.shelf()
        if decide.is_in_force(found, name):
            return found
        one = decide.waiting(found, name)
        _, baseline = decide.take(self.own.runbook, self.pulse.archive, one, self.own.path.parent)
        pulse = self.pulse
        return decide.accept(pulse.store, pulse.clock, found, one, baseline, self._incidents(), by, because)

    def reject(self, name: str, by: str, because: str) -> Shelf:
        """No to a proposal. Raises StateError."""
        return decide.reject(self.pulse.store, self.pulse.clock, self.shelf(), name, by, because)

    def go_back(self, name: str, by: str, because: str) -> Shelf:
        """Puts an earlier baseline in force again. Raises StateError."""
        return decide.go_back(
            self.pulse.store, self.pulse.clock, self.service, self.shelf(), name, by, because
        )

    def as_json(self) -> dict[str, Any]:
        """As the API shows it."""
        told = self.shelf().as_json()
        own, plan = self.own.runbook.reference, self.pulse.book.baseline.plan
        cold = None
        if self.begins:
            cold = iso(from_micros(self.begins))
        return {
            **{key: told[key] for key in ("active", "kept", "proposals", "journal")},
            "own": {"since": iso(own.since), "until": iso(own.until)},
            "reference": plan.reference,
            "counted_since": cold,
        }


def _with(runbook: Runbook, since: datetime, until: datetime) -> Runbook:
    reference = runbook.reference.model_copy(update={"since": since, "until": until})
    return runbook.model_copy(update={"reference": reference})
