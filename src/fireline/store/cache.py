"""What was read once: the journal only grows, so committed entries and what they amount to stay true."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from threading import Lock

import sqlalchemy as sa

from fireline.store import journal
from fireline.store.rows import Fold
from fireline.terms.fold import apply, fold
from fireline.terms.incident import Incident
from fireline.terms.timeline import Entry

KEPT = 256
"""Incidents that are kept in memory."""


@dataclass(frozen=True, slots=True)
class Told:
    """What is known of an incident: its entries, and what the first ``upto`` of them amount to."""

    entries: tuple[Entry, ...] = ()
    incident: Incident | None = None
    upto: int = 0

    def and_then(self, more: Iterable[Entry]) -> Told:
        """With the entries that follow."""
        return Told((*self.entries, *more), self.incident, self.upto)

    def folded(self, how: Fold) -> Told:
        """With ``incident`` worked out for all entries, going on from what was worked out before."""
        if self.upto == len(self.entries):
            return self
        if how is fold and self.incident is not None:
            incident = reduce(apply, self.entries[self.upto :], self.incident)
        else:
            incident = how(self.entries)
        return Told(self.entries, incident, len(self.entries))


NOTHING = Told()


class Memory:
    """What is committed of each incident. What may still be rolled back is never kept here."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Told] = OrderedDict()
        self._lock = Lock()

    def complete(self, connection: sa.Connection, incident: str) -> Told:
        """Everything ``connection`` sees of ``incident``, reading only what is not known yet."""
        with self._lock:
            known = self._known.get(incident, NOTHING)
        fresh = journal.read(connection, incident, after=len(known.entries))
        return known.and_then(fresh) if fresh else known

    def known(self, incident: str, last: int) -> Incident | None:
        """What the incident's ``last`` entries amount to, where these were read and nothing after them."""
        with self._lock:
            told = self._known.get(incident, NOTHING)
        return told.incident if told.upto == len(told.entries) == last else None

    def keep(self, committed: Mapping[str, Told]) -> None:
        """Remember what is committed for good."""
        with self._lock:
            for incident, told in committed.items():
                known = self._known.get(incident, NOTHING)
                if (len(told.entries), told.upto) > (len(known.entries), known.upto):
                    self._known[incident] = told
                    self._known.move_to_end(incident)
            while len(self._known) > KEPT:
                self._known.popitem(last=False)
