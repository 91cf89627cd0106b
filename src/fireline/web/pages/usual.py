"""The page of a service's baselines: what is proposed and why, and the forms that decide it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from fireline.errors import FirelineError
from fireline.web.api.baselines import obey
from fireline.web.auth.who import Who, responder, viewer
from fireline.web.pages.draw import page

if TYPE_CHECKING:
    from fireline.live.running import Running

router = APIRouter(include_in_schema=False)
Viewer = Annotated[Who, Depends(viewer)]
Responder = Annotated[Who, Depends(responder)]


async def _drawn(
    request: Request, who: Who, name: str, status: int, failed: FirelineError | None
) -> Response:
    running: Running = request.app.state.fireline
    if name not in running.runbooks:
        return page(request, who, "missing.html", 404, error=f"There is no service {name}.")
    told = await run_in_threadpool(running.baselines, name)
    zone = running.runbooks[name].timezone
    return page(request, who, "baselines.html", status, zone=zone, service=name, told=told, failed=failed)


@router.get("/baselines/{name}")
async def baselines(request: Request, who: Viewer, name: str) -> Response:
    """The baseline in force, those kept, what is proposed, and who decided what."""
    return await _drawn(request, who, name, 200, None)


@router.post("/baselines/{name}/{proposal}/{command}")
async def decide(request: Request, who: Responder, name: str, proposal: str, command: str) -> Response:
    """A decision's form."""
    running: Running = request.app.state.fireline
    because = str((await request.form()).get("because", ""))
    try:
        await run_in_threadpool(
            running.decide_baseline, name, lambda usual: obey(usual, proposal, command, who.name, because)
        )
    except FirelineError as error:
        return await _drawn(request, who, name, 409, error)
    return RedirectResponse(f"/baselines/{name}", 303)
