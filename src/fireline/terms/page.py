"""Pages: what is sent to people about an incident, once each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class PageKind(StrEnum):
    """``page``, ``repage`` and ``escalate`` call somebody; ``update`` and ``resolved`` only tell."""

    PAGE = "page"
    REPAGE = "repage"
    ESCALATE = "escalate"
    UPDATE = "update"
    RESOLVED = "resolved"


CALLS = frozenset({PageKind.PAGE, PageKind.REPAGE, PageKind.ESCALATE})
"""Kinds that want somebody to get up."""


class PageState(StrEnum):
    """Where a page stands in the outbox. The last three are the end of it."""

    WAITING = "waiting"
    CLAIMED = "claimed"
    SENT = "sent"
    FAILED = "failed"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Message:
    """What a channel delivers: plain values, so that a page sent again is the same to the byte.

    ``title`` is one line of at most 90 characters. ``text`` is everything, the title first. ``link`` is where
    to look, "" where nothing is served. ``at`` is when it was written, ISO 8601.
    """

    incident: str
    service: str
    kind: str
    title: str
    text: str
    severity: str = ""
    link: str = ""
    at: str = ""

    def as_json(self) -> dict[str, str]:
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def of_json(cls, data: Mapping[str, Any]) -> Message:
        """The message that ``as_json`` wrote."""
        return cls(**{name: str(data.get(name, "")) for name in cls.__slots__})


@dataclass(frozen=True, slots=True)
class PageDraft:
    """A page about to be put into the outbox; the same ``key`` is put there once.

    ``plan`` is what the planner must know of it later: which call it belongs to, and which step.
    """

    incident: str
    service: str
    kind: PageKind
    channel: str
    key: str
    due_at: datetime
    because: str
    message: Message
    plan: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Page:
    """A page as the outbox has it. ``attempts`` counts its claims; a receipt is checked against it.

    ``to`` is whom the channel reaches, in words and without secrets; "" until it is claimed.
    """

    id: int
    incident: str
    service: str
    kind: PageKind
    channel: str
    to: str
    key: str
    due_at: datetime
    because: str
    message: Message
    plan: Mapping[str, int]
    state: PageState
    attempts: int
    created_at: datetime
    lease_until: datetime | None = None
    not_before: datetime | None = None
    worker: str | None = None
    sent_at: datetime | None = None
    last_error: str = ""

    @property
    def calls(self) -> bool:
        """Whether it wants somebody to get up."""
        return self.kind in CALLS

    @property
    def may_have_arrived(self) -> bool:
        """Whether anybody may have read it: sent, or tried and not known to have been refused."""
        return self.state is PageState.SENT or (self.attempts > 0 and self.state is not PageState.FAILED)
