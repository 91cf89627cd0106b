"""What every endpoint shares: the running Fireline, and errors as answers that say what to do."""

from __future__ import annotations

from typing import Any, cast

from fastapi import FastAPI
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response

from fireline.errors import FirelineError, InputError, MeasureInFlight, RunbookError, StateError, StoreError
from fireline.live.door import Busy
from fireline.live.running import Running
from fireline.terms.switch import StaleSwitch

STATUS: tuple[tuple[type[FirelineError], int], ...] = (
    (Busy, 429),
    (MeasureInFlight, 409),
    (StaleSwitch, 409),
    (StateError, 409),
    (InputError, 422),
    (RunbookError, 422),
    (StoreError, 503),
)
RETRY_AFTER = "5"


def running_of(connection: HTTPConnection) -> Running:
    """The Fireline this server runs."""
    return cast(Running, connection.app.state.fireline)


def status_of(error: FirelineError) -> int:
    """The HTTP status an error of ours becomes."""
    if isinstance(error, StoreError) and error.permanent and not isinstance(error, MeasureInFlight):
        return 404 if error.message.startswith("there is no") else 503
    return next((status for kind, status in STATUS if isinstance(error, kind)), 400)


def body_of(error: FirelineError) -> dict[str, Any]:
    """An error as JSON: what is wrong, where, what to do, and whether the same again may succeed."""
    return {
        "error": error.message,
        "where": str(error.where) if error.where else "",
        "todo": error.todo,
        "permanent": error.permanent,
    }


async def answer_error(request: Request, error: Exception) -> Response:
    """Any error of Fireline as an answer a person or program can act on."""
    if not isinstance(error, FirelineError):
        raise error
    status = status_of(error)
    headers = {"Retry-After": RETRY_AFTER} if status in (429, 503) else {}
    return JSONResponse(body_of(error), status, headers=headers)


def install(app: FastAPI) -> None:
    """Answer every error of Fireline's own."""
    app.add_exception_handler(FirelineError, answer_error)
