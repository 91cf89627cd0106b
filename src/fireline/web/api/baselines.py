"""A service's baselines: what is proposed, and what a person decides about it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from fireline.errors import InputError
from fireline.live.usual import Usual
from fireline.web.api.answers import running_of
from fireline.web.auth.who import Who, responder, viewer

router = APIRouter(prefix="/v1/services/{name}/baselines", tags=["baselines"])
Looker = Annotated[Who, Depends(viewer)]
Doer = Annotated[Who, Depends(responder)]


class Stretch(BaseModel):
    """Days that a person proposes as the new reference."""

    since: datetime = Field(description="Start, included; whole days (UTC) are taken.")
    until: datetime = Field(description="End, not included.")
    because: str = Field(default="", max_length=2000, description="Why, in one sentence.")


class Decision(BaseModel):
    """Why it is decided so."""

    because: str = Field(default="", max_length=2000, description="Why, in one sentence.")


@router.get("")
async def baselines(request: Request, name: str, who: Looker) -> dict[str, Any]:
    """The baseline in force, those kept, what is proposed with its evidence, and who decided what."""
    return await run_in_threadpool(running_of(request).baselines, name)


@router.post("", status_code=201)
async def propose(request: Request, name: str, told: Stretch, who: Doer) -> dict[str, Any]:
    """Propose days as the new reference; those of past incidents are left out."""
    for what in (told.since, told.until):
        if what.tzinfo is None:
            raise InputError(
                f"{what.isoformat()} has no offset", todo="write times such as 2026-03-01T00:00:00Z"
            )

    def decide(usual: Usual) -> object:
        return usual.propose(told.since, told.until, who.name, told.because)

    return await run_in_threadpool(running_of(request).decide_baseline, name, decide)


@router.post("/{proposal}/{command}")
async def command(
    request: Request, name: str, proposal: str, command: str, told: Decision, who: Doer
) -> dict[str, Any]:
    """Decide: accept or reject a proposal, or back to a baseline that was kept (`own` is the runbook's)."""
    return await run_in_threadpool(
        running_of(request).decide_baseline,
        name,
        lambda usual: obey(usual, proposal, command, who.name, told.because),
    )


def obey(usual: Usual, proposal: str, command: str, by: str, because: str) -> object:
    """Do what was decided. Raises InputError for a command there is not."""
    known = {"accept": usual.accept, "reject": usual.reject, "back": usual.go_back}
    if command not in known:
        raise InputError(f"there is no command {command!r}", todo=f"use one of: {', '.join(known)}")
    return known[command](proposal, by, because)
