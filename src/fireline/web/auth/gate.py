"""The gate: every request passes it, and it knows who asks before anything else runs.

It is shut by default. A stranger reaches open paths only; a viewer can do nothing but look, whatever a route
forgot to say; whoever comes with a cookie proves with every change that one of our own pages asked.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from urllib.parse import parse_qs

from anyio import to_thread
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Send
from starlette.types import Scope as AsgiScope

from fireline.clock import Clock
from fireline.errors import StoreError
from fireline.store.people import People
from fireline.terms.people import Token
from fireline.web.auth.access import Access
from fireline.web.auth.hosts import direct, is_loopback_address, is_loopback_name, same_origin
from fireline.web.auth.refusal import Refused, answer
from fireline.web.auth.sessions import SessionDesk
from fireline.web.auth.tokens import TokenDesk, parse
from fireline.web.auth.who import STRANGER, Caller, Identity, Who

LOOKING = ("GET", "HEAD", "OPTIONS")
OWN = ("/logout", "/account")
"""What a viewer may send besides looking: leave, and change the own password."""

FOR_PROGRAMS = "/v1/"
"""Where tokens of scope ingest, switches and guard get to; the endpoint looks which of them it wants."""

OPERATOR = Identity(who=Who("operator", "admin", "loopback"))
STALE = timedelta(seconds=10)
"""A page that stays open (server-sent events) is looked at again after this."""

_NOBODY_FOR = timedelta(seconds=1)
_FORM = "application/x-www-form-urlencoded"
_FORM_MOST = 256 * 1024


class Gate:
    """ASGI middleware: finds out who asks, refuses, or passes on with ``request.state.identity`` set."""

    def __init__(self, app: ASGIApp, people: People, clock: Clock, access: Access) -> None:
        self._app, self._people, self._clock, self._access = app, people, clock, access
        self._sessions = SessionDesk(people, clock, access)
        self._tokens = TokenDesk(people, clock)
        self._no_user_at: datetime | None = None
        self._users = False

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        elif scope["type"] != "http":
            await self._app(scope, receive, send)
        else:
            await self._http(scope, receive, send)

    async def _http(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        state = scope.setdefault("state", {})
        state["identity"] = STRANGER
        try:
            identity = state["identity"] = await self._identity_or_stranger(scope)
            receive = await self._may_pass(scope, identity, receive)
        except Refused as refused:
            await answer(scope, refused)(scope, receive, send)
            return
        except StoreError as error:
            await answer(scope, _unavailable(error))(scope, receive, send)
            return
        watched = _Watched(self._still(scope, identity), send, self._clock)
        try:
            await self._app(scope, receive, watched)
        except (SignedOut, ClientDisconnect):
            if not watched.ended:
                raise

    # Who asks.

    async def _identity_or_stranger(self, scope: AsgiScope) -> Identity:
        """Who asks. On an open path nothing stands in a stranger's way, not even a store that is away."""
        try:
            return await self._identity(scope)
        except (StoreError, Refused):
            if self._access.is_open(scope["path"]):
                return STRANGER
            raise

    async def _identity(self, scope: AsgiScope, used: bool = True) -> Identity:
        """Who asks; with ``used`` False it does not count as a sign of life."""
        headers = Headers(scope=scope)
        if _bearer(headers) is not None:
            return await self._by_token(_bearer(headers) or "")
        if self._access.open_on_loopback and not await self._anybody():
            return _neighbour(scope, headers)
        secret = self._sessions.secret_in(HTTPConnection(scope))
        found = await to_thread.run_sync(self._sessions.look, secret, used) if secret else None
        if found is None:
            return STRANGER
        session, user = found
        return Identity(who=Who(user.name, user.role, "session"), session=session)

    async def _by_token(self, text: str) -> Identity:
        token = None
        if parse(text) is not None:
            token = self._tokens.remembered(text) or await to_thread.run_sync(self._tokens.verify, text)
        if token is not None:
            return _of_token(token)
        raise Refused(
            401,
            "this token is not valid: unknown, mistyped or revoked",
            "make one: fireline token create NAME --scope guard --service SERVICE",
            {"WWW-Authenticate": 'Bearer realm="fireline", error="invalid_token"'},
        )

    async def _anybody(self) -> bool:
        """Whether there is a user; once there is one there always is."""
        now = self._clock.now()
        asked = self._no_user_at
        if not self._users and (asked is None or not timedelta() <= now - asked < _NOBODY_FOR):
            self._users = await to_thread.run_sync(self._people.any_user)
            self._no_user_at = now
        return self._users

    def _still(self, scope: AsgiScope, was: Identity) -> Callable[[], Awaitable[bool]]:
        """Asks whether the one who was let in would be let in now as the same."""

        async def ask() -> bool:
            try:
                return (await self._identity(scope, used=False)).who == was.who
            except Refused:
                return False
            except StoreError:
                return True  # not a reason to send somebody away in the middle of an incident

        return ask

    # Whether it may.

    async def _may_pass(self, scope: AsgiScope, identity: Identity, receive: Receive) -> Receive:
        headers, path = Headers(scope=scope), scope["path"]
        looking = scope["method"] in LOOKING
        if not looking and _bearer(headers) is None and not same_origin(headers):
            raise Refused(
                403, "another site's page asked for this", "open Fireline itself and do it there", _no_store()
            )
        if self._access.is_open(path):
            return receive
        if not identity.known:
            raise Refused(401, "this needs somebody who is signed in", _how_to_sign_in(headers))
        if identity.who is None and not path.startswith(FOR_PROGRAMS):
            raise Refused(403, "this token is for programs and opens no pages", "use a token of scope viewer")
        if looking:
            return receive
        if identity.session is not None:
            receive = await _proved(headers, identity.session.csrf, receive)
        if identity.who is not None and identity.who.role == "viewer" and path not in OWN:
            raise Refused(
                403,
                f"{identity.who.name} is a viewer, and a viewer can do nothing but look",
                f"ask an admin: fireline user role {identity.who.name} responder",
            )
        return receive


def _neighbour(scope: AsgiScope, headers: Headers) -> Identity:
    """The operator, when the request comes from this machine, under its name, and straight."""
    client = scope.get("client")
    near = client is not None and is_loopback_address(client[0])
    if not near or not direct(headers, scope.get("http_version", "1.1")):
        return STRANGER
    if len(headers.getlist("host")) != 1 or not is_loopback_name(headers["host"]):
        raise Refused(
            421,
            "this server has no users yet and answers to its loopback name only",
            "open http://127.0.0.1:PORT, or start it with --auth and make an admin",
        )
    return OPERATOR


def _of_token(token: Token) -> Identity:
    name = f"token:{token.name}"
    if token.scope in ("viewer", "responder", "admin"):
        return Identity(who=Who(name, token.scope, "token"))
    return Identity(caller=Caller(name, token.scope, token.service))


async def _proved(headers: Headers, csrf: str, receive: Receive) -> Receive:
    """``receive`` again, after the request has proved that one of our pages made it. Raises Refused."""
    given = headers.get("x-csrf-token")
    if given is None and headers.get("content-type", "").split(";")[0].strip().lower() == _FORM:
        body = await _whole(receive)
        receive = _again(body, receive)
        fields = parse_qs(body.decode("latin-1"), max_num_fields=1000, keep_blank_values=True)
        given = (fields.get("csrf") or [""])[0]
    if given is None or not hmac.compare_digest(given.encode(), csrf.encode()):
        raise Refused(403, "the page you sent this from is out of date", "load it again, and do it once more")
    return receive


async def _whole(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > _FORM_MOST:
            raise Refused(413, "this form is too large", "send less text, or send it as JSON")
    return body


def _again(body: bytes, receive: Receive) -> Receive:
    """A ``receive`` that gives the body that was read once more."""
    told = False

    async def tell() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return tell


class SignedOut(OSError):
    """The one who looks at an open page may not any more. (An OSError: Starlette takes it for a page that was
    closed.)"""


class _Watched:
    """``send`` for an answer that may last: it ends when whoever looks has signed out or may not any more."""

    def __init__(self, still: Callable[[], Awaitable[bool]], send: Send, clock: Clock) -> None:
        self._still, self._send, self._clock = still, send, clock
        self._asked_at = clock.now()
        self.ended = False

    async def __call__(self, message: Message) -> None:
        if message.get("more_body") and self._clock.now() - self._asked_at >= STALE:
            self._asked_at = self._clock.now()
            if not await self._still():
                self.ended = True
                await self._send({"type": "http.response.body", "body": b"", "more_body": False})
                raise SignedOut("signed out")
        await self._send(message)


def _bearer(headers: Headers) -> str | None:
    """The bearer token shown, None without one; other kinds belong to a proxy in front."""
    kind, _, text = headers.get("authorization", "").partition(" ")
    return text.strip() if kind.lower() == "bearer" else None


def _unavailable(error: StoreError) -> Refused:
    if error.permanent:
        return Refused(500, "the store does not answer as it should", "see the server's log")
    return Refused(503, "the store cannot be reached just now", "try again", {"Retry-After": "2"})


def _no_store() -> dict[str, str]:
    return {"Cache-Control": "no-store"}


def _how_to_sign_in(headers: Headers) -> str:
    return "sign in" if "cookie" in headers else "sign in, or send Authorization: Bearer TOKEN"
