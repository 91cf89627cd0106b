"""Tokens of programs: made once, shown once, known by their hash, remembered for half a minute."""

from __future__ import annotations

import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from threading import Lock

from fireline.clock import Clock
from fireline.errors import InputError, StoreError
from fireline.store.people import People
from fireline.terms.people import SCOPES, Scope, Token

REMEMBERED = timedelta(seconds=30)
"""A token that was revoked is refused after this at the latest."""

NOTED = timedelta(minutes=1)
"""``last_used_at`` is written no more often."""

MOST = 4096
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._@-]{0,63}")
_TEXT = re.compile(r"fl_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")
_SERVICE_SCOPES = ("ingest", "switches", "guard")


def parse(text: str) -> tuple[str, str] | None:
    """A token's id and secret; None when ``text`` is no token.

    >>> parse("fl_0123456789ab_" + "x" * 43) == ("0123456789ab", "x" * 43)
    True
    """
    found = _TEXT.fullmatch(text)
    return (found[1], found[2]) if found else None


def digest(secret: str) -> str:
    """The hash a secret is known by. Secrets here are 256 random bits: nothing slower is needed."""
    return sha256(secret.encode()).hexdigest()


def make(name: str, scope: Scope, service: str | None, at: datetime) -> tuple[Token, str]:
    """A new token and its text, which is not kept anywhere. Raises InputError when it makes no sense."""
    if _NAME.fullmatch(name) is None:
        raise InputError(
            f"{name!r} cannot be a token's name",
            todo="use letters, digits, spaces, dots and dashes, at most 64",
        )
    if scope not in SCOPES:
        raise InputError(f"there is no scope {scope!r}", todo=f"choose one of {', '.join(SCOPES)}")
    if scope == "guard" and not service:
        raise InputError("a guard's token is for one service", todo="name it: --service NAME")
    if service and scope not in _SERVICE_SCOPES:
        raise InputError(
            f"a token of scope {scope} is for the whole server",
            todo="leave --service out, or choose another scope",
        )
    id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    return Token(id, name, scope, service or None, digest(secret), at), f"fl_{id}_{secret}"


@dataclass(frozen=True, slots=True)
class _Seen:
    token: Token
    at: datetime


class TokenDesk:
    """Looks at tokens that programs show."""

    def __init__(self, people: People, clock: Clock) -> None:
        self._people, self._clock = people, clock
        self._seen: dict[str, _Seen] = {}
        self._noted: dict[str, datetime] = {}
        self._lock = Lock()

    def remembered(self, text: str) -> Token | None:
        """The token when it was verified less than 30 s ago: no question to the store."""
        found, now = self._seen.get(digest(text)), self._clock.now()
        fresh = found is not None and timedelta() <= now - found.at < REMEMBERED
        return found.token if found is not None and fresh else None

    def verify(self, text: str) -> Token | None:
        """The token, asked of the store; None when it is unknown, wrong or revoked. Raises StoreError."""
        named, key, now = parse(text), digest(text), self._clock.now()
        token = self._people.token(named[0]) if named else None
        right = hmac.compare_digest(token.hash if token else "", digest(named[1]) if named else "-")
        if token is None or not right or token.revoked_at is not None:
            with self._lock:
                self._seen.pop(key, None)
            return None
        with self._lock:
            if len(self._seen) >= MOST:
                self._seen.clear()
            self._seen[key] = _Seen(token, now)
        self._note(token, now)
        return token

    def _note(self, token: Token, now: datetime) -> None:
        last = self._noted.get(token.id) or token.last_used_at
        if last is not None and now - last < NOTED:
            return
        self._noted[token.id] = now
        try:
            self._people.used_token(token.id, now)
        except StoreError:  # it is only a note for people: a busy store must not refuse the program
            self._noted.pop(token.id, None)
