"""An ASGI middleware: routes of an app timed, counted and steered, with no change to what they call."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from typing import Any

from fireline.guard.decide import Decision
from fireline.guard.guard import Guard

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class GuardMiddleware:
    """Guards the HTTP routes of ``app`` whose path begins with one of ``paths``.

    The app finds where the call is to go in ``scope["state"]["fireline"]`` (``request.state.fireline`` in
    FastAPI and Starlette), a Decision, and may add to the event by ``request.state.fireline.say(score=0.3)``.
    Answers of 500 and above, and exceptions, are failures; a client that leaves is none. A closed rung is
    answered with 503, an open one with its declared answer as JSON. The request's id is the header
    ``header``, or a number; ``segments(scope)`` gives its segments.
    """

    def __init__(
        self,
        app: App,
        guard: Guard,
        *,
        paths: Sequence[str] = ("/",),
        header: str = "x-request-id",
        segments: Callable[[Scope], Mapping[str, Any]] | None = None,
    ) -> None:
        self.app, self.guard, self.paths = app, guard, tuple(paths)
        self.header, self.segments = header.lower().encode("latin-1"), segments

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection."""
        if scope["type"] != "http" or not scope["path"].startswith(self.paths):
            await self.app(scope, receive, send)
            return
        decision = self.guard.decide(
            key=self._key(scope), segments=self.segments(scope) if self.segments is not None else None
        )
        if decision.kind in ("closed", "open"):
            await _answer(decision, send)
            return
        scope.setdefault("state", {})["fireline"] = decision
        await self._watch(decision, scope, receive, send)

    async def _watch(self, decision: Decision, scope: Scope, receive: Receive, send: Send) -> None:
        status = 500

        async def seen(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                decision.answered(status)  # what the app does afterwards is no part of the answer

        try:
            await self.app(scope, receive, seen)
        except BaseException as error:  # passed on: the guard only takes note
            decision.raised(error)
            raise
        decision.answered(status)

    def _key(self, scope: Scope) -> str | None:
        for name, value in scope.get("headers", ()):
            if name == self.header:
                return str(value.decode("latin-1"))
        return None


async def _answer(decision: Decision, send: Send) -> None:
    closed = decision.kind == "closed"
    body = {"error": "refused for now", "todo": "try again later"} if closed else decision.answer
    headers = [(b"content-type", b"application/json")]
    if closed:
        headers.append((b"retry-after", b"30"))
    status = 503 if closed else 200
    decision.answered("refused" if closed else "ok")
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(body).encode()})
