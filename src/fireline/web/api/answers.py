"""What every endpoint shares: the running Fireline, and errors as answers that say what to do."""

from __future__ import annotations

from typing import Any, cast

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
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
        "error": _sayable(error.message),
        "where": _sayable(str(error.where)) if error.where else "",
        "todo": _sayable(error.todo),
        "permanent": error.permanent,
    }


def _sayable(text: str) -> str:
    """``text`` without halves of characters, which a caller may have sent and no answer can hold."""
    return text.encode("utf-8", "replace").decode()


async def answer_error(request: Request, error: Exception) -> Response:
    """Any error of Fireline as an answer a person or program can act on."""
    if not isinstance(error, FirelineError):
        raise error
    status = status_of(error)
    headers = {"Retry-After": RETRY_AFTER} if status in (429, 503) else {}
    return JSONResponse(body_of(error), status, headers=headers)


async def answer_invalid(request: Request, error: Exception) -> Response:
    """A parameter or body that is not what the endpoint takes; nothing of what was sent is repeated."""
    if not isinstance(error, RequestValidationError):
        raise error
    found = [
        {
            "loc": [_sayable(str(part)) for part in one["loc"]],
            "msg": _sayable(str(one["msg"])),
            "type": str(one["type"]),
        }
        for one in error.errors()
    ]
    first = f"{'.'.join(found[0]['loc'])}: {found[0]['msg']}" if found else "the request cannot be read"
    said = {"error": first, "where": "", "todo": "see /docs for what this address takes", "permanent": True}
    return JSONResponse(said | {"detail": found}, 422)


def install(app: FastAPI) -> None:
    """Answer every error of Fireline's own, and every request that is not what an endpoint takes."""
    app.add_exception_handler(FirelineError, answer_error)
    app.add_exception_handler(RequestValidationError, answer_invalid)
