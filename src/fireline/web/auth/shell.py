"""The outermost layer: no request is larger than agreed, and every answer tells the browser to be careful."""

from __future__ import annotations

import secrets

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Send
from starlette.types import Scope as AsgiScope

from fireline.web.auth.access import MIB, Access
from fireline.web.auth.refusal import Refused, answer
from fireline.web.auth.who import STRANGER, Identity

POLICY = (
    "default-src 'self'; script-src 'self' 'nonce-{nonce}'; style-src 'self' 'nonce-{nonce}'; "
    "img-src 'self' data:; connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    # Not no-referrer: with that a browser sends `Origin: null` with our own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
}


class Shell:
    """ASGI middleware: limits of size, headers of security, and ``request.state.csp_nonce``."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app, self._access = app, access

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope.setdefault("state", {})["csp_nonce"] = secrets.token_urlsafe(16)
        careful = _Careful(scope, send, self._access)
        try:
            limit = self._within_limits(scope)
            await self._app(scope, _Counted(receive, limit), careful)
        except Refused as refused:
            if careful.started:
                raise
            await answer(scope, refused)(scope, receive, careful)
        except Exception:  # whatever broke, the answer is careful too; it is raised again to be logged
            if not careful.started:
                broken = Refused(500, "something broke inside Fireline", "see the server's log and report it")
                await answer(scope, broken)(scope, receive, careful)
            raise

    def _within_limits(self, scope: AsgiScope) -> int:
        """The most bytes the body may have. Raises Refused when that or the headers are too much already."""
        headers = scope["headers"]
        size = sum(len(name) + len(value) for name, value in headers)
        if len(headers) > self._access.max_headers or size > self._access.max_header_bytes:
            raise Refused(
                431, "the request has too many headers", "send fewer or shorter ones; delete old cookies"
            )
        limit = self._access.body_limit(scope["path"])
        said = next((value for name, value in headers if name == b"content-length"), b"0")
        if not said.isdigit():
            raise Refused(400, "Content-Length is not a number", "see to the client that sends it")
        if int(said[:20]) > limit:
            raise too_large(limit)
        return limit


def too_large(limit: int) -> Refused:
    """The refusal of a body that is larger than ``limit`` bytes."""
    most = f"{limit // MIB} MiB" if limit >= MIB else f"{limit} bytes"
    todo = "send it in smaller batches, each with an Idempotency-Key of its own, or compress it with gzip"
    return Refused(413, f"the body is larger than {most}", todo, {"Connection": "close"})


class _Counted:
    """``receive`` that counts what a body without a length amounts to."""

    def __init__(self, receive: Receive, limit: int) -> None:
        self._receive, self._limit, self._seen = receive, limit, 0

    async def __call__(self) -> Message:
        message = await self._receive()
        self._seen += len(message.get("body", b""))
        if self._seen > self._limit:
            raise too_large(self._limit)
        return message


class _Careful:
    """``send`` that adds the headers; one the answer has already is left as it is."""

    def __init__(self, scope: AsgiScope, send: Send, access: Access) -> None:
        self._scope, self._send, self._access = scope, send, access
        self.started = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            state = self._scope["state"]
            headers = MutableHeaders(scope=message)
            for name, value in ALWAYS.items():
                headers.setdefault(name, value)
            headers.setdefault("Content-Security-Policy", POLICY.format(nonce=state["csp_nonce"]))
            identity: Identity = state.get("identity", STRANGER)
            if identity.who is not None and not self._access.is_open(self._scope["path"]):
                headers.setdefault("Cache-Control", "no-store")
        await self._send(message)
