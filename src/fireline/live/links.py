"""Links: how a portion that a source gave is counted once, whoever pulled it and whatever died.

A portion lies in the spool together with the cursor it begins behind and the cursor it leads to. It is
counted only where the source still stands at the first, and the move to the second commits with the counts.
A server that lost its lead may have pulled the same rows as the next one: only one of the two chains holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from fireline.ids import stable_id
from fireline.live.spool import Place, Record, Spool

HEAD = "pull"
CursorOf = Callable[[str], str | None]


def cursor_name(service: str, source: str) -> str:
    """What the store calls the cursor of a service's source."""
    return f"pull:{service}:{source}"


@dataclass(frozen=True, slots=True)
class Link:
    """A portion of ``source`` (as the store calls its cursor) from ``was`` to ``cursor``."""

    source: str
    was: str
    cursor: str

    def as_head(self) -> dict[str, Any]:
        """As the head of a record has it."""
        return {HEAD: [self.source, self.was, self.cursor]}

    @classmethod
    def of(cls, record: Record) -> Link | None:
        """The link in a record's head; None for what was sent to us."""
        told = record.head.get(HEAD)
        return cls(*map(str, told)) if told else None

    @property
    def tag(self) -> str:
        """A name for this portion alone: rows without an id of their own get theirs from it."""
        return f"{self.source} {stable_id('from', self.source, self.was, size=8)}"


def chained(
    records: Sequence[Record], cursor_of: CursorOf
) -> tuple[list[Record], dict[str, tuple[str | None, str]]]:
    """The records without portions whose rows others took, and how far each source moves with the rest:
    (where it must still stand, where it stands then)."""
    kept: list[Record] = []
    began: dict[str, str | None] = {}
    at: dict[str, str] = {}
    for record in records:
        link = Link.of(record)
        if link is None:
            kept.append(record)
            continue
        if link.source not in began:
            began[link.source] = cursor_of(link.source)
            at[link.source] = began[link.source] or ""
        if at[link.source] == link.was:
            at[link.source] = link.cursor
            kept.append(record)
    moves = {name: (began[name], place) for name, place in at.items() if place != (began[name] or "")}
    return kept, moves


def standing(source: str, spool: Spool, counted: Place, cursor_of: CursorOf) -> str:
    """Where ``source`` stands with what waits in ``spool`` behind ``counted``."""
    at = cursor_of(source) or ""
    for record in _waiting(spool, counted):
        link = Link.of(record)
        if link is not None and link.source == source and link.was == at:
            at = link.cursor
    return at


def _waiting(spool: Spool, counted: Place) -> Iterable[Record]:
    place = counted
    while records := spool.read(place):
        yield from records
        place = records[-1].end
