"""Switches out: guards wait here for a newer one."""

from __future__ import annotations

from time import monotonic
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from fireline.clock import iso
from fireline.web.api.answers import running_of
from fireline.web.auth.who import Caller, service_token

router = APIRouter(prefix="/v1", tags=["switches"])
LONGEST = 55.0
LOOK_AGAIN = 1.0
"""Seconds after which a switch that another server put out is noticed."""


@router.get("/switches/{service}", responses={304: {"description": "Nothing newer came in that time."}})
async def switch(
    request: Request, service: str, caller: Annotated[Caller, Depends(service_token("switches"))],
    wait: Annotated[float, Query(ge=0, description="Seconds to wait for a newer one.")] = 0.0,
    if_none_match: Annotated[str, Header(alias="If-None-Match", max_length=100)] = "",
    guard: Annotated[str, Header(alias="Fireline-Guard", max_length=300)] = "",
) -> Response:  # fmt: skip
    """The switch that is out, signed; with `If-None-Match: "VERSION"` and `wait` the next newer one.

    304 when nothing newer came in that time. `Fireline-Guard` tells which guard asks and what it obeys.
    """
    running = running_of(request)
    known, until = _known(if_none_match), monotonic() + min(wait, LONGEST)
    while True:
        count = running.news.count
        version, text, signed = await run_in_threadpool(running.switch_of, service)
        if guard:
            running.guards.heard(service, guard)
            guard = ""
        left = until - monotonic()
        if version != known or left <= 0 or await request.is_disconnected():
            break
        await running.news.wait(count, min(left, LOOK_AGAIN))
    headers = {"ETag": f'"{version}"', "Cache-Control": "no-store"}
    if running.drill:
        headers["Fireline-Clock"] = iso(running.clock.now())
    if version == known:
        return Response(status_code=304, headers=headers)
    return JSONResponse({"switch": text, "signature": signed}, headers=headers)


def _known(tag: str) -> int:
    """The version a guard says it has; -1 when it has none."""
    said = tag.strip().removeprefix("W/").strip('"')
    return int(said) if said.isascii() and said.isdigit() else -1
