"""Puts the gate in front of an app, and looks whether any of its routes forgot to say who is allowed."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI, routing
from fastapi.dependencies.models import Dependant
from starlette.requests import Request
from starlette.responses import Response

from fireline.clock import Clock
from fireline.errors import FirelineError
from fireline.store import Store
from fireline.store.people import People
from fireline.web.auth.access import Access
from fireline.web.auth.gate import LOOKING, Gate
from fireline.web.auth.pages import pages
from fireline.web.auth.refusal import Refused, answer
from fireline.web.auth.shell import Shell
from fireline.web.auth.who import GUARDS

_SECRET = re.compile(r"(token=)[^&\s\"]+")


def protect(app: FastAPI, store: Store, clock: Clock, access: Access) -> None:
    """Let nobody into ``app`` but who may: adds middleware, /login, /logout, /setup, /account and
    ``app.state.access``.

    Call it once, after every other middleware was added. ``clock`` is the wall clock, also in a drill:
    sessions and tokens belong to people's time.
    """
    people = People(store)
    app.state.access = access
    app.include_router(pages(people, clock, access))
    app.add_exception_handler(Refused, _refuse)
    app.add_middleware(Gate, people=people, clock=clock, access=access)
    app.add_middleware(Shell, access=access)
    log = logging.getLogger("uvicorn.access")
    if not any(isinstance(one, WithoutSecrets) for one in log.filters):
        log.addFilter(WithoutSecrets())


async def _refuse(request: Request, error: Exception) -> Response:
    if not isinstance(error, Refused):
        raise error
    return answer(request.scope, error)


class WithoutSecrets(logging.Filter):
    """Takes the secret out of the setup link before the access log has it."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(_SECRET.sub(r"\1...", a) if isinstance(a, str) else a for a in record.args)
        return True


def unguarded(app: FastAPI) -> list[str]:
    """Routes where nobody said who is allowed, ``METHOD /path`` each.

    A route is fine when ``app.state.access`` leaves it open, or when it depends on viewer, responder,
    admin or a service token. Plain routes without dependencies (the API's own description) may only look;
    what is mounted must be open.
    """
    access: Access = app.state.access
    found = []
    for route in routes(app):
        path, methods = str(getattr(route, "path", "")), set(getattr(route, "methods", None) or ())
        if access.is_open(path) or access.is_open(f"{path}/"):
            continue
        dependant = getattr(route, "dependant", None)
        if dependant is None and methods and methods <= set(LOOKING):
            continue
        if dependant is None or not allowed(dependant):
            found += [f"{method} {path}" for method in methods or {"ANY"}]
    return sorted(found)


def refuse_unguarded(app: FastAPI) -> None:
    """Raise FirelineError when a route forgot to say who is allowed: called when the server starts."""
    forgotten = unguarded(app)
    if forgotten:
        raise FirelineError(
            f"nobody said who may use {', '.join(forgotten)}",
            todo="add Depends(viewer), Depends(responder), Depends(admin) or Depends(service_token(...))",
        )


def routes(app: FastAPI) -> list[Any]:
    """Every route with its whole path, those of included routers too."""
    listed = getattr(routing, "iter_route_contexts", None)  # newer FastAPI keeps included routers as they are
    return list(listed(app.routes)) if listed is not None else list(app.routes)


def allowed(dependant: Dependant) -> set[str]:
    """Whom a route allows: ``viewer``, ``responder``, ``admin``, ``ingest``, ``switches``."""
    return {getattr(call, GUARDS) for call in _calls(dependant) if hasattr(call, GUARDS)}


def _calls(dependant: Dependant) -> Iterator[object]:
    for below in dependant.dependencies:
        yield below.call
        yield from _calls(below)
