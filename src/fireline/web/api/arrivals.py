"""What arrives of a service and what becomes of it: for `fireline doctor`, and for whoever sends."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool

from fireline.live.arrivals import arrivals
from fireline.web.api.answers import running_of
from fireline.web.auth.who import looker_or_sender

router = APIRouter(prefix="/v1", tags=["telemetry"])


@router.get("/services/{service}/arrivals")
async def of_service(
    request: Request, service: str, who: Annotated[str, Depends(looker_or_sender)]
) -> dict[str, Any]:
    """What came lately, what was put aside and why, which columns lack, which guards listen.

    For viewers, and for the service's own tokens: who sends may hear what became of it.
    """
    running = running_of(request)

    def look() -> dict[str, Any]:
        view = running.service(service)
        told = arrivals(
            running.pulses[service], running.doors[service], view, running.leads, running.calls_people
        )
        return {**told, "asks": who}

    return await run_in_threadpool(look)
