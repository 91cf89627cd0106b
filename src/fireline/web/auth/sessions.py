"""Sessions: a random secret in a cookie, its hash in the store, an end in any case."""

from __future__ import annotations

import secrets
from contextlib import suppress
from datetime import timedelta

from starlette.requests import HTTPConnection
from starlette.responses import Response

from fireline.clock import Clock
from fireline.errors import StoreError
from fireline.store.people import People
from fireline.terms.people import Session, User
from fireline.web.auth.access import Access
from fireline.web.auth.tokens import digest

PLAIN, SECURE = "fireline", "__Host-fireline"
NOTED = timedelta(minutes=1)


class SessionDesk:
    """Opens, looks at and ends sessions."""

    def __init__(self, people: People, clock: Clock, access: Access) -> None:
        self._people, self._clock, self._access = people, clock, access

    def begin(self, name: str, instead_of: str | None = None) -> tuple[str, Session]:
        """A new session for ``name``: its secret, and what is kept. The one with the secret ``instead_of``
        ends."""
        secret, now = secrets.token_urlsafe(32), self._clock.now()
        until = now + self._access.session_life
        session = Session(digest(secret), name, secrets.token_urlsafe(24), now, now, until)
        self._people.add_session(session, digest(instead_of) if instead_of else "")
        return secret, session

    def look(self, secret: str, used: bool = True) -> tuple[Session, User] | None:
        """Whose session this is, as the store says now; None when it is over. Raises StoreError.

        ``used`` False looks without taking it for a sign of life.
        """
        if not 20 <= len(secret) <= 100:
            return None
        found, now = self._people.session(digest(secret)), self._clock.now()
        if found is None:
            return None
        session, user = found
        idle = now - session.seen_at
        if user.disabled or now >= session.expires_at or idle >= self._access.session_idle:
            return None
        if used and idle >= NOTED:
            with suppress(StoreError):  # the next request says it again
                self._people.saw_session(session.id_hash, now)
        return session, user

    def end(self, secret: str) -> None:
        """Forget the session with that secret."""
        self._people.end_session(digest(secret))

    def secret_in(self, connection: HTTPConnection) -> str | None:
        """The session's secret in the request's cookies, or None."""
        if self._access.cookie_secure:
            return connection.cookies.get(SECURE)
        return connection.cookies.get(SECURE) or connection.cookies.get(PLAIN)

    def hand(self, response: Response, secret: str, https: bool) -> None:
        """Put the session's secret into a cookie that goes to this server only and that no script reads."""
        secure = https or self._access.cookie_secure
        response.set_cookie(
            SECURE if secure else PLAIN,
            secret,
            max_age=int(self._access.session_life.total_seconds()),
            path="/",
            secure=secure,
            httponly=True,
            samesite="lax",
        )

    def take_back(self, response: Response) -> None:
        """Delete the cookie."""
        response.delete_cookie(PLAIN, path="/", httponly=True, samesite="lax")
        response.delete_cookie(SECURE, path="/", secure=True, httponly=True, samesite="lax")
