"""One service's loop over live traffic: what came in is counted, what is complete is judged, what is due is
done."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from fireline.act import Worker
from fireline.casefile import CaseFile
from fireline.clock import Clock, from_micros, micros
from fireline.detect.fleet import Asked
from fireline.detect.grouping import Desk
from fireline.detect.judge import Judge
from fireline.detect.size import sizes
from fireline.live.book import Book
from fireline.live.budgets import Budgets
from fireline.live.counting import Counting
from fireline.live.jobs import JobWatch
from fireline.live.judging import Judging, Stands, restored
from fireline.live.usual import Usual
from fireline.loop import House, Tell, tick
from fireline.reader import CountsReader
from fireline.recording import Archive, Cohorts
from fireline.schedule import next_moment
from fireline.store import Store, Tx
from fireline.store.facts import Fact, read_facts
from fireline.store.glance import Stamp
from fireline.telemetry.changes import infer_versions
from fireline.telemetry.lake import Lake
from fireline.terms.alert import Finding, finding_of
from fireline.terms.change import Change
from fireline.terms.incident import Incident, Mode
from fireline.terms.measure import Measure, MeasureState
from fireline.terms.switch import SwitchBoard

MINUTE = 60 * 1_000_000
HOUR = 60 * MINUTE


@dataclass(eq=False)
class Pulse:
    """The loop of one service. One thread owns it; the journal may be written by others at any time.

    What it judged and has not yet heard lies in the store with the judge's state (the *inbox*): a process
    that dies between the two loses no finding and hears none twice.
    """

    book: Book
    store: Store
    lake: Lake
    counting: Counting
    clock: Clock
    board: SwitchBoard
    mode: Mode
    tell: Tell
    name: str
    judging: Judging
    behind: Callable[[Measure], tuple[str, ...]] = lambda measure: ()
    judged: int = 0
    inbox: list[Finding] = field(default_factory=list)
    looked: datetime | None = None
    house: House = field(init=False)
    judge: Judge = field(init=False)
    watch: JobWatch = field(init=False)
    stands: Stands = field(init=False)
    """How far each part of the judge's state was when it was stored."""
    _next: datetime | None = None
    _entries: int = -1
    _still: Stamp | None = None
    _facts: int = -1

    def __post_init__(self) -> None:
        self.service, self.since = self.book.runbook.service, 0
        self.usual = Usual(self)
        self.budgets = Budgets(self.store, self.service)
        self._open()
        self.take_up()

    def _open(self) -> None:
        """What hangs on the book alone."""
        runbook = self.book.runbook
        self.read = CountsReader(self.store, self.service)
        self.archive = Archive(self.store, self.lake, self.service, self.counting.spool_id)
        self.cohorts = Cohorts(self.book.baseline.plan, runbook, self.store, self.archive, self.read)
        self._age = int(runbook.labels.age.total_seconds()) * 1_000_000 if runbook.labels else 0
        self._lateness = int(runbook.allowed_lateness.total_seconds()) * 1_000_000

    def keep_up(self, turn: int | None = None) -> bool:
        """Goes over to the baseline that is in force, where it is another: its series begin anew, and nothing
        of the old ones is mixed in. Whether it was another. ``turn`` counts what was decided about baselines,
        where somebody knows it: it is looked for only when that has changed."""
        if self.counting.others.look(turn):
            self.counting.meet()
        book = self.usual.book(turn)
        if book is None or book is self.book:
            return False
        self.book = book
        self.counting.plan, self.counting.runbook = book.baseline.plan, book.runbook
        self._open()
        return True

    def go_over(self, turn: int | None = None) -> None:
        """Goes over to the baseline that is in force, with a judge of its own, where it is another."""
        if self.keep_up(turn):
            self.take_up()

    # -- across restarts ----------------------------------------------------------------------------------

    def take_up(self) -> None:
        """Goes on from what is stored: after a start, and when another process led meanwhile."""
        self.keep_up()
        runbook, baseline = self.book.runbook, self.book.baseline
        self.since = max(self._beginning(), self.usual.begins)
        self.read.forget_days(0, micros(self.clock.now() + timedelta(days=2)))
        self.judge, self.judged = Judge(baseline, runbook, self.since), self.since
        self.stands = {}
        kept = self.store.get_state(f"judge:{self.service}")
        if kept is not None:
            if restored(self.store, self.service, self.judge, kept.body):
                self.judged = kept.tick
            else:  # another baseline or another code's monitors: cold, from now on
                self.since = self.judged = max(kept.tick, self.complete(), self.usual.begins)
                self.judge = Judge(baseline, runbook, self.since)
        inbox = self.store.get_state(f"inbox:{self.service}")
        self.inbox = [finding_of(one) for one in json.loads(inbox.body)] if inbox else []
        file = CaseFile(self.judge, self.read, self.archive, runbook, self._changes())
        file.runbook_text, file.behind = self.book.text, self.behind
        file.ahead = timedelta(0) if self.mode == "drill" else None
        self.watch = JobWatch(self.store, runbook, self.since)
        file.runs = self.watch.runs
        desk = Desk(runbook, sizes(baseline, self.read))
        remembered = self.store.get_state(f"desk:{self.service}")
        if remembered is not None:
            desk.restore(remembered.body)
        worker = Worker(self.store, self.board, self.clock, name=self.name)
        house = House(self.store, runbook, desk, file, worker, self.clock, self.mode, self.tell)
        looked = self.store.get_state(f"looked:{self.service}")
        self.looked = from_micros(looked.tick) if looked else self.clock.now()
        house.told = {n: len(self.store.entries(n)) for n in self.store.incidents(self.service)}
        house.also = self._heard
        self.house, self._next, self._entries, self._still = house, None, -1, None

    def _beginning(self) -> int:
        """When judging began: now, at the first start."""
        kept = self.store.get_state(f"live:{self.service}")
        if kept is None:
            since = -(-micros(self.clock.now()) // MINUTE) * MINUTE
            with self.store.begin() as tx:
                tx.put_state(f"live:{self.service}", since, b"")
            return since
        return kept.tick

    def complete(self) -> int:
        """Up to when every tick is complete (microseconds): late rows have had their time, and counts that
        are made elsewhere have come, or theirs."""
        now = micros(self.clock.now())
        complete = now - self._lateness
        if (elsewhere := self.book.runbook.counts) is not None:
            waited = now - int(elsewhere.within.total_seconds()) * 1_000_000
            complete = min(complete, max(waited, self.counting.counted_through()))
        return complete // MINUTE * MINUTE

    def _heard(self, tx: Tx) -> None:
        """The findings that were heard leave the inbox with what was written of them."""
        if self.inbox:
            self.inbox = []
            tx.put_state(f"inbox:{self.service}", 0, b"[]")

    # -- one step -----------------------------------------------------------------------------------------

    def step(self) -> bool:
        """Does what is due at the clock's time; whether the loop looked at all."""
        self.count()
        complete = self.complete()
        if complete > self.judged:
            self.judging.judge([(self, complete)])
        return self.look()

    def look(self, stamp: Stamp | None = None) -> bool:
        """What comes after judging: whatever is due is done; whether anything was."""
        self.usual.look(self.clock.now())
        if not (self.inbox or self.may_be_due(stamp)):
            return False
        self._tick()
        return True

    def count(self, turn: int | None = None) -> None:
        """Counts what was taken, by the baseline that is in force when each piece is committed."""
        while True:
            self.go_over(turn)
            span = self.counting.count(self.judged)
            if span is not None:
                self.read.forget_days(*span)
            if not self.counting.ended_early:
                break
            turn = None
        for version in self.counting.versions:
            self.judge.meet(version)

    def follow(self, turn: int | None = None) -> None:
        """Counts what was taken while another process leads, by how far that one has judged."""
        while True:
            self.keep_up(turn)
            kept = self.store.get_state(f"judge:{self.service}")
            self.judged = max(self.judged, kept.tick if kept else 0)
            self.counting.count(self.judged)
            if not self.counting.ended_early:
                break
            turn = None

    def ready(self, complete: int) -> Asked:
        """What is to be judged, once cohorts that came of age by ``complete`` (microseconds) are counted."""
        self.read.forget_days(self.judged, complete)  # others on the same store count too
        cohorts_end = (complete - self._age) // HOUR * HOUR
        for hour in range(max(self.since, self._counted_cohorts()) // HOUR * HOUR, cohorts_end, HOUR):
            self.cohorts.done = 0
            self.cohorts.count(hour, hour + HOUR, self.clock.now())
        return Asked(self.service, self.judge, self.read, complete, complete - self._age)

    def by_rule(self, complete: int, told: bool) -> tuple[Sequence[Finding], Sequence[str]]:
        """What is found beside the judge, by rule, up to ``complete`` (microseconds); and what the watch is
        to remember of it. ``told``: whether any run of a job was."""
        return self.watch.look(complete, told)

    def asking(self) -> Asked:
        """What will be judged next, where nothing is to be judged yet."""
        return Asked(self.service, self.judge, self.read, self.judged, self.judged - self._age)

    def _counted_cohorts(self) -> int:
        """Cohorts before this instant were counted when an earlier step judged."""
        return (self.judged - self._age) // HOUR * HOUR

    def may_be_due(self, stamp: Stamp | None) -> bool:
        """``is_due``, asked only when a moment has come or ``stamp`` (of what was written, None where that is
        not known) is not the one under which nothing was due."""
        came = self._next is not None and self._next <= self.clock.now()
        if stamp is not None and stamp == self._still and not came:
            return False
        due = self.is_due()
        self._still = None if due else stamp
        return due

    def is_due(self) -> bool:
        """Whether the journal has grown, something was told, a measure waits, or a moment has come."""
        now = self.clock.now()
        entries = sum(len(i.timeline) for i in self._unended())
        facts = len(self._told_changes())
        grown = entries != self._entries or facts != self._facts
        moving = bool(self.store.claimable(now)) or self.waits_for_traffic
        return grown or moving or (self._next is not None and self._next <= now)

    def _unended(self) -> list[Incident]:
        return [self.store.incident(n) for n in self.store.incidents(self.service, open_only=True)]

    def _tick(self) -> None:
        now = self.clock.now()
        self.house.forget()
        self.house.looked = self.looked
        self.house.bookmark.now = None  # what is due is told by the journal, not by where a tick stopped
        self.house.file.changes = self._changes()
        self.house.file.runs = self.watch.runs
        tick(self.house, list(self.inbox))
        self.looked = now
        with self.store.begin() as tx:
            self._heard(tx)
            tx.put_state(f"desk:{self.service}", micros(now), self.house.desk.save())
            tx.put_state(f"looked:{self.service}", micros(now), b"")
        incidents = self._unended()
        moments = [m for i in incidents if (m := next_moment(i, now)) is not None]
        self._next = min(moments, default=None)
        self._entries = sum(len(i.timeline) for i in incidents)
        self._facts = len(self._told_changes())

    @property
    def waits_for_traffic(self) -> bool:
        """Whether a measure was applied and is not seen in traffic yet: then every second counts."""
        applied = self.store.measures(self.service, states=[MeasureState.APPLIED])
        return any(not m.simulated for m in applied)

    # -- changes ------------------------------------------------------------------------------------------

    def _told_changes(self) -> list[Change]:
        told = [Change.of_json(f.body) for f in read_facts(self.store, "change", self.service)]
        return told + [_of_alert(f) for f in read_facts(self.store, "alert", self.service) if _fires(f)]

    def _changes(self) -> Sequence[Change]:
        """Those that were told, and versions that were seen for the first time."""
        told = self._told_changes()
        inferred = infer_versions(self.counting.versions, self.service, told)
        return sorted([*told, *inferred], key=lambda c: (c.at, c.what))

    @property
    def changes(self) -> tuple[Change, ...]:
        """What is known to have changed, oldest first."""
        return tuple(self._changes())


def _fires(fact: Fact) -> bool:
    return fact.body.get("status") != "resolved"


def _of_alert(fact: Fact) -> Change:
    """Another system's alert, as triage weighs it: something happened to the platform then."""
    labels, notes = fact.body.get("labels") or {}, fact.body.get("annotations") or {}
    said = notes.get("summary") or notes.get("description") or labels.get("alertname") or "an alert"
    return Change(
        fact.at, "infrastructure", f"alert: {said}", fact.service, link=fact.body.get("link") or None
    )
