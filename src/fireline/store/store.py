"""The store itself: opened once, read at will, written through one transaction at a time."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from threading import local
from types import EllipsisType
from typing import Any

import sqlalchemy as sa

from fireline.errors import StoreError
from fireline.store import batches, claims, journal, ledger, memory, migrate, pages, sweep
from fireline.store.cache import Memory, Told
from fireline.store.connect import QUESTION, READING, SNAPSHOT, connect, url_of
from fireline.store.equality import differences
from fireline.store.locks import hold
from fireline.store.reading import Reading
from fireline.store.refusals import in_words
from fireline.store.rows import Claim, Fold, Gate, LakeFile, Mark, Stored
from fireline.terms.counts import CountsRow
from fireline.terms.fold import fold
from fireline.terms.guards import allowed
from fireline.terms.incident import Incident
from fireline.terms.page import Page, PageDraft
from fireline.terms.quarantine import BadRow
from fireline.terms.timeline import Draft, Entry


class Store(Reading):
    """The journal, the measures, the counts and the cursors of a Fireline, in one database.

    ``fold`` says what an incident's entries amount to. ``gate`` is asked before every entry whether it may be
    written: whoever writes (loop, act, a person) passes the same gate, inside the transaction, where nobody
    can come between question and answer. Without a gate (None) anything may be written.
    """

    def __init__(
        self, database: sa.Engine, fold: Fold = fold, gate: Gate | None = allowed, folder: Any = None
    ) -> None:
        self.database = database
        self.fold = fold
        self.gate = gate
        self._memory = Memory()
        self._folder = folder
        self._mine = local()

    @classmethod
    def open(cls, place: str | Path, fold: Fold = fold, gate: Gate | None = allowed) -> Store:
        """Open ``place``, made or brought up to date: a path, ``:memory:``, ``sqlite:///path``,
        ``postgresql://...``.

        ``:memory:`` is a file in a temporary folder that goes with the store: one set of rules for all.
        Raises StoreError when the place cannot be used.
        """
        folder = None
        if str(place) in (":memory:", "sqlite://", "sqlite:///:memory:"):
            folder = tempfile.TemporaryDirectory(prefix="fireline-")
            place = Path(folder.name) / "store.sqlite"
        database = connect(url_of(place))
        try:
            with in_words():
                migrate.to_head(database)
        except BaseException:
            database.dispose()
            raise
        return cls(database, fold, gate, folder)

    def close(self) -> None:
        """Let go of every connection; a store in memory is gone."""
        self.database.dispose()
        if self._folder is not None:
            self._folder.cleanup()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _reads(self, how: str = QUESTION) -> Iterator[sa.Connection]:
        with in_words(), self.database.connect().execution_options(**{READING: how}) as connection:
            yield connection

    def _told(self, incident: str, folded: bool = False) -> Told:
        with self._reads() as connection:
            told = self._memory.complete(connection, incident)
        if folded and told.entries:
            told = told.folded(self.fold)
        self._memory.keep({incident: told})
        return told

    def standing(self, service: str | None = None, open_only: bool = False) -> list[Incident]:
        """The incidents that ``incidents`` names, as their journals tell them: one question where nothing was
        written since they were read last."""
        with self._reads() as connection:
            listed = journal.listed(connection, service, open_only)
        known = {name: self._memory.known(name, last) for name, last in listed.items()}
        return [self.incident(name) if told is None else told for name, told in known.items()]

    def reads(self, how: str = QUESTION) -> AbstractContextManager[sa.Connection]:
        """A connection to read from, for the store's other modules."""
        return self._reads(how)

    @contextmanager
    def writes(self) -> Iterator[sa.Connection]:
        """A transaction of the store's other modules, on tables that no entry speaks of."""
        with in_words(), self.database.begin() as connection:
            yield connection

    @contextmanager
    def begin(self) -> Iterator[Tx]:
        """A write transaction: all of it is there after the block, or, when the block raises, none of it."""
        if getattr(self._mine, "writing", False):
            raise StoreError(
                "a transaction is open already in this thread",
                todo="pass the open `tx` on instead of begin()",
            )
        self._mine.writing = True
        try:
            with in_words(), self.database.begin() as connection:
                tx = Tx(connection, self.fold, self.gate, self._memory)
                yield tx
                tx.project()
            self._memory.keep(tx.written)
        finally:
            self._mine.writing = False

    def verify_projection(self) -> tuple[str, ...]:
        """What the projections say otherwise than the journal, one sentence each; nothing when they are
        equal."""
        with self._reads(SNAPSHOT) as connection:
            return differences(connection, self.fold)


class Tx(Reading):
    """One open transaction: it sees its own writes, and nobody else does until it commits."""

    def __init__(self, connection: sa.Connection, fold: Fold, gate: Gate | None, memory: Memory) -> None:
        self.fold = fold
        self._gate = gate
        self._connection = connection
        self._memory = memory
        self._held: dict[str, Told] = {}
        self._touched: set[str] = set()

    @contextmanager
    def _reads(self, how: str = QUESTION) -> Iterator[sa.Connection]:
        yield self._connection

    @property
    def written(self) -> dict[str, Told]:
        """What is to be known of each incident written to, the entries of this transaction with it."""
        return {incident: self._held[incident] for incident in sorted(self._touched)}

    def _told(self, incident: str, folded: bool = False) -> Told:
        told = self._held.get(incident) or self._memory.complete(self._connection, incident)
        if folded and told.entries:
            told = told.folded(self.fold)
            if incident in self._held:
                self._held[incident] = told
        return told

    def _hold(self, incident: str) -> Told:
        """Be the incident's only writer, and know what is written of it."""
        if incident not in self._held:
            hold(self._connection, "incident", incident)
            self._held[incident] = self._memory.complete(self._connection, incident)
        return self._held[incident]

    def append(self, incident: str, draft: Draft, at: datetime) -> Entry:
        """Write the incident's next entry; an entry about a measure changes the measure too.

        ``asked`` and ``requested`` put a measure in flight and raise MeasureInFlight where one is already:
        nothing is written then, and the transaction may go on. Claims and receipts have calls of their own.
        Raises StateError when the gate refuses, StoreError when the measure's state does not allow it.
        """
        self._ask_gate(incident, draft)
        ledger.follow(self._connection, incident, draft, at)
        return self._write(incident, draft, at)

    def _ask_gate(self, incident: str, draft: Draft) -> None:
        told = self._hold(incident)
        if self._gate is not None:
            if told.entries:
                told = self._held[incident] = told.folded(self.fold)
            self._gate(told.incident, draft)

    def _write(self, incident: str, draft: Draft, at: datetime) -> Entry:
        told = self._hold(incident)
        entry = journal.append(self._connection, incident, len(told.entries) + 1, draft, at)
        self._held[incident] = told.and_then([entry])
        self._touched.add(incident)
        return entry

    def project(self) -> None:
        """Bring the projection of every incident written to up to date; the store does it before it
        commits."""
        for incident in sorted(self._touched):
            told = self._held[incident] = self._held[incident].folded(self.fold)
            if told.incident is not None:
                journal.project(self._connection, told.incident, len(told.entries))

    def claim(
        self,
        measure: str,
        worker: str,
        at: datetime,
        lease: timedelta,
        inverse: Mapping[str, Any] | None = None,
    ) -> Claim | None:
        """Take the right to do ``measure`` for ``lease``, or None when somebody else has it.

        ``inverse`` is kept from the first claim on: after the effect nobody can see what was before it.
        """
        taken = claims.claim(self._connection, measure, worker, at, lease, inverse)
        if taken is None:
            return None
        claim, draft = taken
        self._write(claim.measure.incident, draft, at)
        return claim

    def applied(self, claim: Claim, receipt: Mapping[str, Any], at: datetime, because: str) -> bool:
        """Write the receipt of a claimed measure; False when the claim was lost meanwhile, and nothing is
        written."""
        draft = claims.applied(self._connection, claim, receipt, at, because)
        if draft is not None:
            self._write(claim.measure.incident, draft, at)
        return draft is not None

    def failed(
        self,
        claim: Claim,
        because: str,
        at: datetime,
        permanent: bool = True,
        retry_at: datetime | None = None,
    ) -> bool:
        """Say that a claimed measure failed, for good or until ``retry_at``; False when the claim was
        lost."""
        draft = claims.failed(self._connection, claim, because, at, permanent, retry_at)
        if draft is not None:
            self._write(claim.measure.incident, draft, at)
        return draft is not None

    def put_page(self, draft: PageDraft, at: datetime) -> bool:
        """Put a page into the outbox, once per key; False when it is there already."""
        return pages.enqueue(self._connection, draft, at)

    def claim_page(self, page: int, worker: str, at: datetime, lease: timedelta, to: str = "") -> Page | None:
        """Take the right to send a page for ``lease``, or None when it is not to be had."""
        return pages.claim(self._connection, page, worker, at, lease, to)

    def page_sent(self, page: Page, at: datetime) -> bool:
        """Write the receipt of a claimed page; False when the claim was lost meanwhile."""
        return pages.sent(self._connection, page, at)

    def page_failed(
        self, page: Page, because: str, permanent: bool = True, retry_at: datetime | None = None
    ) -> bool:
        """Say that a claimed page could not be sent, for good or until ``retry_at``; False when the claim was
        lost."""
        return pages.failed(self._connection, page, because, permanent, retry_at)

    def drop_page(self, page: int, at: datetime, because: str) -> bool:
        """Take a page that nobody is sending out of the outbox; False when it is being sent, or over."""
        return pages.drop(self._connection, page, at, because)

    def commit_batch(
        self,
        batch: str,
        *,
        at: datetime,
        service: str = "",
        lake_file: LakeFile | None = None,
        counts: Sequence[CountsRow] = (),
        keys: bytes = b"",
        cursor: batches.Cursor | None = None,
        cursor_was: str | EllipsisType | None = ...,
        quarantine: Sequence[BadRow] = (),
    ) -> bool:
        """Everything that belongs to one batch; False, and nothing written, when it was committed before.

        With ``cursor_was`` the batch is taken only if the source still stands there (StoreError otherwise, to
        be tried again): two who read the same source never count the same rows under two batch ids.
        """
        if cursor is not None and cursor_was is not ... and not self.has_batch(batch):
            batches.expect_cursor(self._connection, cursor[0], cursor_was)
        service = service or (lake_file.service if lake_file else "")
        return batches.commit(
            self._connection, batch, at, service, lake_file, counts, keys, cursor, quarantine
        )

    def move_cursor(self, source: str, was: str | None, position: str) -> None:
        """Say how far ``source`` was taken; StoreError (try again) when it does not stand at ``was``."""
        batches.expect_cursor(self._connection, source, was)
        batches.put_cursor(self._connection, source, position)

    def forget_keys(self, before_us: int) -> int:
        """Drop dedup keys of batches that end before ``before_us``; how many batches' keys went."""
        return batches.forget_keys(self._connection, before_us)

    @contextmanager
    def writes(self) -> Iterator[sa.Connection]:
        """This very transaction, for the store's other modules."""
        yield self._connection

    def alone(self, what: str, name: str) -> None:
        """Be the only transaction that says so of ``name`` until it ends; others wait."""
        hold(self._connection, what, name)

    def put_state(self, name: str, tick: int, body: bytes) -> None:
        """Keep ``body`` under ``name``, with the tick it belongs to."""
        memory.put_state(self._connection, name, tick, body)

    def put_states(self, kept: Sequence[Stored]) -> None:
        """Keep many bodies, each under its name with the tick it belongs to, in one statement."""
        sweep.put_states(self._connection, kept)

    def put_mark(self, mark: Mark, was: Mark | None) -> None:
        """Say how far a service was judged; StoreError when the mark is not ``was`` any more."""
        memory.put_mark(self._connection, mark, was)
