"""Reading: the same questions asked of the store and of a transaction that is still open."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from datetime import datetime

import sqlalchemy as sa

from fireline.errors import StoreError
from fireline.store import batches, claims, journal, measures, memory, pages
from fireline.store.cache import Told
from fireline.store.connect import QUESTION, SNAPSHOT
from fireline.store.rows import Fold, Keys, LakeFile, Mark, Stored
from fireline.terms.counts import CountsRow
from fireline.terms.incident import Incident
from fireline.terms.measure import Measure, MeasureState
from fireline.terms.page import Page, PageState
from fireline.terms.quarantine import BadRow
from fireline.terms.timeline import Entry


class Reading:
    """What can be asked. Subclasses say on which connection, and what they know already."""

    fold: Fold

    def _reads(self, how: str = QUESTION) -> AbstractContextManager[sa.Connection]:
        raise StoreError("nothing to read from")

    def _told(self, incident: str, folded: bool = False) -> Told:
        raise StoreError("nothing to read from")

    def entries(self, incident: str) -> list[Entry]:
        """The incident's entries in order; none when it is not known."""
        return list(self._told(incident).entries)

    def incident(self, incident: str) -> Incident:
        """The incident as its journal tells it. Raises StoreError when it is not known."""
        found = self._told(incident, folded=True).incident
        if found is None:
            raise StoreError(f"there is no incident {incident}", todo="list them with incidents()")
        return found

    def incidents(self, service: str | None = None, open_only: bool = False) -> list[str]:
        """Ids of incidents, oldest first; ``open_only`` leaves out closed, merged, declined and cancelled
        ones."""
        with self._reads() as connection:
            return list(journal.listed(connection, service, open_only))

    def measure(self, measure: str) -> Measure:
        """One measure as it stands. Raises StoreError when it is not known."""
        with self._reads() as connection:
            return measures.of_row(measures.known(connection, measure))

    def measures(
        self,
        service: str | None = None,
        incident: str | None = None,
        states: Collection[MeasureState] | None = None,
    ) -> list[Measure]:
        """Measures in the order of their requests."""
        with self._reads() as connection:
            return measures.read(connection, service, incident, states)

    def claimable(self, at: datetime) -> list[Measure]:
        """Measures that wait to be done at ``at``: requested, or claimed by a worker whose lease lapsed."""
        with self._reads() as connection:
            return claims.claimable(connection, at)

    def pages(self, incident: str | None = None, states: Collection[PageState] | None = None) -> list[Page]:
        """Pages in the order they were put into the outbox."""
        with self._reads() as connection:
            return pages.read(connection, incident, states)

    def sendable_pages(self, at: datetime, channel: str) -> list[Page]:
        """Pages that ``channel`` may send at ``at``: due, or claimed by a worker whose lease lapsed."""
        with self._reads() as connection:
            return pages.sendable(connection, at, channel)

    def waiting_channels(self, at: datetime) -> list[str]:
        """Channels with pages that may be sent at ``at``."""
        with self._reads() as connection:
            return pages.waiting(connection, at)

    def unended_pages(self) -> list[str]:
        """Incidents that are over and of whose end nobody was told who was called."""
        with self._reads() as connection:
            return pages.unended(connection)

    def has_batch(self, batch: str) -> bool:
        """Whether the batch was committed."""
        with self._reads() as connection:
            return batches.has(connection, batch)

    def counts(
        self,
        grain: int,
        from_tick: int,
        to_tick: int,
        late: bool | None = None,
        service: str | None = None,
        layout: str | None = None,
        scope: str | None = None,
    ) -> list[CountsRow]:
        """Counts of ``grain`` seconds that touch ticks in [from_tick, to_tick), in order of commit; they add
        up."""
        with self._reads(SNAPSHOT) as connection:
            return batches.read_counts(connection, grain, from_tick, to_tick, late, service, layout, scope)

    def first_counted(self, service: str, layout: str, scope: str) -> int | None:
        """When the first tick of these counts begins (seconds since 1970), None where there is none."""
        with self._reads() as connection:
            return batches.first_counted(connection, service, layout, scope)

    def lake_files(self, kind: str, from_us: int, to_us: int, service: str | None = None) -> list[LakeFile]:
        """Lake files of ``kind`` with rows in [from_us, to_us), oldest first."""
        with self._reads() as connection:
            return batches.lake_files(connection, kind, from_us, to_us, service)

    def keys(self, since_us: int, service: str | None = None) -> list[Keys]:
        """Dedup keys of batches that reach ``since_us`` or later, oldest first."""
        with self._reads() as connection:
            return batches.read_keys(connection, since_us, service)

    def keys_of(self, names: Sequence[str]) -> list[Keys]:
        """Dedup keys of the batches ``names``, oldest first."""
        with self._reads() as connection:
            return batches.keys_of(connection, names)

    def cursor(self, source: str) -> str | None:
        """How far a source was taken, None when it never was."""
        with self._reads() as connection:
            return batches.cursor_of(connection, source)

    def quarantined(self, batch: str | None = None, limit: int = 1000) -> list[BadRow]:
        """Rows that could not be taken, in the order they came."""
        with self._reads() as connection:
            return batches.read_quarantine(connection, batch, limit)

    def lately_aside(self, service: str, since_us: int, limit: int = 1000) -> list[tuple[int, BadRow]]:
        """Rows of ``service`` put aside since then, newest first, each with when it came (microseconds)."""
        with self._reads() as connection:
            return batches.lately_aside(connection, service, since_us, limit)

    def last_taken(self, service: str, kind: str) -> tuple[int, int] | None:
        """When the newest batch of ``kind`` (events, labels) came, and the greatest time in any
        (microseconds)."""
        with self._reads() as connection:
            return batches.last_taken(connection, service, kind)

    def get_state(self, name: str) -> Stored | None:
        """What is kept under ``name``, or None."""
        with self._reads() as connection:
            return memory.get_state(connection, name)

    def mark(self, service: str) -> Mark | None:
        """How far a service was judged, None when it never was."""
        with self._reads() as connection:
            return memory.get_mark(connection, service)
