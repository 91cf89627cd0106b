"""Entries read once: the journal only grows, so what was committed never has to be read again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from threading import Lock

import sqlalchemy as sa

from fireline.store import journal
from fireline.terms.timeline import Entry

KEPT = 256
"""Incidents whose entries are kept in memory."""


class EntryCache:
    """Committed entries by incident. What may still be rolled back is never kept."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, tuple[Entry, ...]] = OrderedDict()
        self._lock = Lock()

    def complete(self, connection: sa.Connection, incident: str) -> tuple[Entry, ...]:
        """All entries of ``incident`` that ``connection`` sees, reading only those not known yet."""
        with self._lock:
            known = self._known.get(incident, ())
        return (*known, *journal.read(connection, incident, after=len(known)))

    def keep(self, committed: Mapping[str, tuple[Entry, ...]]) -> None:
        """Remember entries that are committed for good."""
        with self._lock:
            for incident, entries in committed.items():
                if len(entries) > len(self._known.get(incident, ())):
                    self._known[incident] = entries
                    self._known.move_to_end(incident)
            while len(self._known) > KEPT:
                self._known.popitem(last=False)
