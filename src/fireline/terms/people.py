"""People and programs that come to the server: what each may do."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, get_args

Level = Literal["viewer", "responder", "admin"]
"""What a person may do: look; also answer, act and undo; also see to people and tokens."""

Scope = Literal["ingest", "switches", "guard", "viewer", "responder", "admin"]
"""What a token may do. ``guard`` is ingest and switches of one service; the last three are a person's."""

LEVELS: tuple[Level, ...] = get_args(Level)
SCOPES: tuple[Scope, ...] = get_args(Scope)


def reaches(has: Level, needed: Level) -> bool:
    """Whether ``has`` includes ``needed``.

    >>> reaches("admin", "viewer"), reaches("viewer", "responder")
    (True, False)
    """
    return LEVELS.index(has) >= LEVELS.index(needed)


@dataclass(frozen=True, slots=True)
class User:
    """A person with a password. Nobody is deleted: the journal still names them."""

    name: str
    role: Level
    password_hash: str = field(repr=False)
    created_at: datetime
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who signed in, by the hash of the secret in their cookie."""

    id_hash: str = field(repr=False)
    user: str
    csrf: str = field(repr=False)
    created_at: datetime
    seen_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Token:
    """A program's key, by the SHA-256 of its secret; ``service`` None means every service."""

    id: str
    name: str
    scope: Scope
    service: str | None
    hash: str = field(repr=False)
    created_at: datetime
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None
