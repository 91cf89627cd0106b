"""A running Fireline: its services, their loops, and who leads."""

from __future__ import annotations

import logging
import os
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

from fireline.clock import Clock, ManualClock, SystemClock, from_micros, iso, micros
from fireline.errors import InputError, StoreError, Where
from fireline.live.book import Book
from fireline.live.counting import Counting
from fireline.live.counts import batch_name, key_of, take_counts
from fireline.live.door import Answer, Door
from fireline.live.folder import filename, spool_id
from fireline.live.guards import Guards
from fireline.live.judging import Judging
from fireline.live.keeping import Keeping
from fireline.live.keys import nothing_signed, signed
from fireline.live.news import News
from fireline.live.pulling import Pulling
from fireline.live.pulse import Pulse
from fireline.live.spool import Spool
from fireline.live.tidying import Tidying
from fireline.live.turns import Turns
from fireline.live.usual import Usual
from fireline.live.viewing import loud, service_view
from fireline.live.views import ServiceView
from fireline.runbook.schema import Runbook
from fireline.store import Store
from fireline.store.glance import Glance, glance
from fireline.store.leases import give_up_lease, take_lease
from fireline.store.switches import StoredSwitchBoard
from fireline.telemetry.lake import Lake
from fireline.terms.incident import Incident, Mode
from fireline.terms.measure import Measure
from fireline.terms.timeline import Entry

LOG = logging.getLogger("fireline")
LEASE = timedelta(seconds=10)
BEAT = 0.5
"""Seconds between two looks at whether anything is due."""
CATCH_UP = 20.0
"""Seconds after a start in which senders deliver what they held back, before ticks are judged."""
ROUNDS = 8
CLOCK = "clock:drill"

AfterBeat = Callable[["Running"], None]


@dataclass(eq=False)
class Running:
    """Everything that runs in one server process.

    The loop runs in a thread of its own, or, on a drill clock, whenever that clock is moved: then nothing
    happens between two moves, and every part reads the same time.
    """

    store: Store
    folder: Path
    books: list[Book]
    clock: Clock = field(default_factory=SystemClock)
    after_beat: list[AfterBeat] = field(default_factory=list)
    catch_up: float = CATCH_UP
    before_move: list[Callable[[], object]] = field(default_factory=list)
    """What is waited for before a drill's clock moves on, so that it happens at its own time."""
    lake_folder: Path | None = None
    """Where events lie, if not in the folder: servers on one store read each other's there."""
    keeping: Keeping = field(default_factory=Keeping)
    """How long counts and rows stay."""
    calls_people: bool = False
    """Whether anybody is paged when something is found."""

    def __post_init__(self) -> None:
        self.news, self.wall = News(), SystemClock()
        self.guards = Guards(self.wall)
        self.board = StoredSwitchBoard(self.store)
        self.holder = f"{os.uname().nodename}-{os.getpid()}-{secrets.token_hex(3)}"
        self.leads = False
        self.judging = Judging(self.store, services=[book.runbook.service for book in self.books])
        self.drill = isinstance(self.clock, ManualClock)
        self.turns = Turns(self.judging, self.news, self.drill, self.catch_up)
        self._lock, self._wake, self._stop = threading.RLock(), threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._signed: dict[str, tuple[int, str, str]] = {}
        self._views: dict[str, tuple[float, ServiceView]] = {}
        self._kin = spool_id(self.folder)
        lake = Lake(self.lake_folder or self.folder / "lake")
        # One process at a time runs on a folder: whoever led from this one before has ended.
        self._lessee = f"{self._kin}:{self.holder}"
        self._restore_clock()
        self.doors: dict[str, Door] = {}
        self._tidyings = [
            Tidying(self.store, lake, book.runbook, keeping=self.keeping) for book in self.books
        ]
        for book in self.books:
            self._add(book, lake, self._kin)
        self.pulling = Pulling.of_books(self.books, self.doors, store=self.store, clock=self.clock,
                                        leads=lambda: self.leads)  # fmt: skip
        if self.drill:
            self.after_beat.append(_pulled)

    def _add(self, book: Book, lake: Lake, kin: str) -> None:
        name, plan = book.runbook.service, book.baseline.plan
        door = Door(book.runbook, Spool(self.folder / "spool" / filename(name)), self.clock)
        counting = Counting(plan, book.runbook, self.store, lake, door, self.clock, kin)
        known_before = self.store.get_state(f"live:{name}") is not None
        door.catching_up = known_before and not self.drill
        mode: Mode = "drill" if self.drill else "real"
        self.doors[name] = door
        pulse = Pulse(
            book, self.store, lake, counting, self.clock, self.board, mode, self._tell, self.holder,
            self.judging, behind=lambda measure: self._behind(name, measure),
        )  # fmt: skip
        pulse.usual.firing = partial(loud, pulse)
        self.turns.add(name, pulse)

    # -- what the faces ask -------------------------------------------------------------------------------

    @property
    def pulses(self) -> Mapping[str, Pulse]:
        """By service."""
        return self.turns.pulses

    @property
    def runbooks(self) -> Mapping[str, Runbook]:
        """By service."""
        return {book.runbook.service: book.runbook for book in self.books}

    def services(self) -> list[ServiceView]:
        """Every service as it stands."""
        return [self.service(name) for name in sorted(self.pulses)]

    def service(self, name: str) -> ServiceView:
        """One service as it stands, at most a second old. Raises InputError when it is not known."""
        self._known(name)
        kept = self._views.get(name)
        if kept is not None and monotonic() - kept[0] < 1.0 and not self.drill:
            return kept[1]
        with self._lock:
            view = service_view(self.pulses[name], self.guards, self.trouble(name))
        view = replace(view, sources=self.pulling.views(name))
        self._views[name] = (monotonic(), view)
        return view

    def baselines(self, name: str) -> dict[str, Any]:
        """The service's baselines: in force, kept, proposed, and who decided what. Raises InputError."""
        self._known(name)
        with self._lock:
            return self.pulses[name].usual.as_json()

    def decide_baseline(self, name: str, decide: Callable[[Usual], object]) -> dict[str, Any]:
        """``decide`` about the baselines of a service, between two steps of its loop; what stands then. What
        was put in force is taken up at once, by other servers within seconds."""
        self._known(name)
        with self._lock:
            decide(self.pulses[name].usual)
            self.pulses[name].go_over()
        self._views.pop(name, None)
        self.wake()
        return self.baselines(name)

    def trouble(self, name: str) -> str:
        """Why nothing is judged now, or ""."""
        if trouble := self.turns.standing[name].trouble:
            return trouble
        if not self.leads and not self.drill:
            return "Another server leads: it judges and acts, this one takes events in."
        return ""

    def _known(self, name: str) -> None:
        if name not in self.pulses:
            raise InputError(
                f"there is no service {name!r} here", todo=f"use one of: {', '.join(sorted(self.pulses))}"
            )

    # -- telemetry ----------------------------------------------------------------------------------------

    def take(self, service: str, kind: str, body: bytes, form: str, key: str, encoding: str) -> Answer:
        """Take events, labels or signals: on disk when this returns. Raises InputError, Busy if pressed."""
        self._known(service)
        if kind == "events" and self.runbooks[service].counts is not None:
            raise InputError(
                f"{service}'s events are counted elsewhere: here they would count twice",
                where=Where(key="counts"),
                todo="send counts (`fireline send --counts`), or take `counts:` out of its "
                "runbook",
            )  # fmt: skip
        return self.doors[service].take(kind, body, form, key, encoding)

    def take_counts(
        self, service: str, body: bytes, form: str, key: str, encoding: str, through: datetime | None
    ) -> Answer:
        """Take counts of events that lie elsewhere. Raises as ``take``."""
        self._known(service)
        if self.runbooks[service].counts is None:
            raise InputError(
                f"{service} counts its events here, so counts from elsewhere would count them twice",
                where=Where(key="counts"),
                todo="write `counts: {within: 2h}` in its runbook, and send no events",
            )  # fmt: skip
        key = key_of(key, body)
        if self.store.has_batch(batch_name(service, key)):
            return Answer(known=True)
        plan = self.pulses[service].book.baseline.plan
        return take_counts(self.doors[service], plan, body, form, key, encoding, through)

    # -- switches -----------------------------------------------------------------------------------------

    def switch_of(self, service: str) -> tuple[int, str, str]:
        """The switch that is out: its version, its exact text, and the signature of that text."""
        self._known(service)
        switch = self.board.current(service)
        version = switch.version if switch is not None else 0
        kept = self._signed.get(service)
        if kept is None or kept[0] != version:
            kept = version, *(signed(self.store, switch) if switch else nothing_signed(self.store, service))
            self._signed[service] = kept
        return kept

    def _behind(self, service: str, measure: Measure) -> tuple[str, ...]:
        return self.guards.behind(service, measure.ordinal)

    # -- the loop -----------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begins the loop; on a drill clock what is due is done now, and then when the clock is moved."""
        self.turns.began = monotonic()
        if self.drill:
            self.beat()
        else:
            self._thread = threading.Thread(target=self._run, name="fireline-loop", daemon=True)
            self._thread.start()
            self.pulling.start()

    def stop(self) -> None:
        """Ends the loop after the step it is in, and lets the next server lead at once."""
        self._stop.set()
        self._wake.set()
        self.pulling.stop()
        if self._thread is not None:
            self._thread.join(timeout=30)
        try:
            give_up_lease(self.store, "loop", self._lessee)
        except StoreError as error:
            LOG.warning("the lease was not given up: %s", error)
        for door in self.doors.values():
            door.spool.close()

    def wake(self) -> None:
        """Somebody wrote in the journal: what is due is done at once."""
        self.news.told()
        self._wake.set()
        if self.drill:
            self.beat()

    def wake_soon(self) -> None:
        """Something was told that the next look will take in."""
        self.news.told()
        self._wake.set()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._guarded(self.beat, "a beat")
            self._wake.wait(BEAT)
            self._wake.clear()

    def beat(self) -> None:
        """One look at every service, and whatever is due."""
        with self._lock:
            term = self._lead()
            seen = self._glance() if term is not None else None
            self.turns.take(term, seen)
            for tidying in self._tidyings if self.leads else ():
                self._guarded(partial(tidying.tidy, self.clock.now()), "tidying up")
            for after in self.after_beat:
                self._guarded(partial(after, self), "after the beat")

    def _lead(self) -> int | None:
        try:
            term = take_lease(self.store, "loop", self._lessee, self.wall.now(), LEASE, self._kin)
        except StoreError as error:
            term = None
            self.turns.torn(f"The store cannot be reached: {error}")
        self.leads = term is not None
        return term

    def _glance(self) -> Glance | None:
        """What was written that somebody may have to act on."""
        try:
            return glance(self.store, self.clock.now())
        except StoreError:  # each service that needs the store will say so itself
            return None

    def _guarded(self, work: Callable[[], object], what: str) -> None:
        try:
            work()
        except Exception as error:  # paging and the like have their own retries; the loop goes on
            LOG.exception("%s: %s", what, error)

    def _tell(self, incident: Incident, entry: Entry) -> None:
        LOG.info("%s %s %s: %s", incident.service, incident.id, entry.kind.value, entry.because)
        self.news.told()

    # -- the drill clock ----------------------------------------------------------------------------------

    def _restore_clock(self) -> None:
        if isinstance(self.clock, ManualClock):
            kept = self.store.get_state(CLOCK)
            if kept is not None and from_micros(kept.tick) > self.clock.now():
                self.clock.move_to(from_micros(kept.tick))

    def move_clock(self, to: datetime) -> datetime:
        """Move the drill clock and do everything that is due then; the time it is afterwards.

        A clock that stands at ``to`` or later stays. Raises InputError outside a drill, and StoreError (try
        again) when what was due could not be done.
        """
        if not isinstance(self.clock, ManualClock):
            raise InputError(
                "this server runs on the real clock", todo="start it with --drill-clock to move its time"
            )
        with self._lock:
            if to > self.clock.now():
                for wait in self.before_move:
                    self._guarded(wait, "before the clock moved")
                with self.store.begin() as tx:  # first: who is killed in between stands at ``to`` as well
                    tx.put_state(CLOCK, micros(to), iso(to).encode())
                self.clock.move_to(to)
            for _ in range(ROUNDS):
                before = self.news.count
                self.beat()
                if self.news.count == before:
                    break
            self._did_all()
        self.news.told()
        return self.clock.now()

    def _did_all(self) -> None:
        """Whoever moves the clock goes on only once everything that was due at its time was done."""
        trouble = self.turns.troubles()
        if not self.leads:
            trouble = trouble or ["another server leads"]
        if trouble:
            raise StoreError(
                f"the clock is at {iso(self.clock.now())}, and not all that is due was done: {trouble[0]}",
                todo="move it to the same time again", permanent=False,
            )  # fmt: skip


def _pulled(running: Running) -> None:
    """On a drill's clock sources are pulled after each beat: what they bring is counted at the next."""
    if running.pulling.once():
        running.news.told()
