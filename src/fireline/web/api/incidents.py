"""Incidents and services out, commands in."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from fireline import commands
from fireline.clock import Clock
from fireline.errors import InputError
from fireline.live.running import Running
from fireline.store import Store
from fireline.terms.incident import Incident
from fireline.web.api.answers import running_of
from fireline.web.auth.who import Who, responder, viewer

router = APIRouter(prefix="/v1", tags=["incidents"])
Looker = Annotated[Who, Depends(viewer)]
Doer = Annotated[Who, Depends(responder)]


class Order(BaseModel):
    """What a command needs: a text (the reason), and for some a measure, a role, a state."""

    text: str = Field(default="", max_length=4000, description="The reason, or the note.")
    measure: str | None = Field(
        default=None, description="The measure meant; where only one can be, it may be left out."
    )
    role: str | None = Field(
        default=None, description="For role: incident commander, ops, ML owner or comms."
    )
    person: str | None = Field(default=None, description="For role: who takes it; else who asks.")
    to: str | None = Field(default=None, description="For move: the state to move to.")
    into: str | None = Field(default=None, description="For move to merged: the other incident.")


class Declaration(BaseModel):
    """An incident that a person declares."""

    service: str
    title: str = Field(max_length=300)
    severity: str | None = None


class Step(BaseModel):
    """A measure that a person takes."""

    action: str
    params: dict[str, Any] = Field(default_factory=dict)
    text: str = Field(default="", max_length=4000)
    hours: float = Field(default=24, gt=0, le=24 * 90, description="When it ends by itself.")


@router.get("/services")
async def services(request: Request, who: Looker) -> list[dict[str, Any]]:
    """Every service as it stands."""
    running = running_of(request)
    return [view.as_json() for view in await run_in_threadpool(running.services)]


@router.get("/services/{name}")
async def service(request: Request, name: str, who: Looker) -> dict[str, Any]:
    """One service as it stands: monitors with their evidence, the switch, the guards that listen."""
    running = running_of(request)
    return (await run_in_threadpool(running.service, name)).as_json()


@router.get("/incidents")
async def incidents(
    request: Request, who: Looker, service: Annotated[str | None, Query()] = None,
    open_only: Annotated[bool, Query(alias="open")] = False,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> list[dict[str, Any]]:  # fmt: skip
    """Incidents, newest first, without their timelines."""
    store = running_of(request).store

    def read() -> list[dict[str, Any]]:
        names = store.incidents(service, open_only)[-limit:]
        return [_brief(store.incident(name)) for name in reversed(names)]

    return await run_in_threadpool(read)


def _brief(incident: Incident) -> dict[str, Any]:
    whole = incident.as_json()
    return {name: whole[name] for name in whole if name not in ("timeline", "evidence", "review")}


@router.get("/incidents/{incident}")
async def one(request: Request, incident: str, who: Looker) -> dict[str, Any]:
    """One incident with everything that is known of it."""
    store = running_of(request).store
    return (await run_in_threadpool(store.incident, incident)).as_json()


@router.post("/incidents", status_code=201)
async def declare(request: Request, told: Declaration, who: Doer) -> dict[str, Any]:
    """Declare an incident that no monitor has seen."""
    running = running_of(request)
    if told.service not in running.runbooks:
        raise InputError(f"there is no service {told.service!r} here", todo="see GET /v1/services")

    def write() -> Incident:
        found = commands.declare(
            running.store, running.clock, told.service, who.name, told.title, told.severity,
            "drill" if running.drill else "real",
        )  # fmt: skip
        running.wake()
        return found

    return (await run_in_threadpool(write)).as_json()


@router.post("/incidents/{incident}/measures", status_code=201)
async def act(request: Request, incident: str, step: Step, who: Doer) -> dict[str, Any]:
    """Take a measure of one's own: rollback, route_share or fallback, done at once and undoable."""
    running = running_of(request)

    def write() -> dict[str, Any]:
        about = (running.store, running.clock, incident, who.name)
        commands.act_now(*about, step.action, step.params, step.text, timedelta(hours=step.hours))
        running.wake()
        return running.store.incident(incident).as_json()

    return await run_in_threadpool(write)


@router.post("/incidents/{incident}/{command}")
async def command(request: Request, incident: str, command: str, order: Order, who: Doer) -> dict[str, Any]:
    """Give a command: ack, note, approve, deny, undo, keep, free, resolve, move, role, waive or
    approve_review."""
    running = running_of(request)

    def write() -> dict[str, Any]:
        obey(running.store, running.clock, incident, command, order, who.name)
        return _after(running, incident)

    return await run_in_threadpool(write)


def _after(running: Running, incident: str) -> dict[str, Any]:
    running.wake()
    return running.store.incident(incident).as_json()


def obey(store: Store, clock: Clock, incident: str, command: str, order: Order, by: str) -> None:
    """Do what ``command`` says. Raises InputError for a word that is no command, StateError where it is not
    allowed."""
    about = (store, clock, incident)
    match command:
        case "ack":
            commands.ack(*about, by, order.text)
        case "note":
            commands.note(*about, by, order.text)
        case "approve" | "deny" | "undo" | "keep" | "free":
            getattr(commands, command)(*about, order.measure, by, order.text)
        case "resolve":
            commands.resolve(*about, by, order.text)
        case "move":
            commands.move(*about, by, order.to or "", order.text, order.into)
        case "role":
            commands.take_role(*about, by, order.role or "", order.person)
        case "waive":
            commands.waive(*about, by, order.text)
        case "approve_review":
            commands.approve_review(*about, by, order.text)
        case _:
            raise InputError(f"{command!r} is no command", todo=f"use one of: {', '.join(commands.NAMES)}")
