"""One source, pulled again and again: from its last cursor to the disk, with patience where it fails."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

import numpy as np
import pyarrow as pa

from fireline.clock import Clock, iso
from fireline.errors import FirelineError, InputError
from fireline.ids import stable_id
from fireline.live.book import Book
from fireline.live.door import Busy, Door
from fireline.live.links import Link, cursor_name, standing
from fireline.live.spool import Place
from fireline.live.telling import change_in, job_in
from fireline.live.views import SourceView
from fireline.runbook.sources import Source
from fireline.sources.jsonl import table_of
from fireline.sources.pull import Around, Pulled, PullSource, opened, portions, scrubbed, secrets_of
from fireline.store import Store
from fireline.store.facts import Fact, add_facts
from fireline.terms.piece import Piece
from fireline.terms.quarantine import BadRow, cut

LOG = logging.getLogger("fireline")
SHORTEST, LONGEST = 1.0, 300.0
"""Seconds between two tries of a source that fails: doubled each time, up to the longest."""
BUSY = 0.5
KEPT_BAD = 200


@dataclass(eq=False)
class Puller:
    """One source of one service. ``leads`` says whether this process may pull now.

    ``once`` is one look; ``run`` is the life of its thread. Nothing that a source does ends either.
    """

    source: Source
    around: Around
    door: Door
    store: Store
    clock: Clock
    leads: Callable[[], bool]
    view: SourceView = field(init=False)
    _stop: threading.Event = field(default_factory=threading.Event, repr=False)

    def __post_init__(self) -> None:
        self.name = cursor_name(self.around.service, self.source.name)
        self.view = SourceView(self.source.name, self.source.kind, self.source.feed)
        self._opened: PullSource | None = None
        self._cursor: str | None = None
        self._place = Place()
        self._failures = 0

    # -- the thread ---------------------------------------------------------------------------------------

    def run(self) -> None:
        """Looks every so often until it is told to stop."""
        while not self._stop.is_set():
            if self.leads():
                self.once()
            else:
                self._cursor = None
            self._stop.wait(self._pause())
        self._let_go()

    def stop(self) -> None:
        """Ends the thread after the portion it is in."""
        self._stop.set()

    def _pause(self) -> float:
        if not self.leads():
            return SHORTEST
        if self._failures:
            return min(LONGEST, SHORTEST * 2.0 ** (self._failures - 1))
        return self.source.every.total_seconds()

    # -- one look -----------------------------------------------------------------------------------------

    def once(self) -> int:
        """Everything there is now; how many rows were taken. What goes wrong is kept in ``view``."""
        taken = 0
        try:
            if self._opened is None:
                self._opened = opened(self.source, self.around)
            cursor = self._resume()
            with portions(self._opened, cursor, self.clock.now()) as found:
                for portion in found:
                    if self._stop.is_set() or not self.leads():
                        break
                    taken += self._hand_over(portion)
            self._went_well()
        except Exception as error:  # a source's trouble is shown, and must take neither thread nor server
            self._failed(error)
        return taken

    def _resume(self) -> str:
        """Where the source stands: remembered while nobody else moved it."""
        counted = self.door.counted
        stale = self._cursor is None
        if not stale and (counted.segment, counted.offset) >= (self._place.segment, self._place.offset):
            stale = (self.store.cursor(self.name) or "") != self._cursor
        if stale:
            self._cursor = standing(self.name, self.door.spool, counted, self.store.cursor)
            self._place = self.door.spool.end
        return self._cursor or ""

    def _hand_over(self, portion: Pulled) -> int:
        link = Link(self.name, self._cursor or "", portion.cursor)
        if not portion.cursor or (not len(portion) and not portion.bad and link.was == link.cursor):
            return 0
        if portion.feed in ("changes", "jobs"):
            taken, bad = self._tell(portion, link)
        else:
            answer = self._take(portion, link)
            taken, bad = answer.events + answer.labels, answer.bad
            self._place = self.door.spool.end
        self._cursor = portion.cursor
        self.view = replace(
            self.view, rows=self.view.rows + taken, bad=self.view.bad + bad, last_rows=self.clock.now(),
        ) if taken or bad else self.view  # fmt: skip
        return taken

    def _take(self, portion: Pulled, link: Link) -> Any:
        piece = as_piece(portion, self.source.name)
        while True:
            try:
                return self.door.pull(portion.feed, piece, link)
            except Busy:  # the spool drains as it is counted
                if self._stop.wait(BUSY) or not self.leads():
                    raise
            except InputError as error:
                if self._is_new(portion):
                    raise  # the runbook's columns are wrong, it seems: nothing is passed over
                piece = as_piece(_set_aside(portion, error), self.source.name)

    def _is_new(self, portion: Pulled) -> bool:
        """Whether no row of this feed was ever taken."""
        known = portion.feed in ("events", "labels")
        return known and self.store.last_taken(self.around.service, portion.feed) is None

    def _tell(self, portion: Pulled, link: Link) -> tuple[int, int]:
        """Facts, each kept once, where to go on, and what was put aside, in one commit: a run whose row says
        no time is named after when it was pulled, and would be another one the next time."""
        found, bad = facts_in(portion, self.around.service, self.source.name, self.clock.now())
        now = self.clock.now()
        with self.store.begin() as tx:
            add_facts(tx, found, now)
            tx.commit_batch(
                stable_id("pull", self.name, link.was, link.cursor, size=10), at=now,
                service=self.around.service, cursor=(self.name, link.cursor), cursor_was=link.was or None,
                quarantine=bad[:KEPT_BAD],
            )  # fmt: skip
        return len(found), len(bad)

    # -- how it went --------------------------------------------------------------------------------------

    def _went_well(self) -> None:
        if self._failures:
            LOG.warning("source %s of %s: it answers again", self.source.name, self.around.service)
        self._failures = 0
        self.view = replace(self.view, trouble="", failing_since=None, looked=self.clock.now(), next_try=None)

    def _failed(self, error: Exception) -> None:
        self._failures += 1
        self._cursor = None
        self._let_go()
        says = scrubbed(said(error), secrets_of(self.source.own))
        if says != self.view.trouble:
            LOG.warning("source %s of %s: %s", self.source.name, self.around.service, says)
        now = self.clock.now()
        self.view = replace(
            self.view, trouble=says, failing_since=self.view.failing_since or now,
            failures=self.view.failures + 1, next_try=now + timedelta(seconds=self._pause()),
        )  # fmt: skip

    def _let_go(self) -> None:
        one, self._opened = self._opened, None
        if one is not None:
            try:
                one.close()
            except Exception as error:  # it was broken already
                LOG.debug("source %s: %s", self.source.name, type(error).__name__)


@dataclass(eq=False)
class Pulling:
    """Every source of a running server, each in a thread of its own; on a drill's clock all in turn."""

    pullers: Sequence[Puller]
    _threads: list[threading.Thread] = field(default_factory=list)

    @classmethod
    def of_books(
        cls, books: Sequence[Book], doors: Mapping[str, Door], store: Store, clock: Clock,
        leads: Callable[[], bool],
    ) -> Pulling:  # fmt: skip
        """Every source that ``books`` declare."""
        found = []
        for book in books:
            name = book.runbook.service
            for source in book.runbook.sources:
                around = Around(name, source.name, source.feed, book.path.parent)
                found.append(Puller(source, around, doors[name], store, clock, leads))
        return cls(found)

    def start(self) -> None:
        """Begins to pull."""
        for one in self.pullers:
            name = f"fireline-source-{one.source.name}"
            self._threads.append(threading.Thread(target=one.run, name=name, daemon=True))
            self._threads[-1].start()

    def stop(self, patience: float = 10.0) -> None:
        """Ends all threads; one that hangs in its library is left behind."""
        for one in self.pullers:
            one.stop()
        until = monotonic() + patience
        for thread in self._threads:
            thread.join(timeout=max(0.0, until - monotonic()))

    def once(self) -> int:
        """Each source once; how many rows that brought."""
        return sum(one.once() for one in self.pullers)

    def views(self, service: str) -> tuple[SourceView, ...]:
        """The sources of ``service`` as they stand."""
        return tuple(one.view for one in self.pullers if one.around.service == service)


def as_piece(portion: Pulled, source: str) -> Piece:
    """A portion as the intake takes pieces; rows are called after the source and where they stand."""
    table = portion.rows if isinstance(portion.rows, pa.Table) else table_of(portion.rows)
    numbers = range(1, len(portion) + 1) if portion.numbers is None else portion.numbers
    file = _place(source, portion.origin)
    bad = tuple(replace(row, file=file) for row in portion.bad)
    rows = np.asarray(numbers, np.int64)
    return Piece(table.combine_chunks(), file, rows, tuple(table.column_names), bad=bad, fixed=False)


def _set_aside(portion: Pulled, error: InputError) -> Pulled:
    """The same portion with none of its rows usable, each with the reason."""
    numbers = range(1, len(portion) + 1) if portion.numbers is None else portion.numbers
    bad = [BadRow(portion.origin, "unusable", error.message, error.todo, row=int(n)) for n in numbers]
    return replace(portion, rows=[], numbers=None, bad=(*portion.bad, *bad))


def facts_in(portion: Pulled, service: str, source: str, now: datetime) -> tuple[list[Fact], list[BadRow]]:
    """The facts about ``service`` in a portion, and the rows that tell none."""
    rows: Sequence[Mapping[str, Any]]
    rows = portion.rows.to_pylist() if isinstance(portion.rows, pa.Table) else portion.rows
    file = _place(source, portion.origin)
    found, bad = [], [replace(row, file=file) for row in portion.bad]
    for i, row in enumerate(rows):
        plain = {name: iso_or_same(value) for name, value in row.items() if value is not None}
        try:
            one = change_in(plain, service) if portion.feed == "changes" else job_in(plain, service, now)
        except (ValueError, TypeError, KeyError) as error:
            number = i + 1 if portion.numbers is None else int(portion.numbers[i])
            todo = f"see /docs for the fields of {portion.feed}"
            bad.append(BadRow(file, "no_fact", str(error), todo, row=number, raw=cut(str(plain))))
            continue
        if one.service == service:  # a log of several services has the others' too
            found.append(one)
    return found, bad


def iso_or_same(value: Any) -> Any:
    """Times as ISO 8601 text, other values as they are."""
    if isinstance(value, datetime):
        return iso(value) if value.tzinfo else value.isoformat()
    return value


def said(error: Exception) -> str:
    """An error in a sentence."""
    if isinstance(error, FirelineError):
        return str(error)
    return str(InputError(f"{type(error).__name__}: {error}", todo="it is tried again"))


def _place(source: str, origin: str) -> str:
    return f"source {source}" + (f": {origin}" if origin else "")
