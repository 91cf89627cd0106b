"""The addresses of the pages. Looking is for every viewer; every form goes to somebody who may respond."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Request
from markupsafe import Markup
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse

from fireline import commands
from fireline.errors import FirelineError, StateError
from fireline.terms.incident import State
from fireline.terms.severity import Severity
from fireline.web.auth.who import Who, csrf_of, responder, viewer
from fireline.web.pages import acts, assets, interface, overview, room, stream, watched
from fireline.web.pages.draw import environment, headers, page
from fireline.web.pages.evidence_bar import reached

if TYPE_CHECKING:
    from fireline.live.running import Running

Viewer = Annotated[Who, Depends(viewer)]
Responder = Annotated[Who, Depends(responder)]
PAGE = 50
_STREAM = {"Cache-Control": "no-store", "X-Accel-Buffering": "no", "X-Content-Type-Options": "nosniff"}
_QUIET = tuple(section for section in room.SECTIONS if section != "evidence")
"""Sections that a person's command may change: the evidence is the machine's."""

router = APIRouter(include_in_schema=False)


def pages_router() -> APIRouter:
    """Every page, its streams, its forms and its files."""
    return router


def _running(request: Request) -> Running:
    found: Running = request.app.state.fireline
    return found


def _there_is_none(request: Request, who: Who, error: str) -> HTMLResponse:
    return page(request, who, "missing.html", 404, error=error)


@router.get("/")
async def home(request: Request, who: Viewer) -> Response:
    """What waits for a person, every service in one line, and recent incidents."""
    running = _running(request)

    def known() -> dict[str, Any]:
        incidents, services = overview.open_incidents(running), running.services()
        zones = {name: runbook.timezone for name, runbook in running.runbooks.items()}
        return {
            "waiting": overview.waiting(services, incidents),
            "rows": overview.rows(services, incidents),
            "recent": overview.recent(running),
            "zones": zones,
            "severities": [level.value for level in Severity],
            "failed": None,
        }

    return page(request, who, "home.html", **await run_in_threadpool(known))


@router.get("/events")
async def news(request: Request, who: Viewer) -> Response:
    """Says when anything was written."""
    return StreamingResponse(
        stream.wire(stream.of_news(request, _running(request))),
        media_type="text/event-stream",
        headers=_STREAM,
    )


@router.get("/services/{name:path}")
async def service(request: Request, who: Viewer, name: str) -> Response:
    """One service: what answers, what watches it, and what it has left of its promises."""
    running = _running(request)
    if name not in running.runbooks:
        return _there_is_none(request, who, f"There is no service {name}.")

    def known() -> dict[str, Any]:
        view = running.service(name)
        measures = running.store.measures(name)
        first, rest = watched.monitors(view)
        return {
            "view": view,
            "runbook": view.runbook,
            "ladder": watched.ladder(view, measures),
            "first": first,
            "rest": rest,
            "guards": watched.guards(view),
            "traffic": watched.traffic(view, measures),
            "incidents": watched.open_of(running, name),
            "reached": reached,
        }

    found = await run_in_threadpool(known)
    return page(request, who, "service.html", zone=found["runbook"].timezone, **found)


@router.get("/incidents")
async def incidents(request: Request, who: Viewer) -> Response:
    """Incidents, newest first, by service, severity and state."""
    running, asked = _running(request), request.query_params
    wanted = {name: asked.get(name, "") for name in ("service", "severity", "state")}
    number = int(asked["page"]) if asked.get("page", "").isdigit() else 0

    def known() -> dict[str, Any]:
        service = wanted["service"] if wanted["service"] in running.runbooks else None
        names = running.store.incidents(service, open_only=wanted["state"] == "open")
        found = []
        for name in reversed(names):
            incident = running.store.incident(name)
            if wanted["severity"] and (
                incident.severity is None or incident.severity.value != wanted["severity"]
            ):
                continue
            if wanted["state"] not in ("", "open", incident.state.value):
                continue
            found.append(incident)
            if len(found) > (number + 1) * PAGE:
                break
        return {
            "recent": found[number * PAGE : (number + 1) * PAGE],
            "more": len(found) > (number + 1) * PAGE,
            "number": number,
            "services": sorted(running.runbooks),
            "zones": {name: runbook.timezone for name, runbook in running.runbooks.items()},
            "severities": [level.value for level in Severity],
            "states": [state.value for state in State],
            "wanted": wanted,
        }

    return page(request, who, "incidents.html", **await run_in_threadpool(known))


@router.get("/about")
async def about(request: Request, who: Viewer) -> Response:
    """Which Fireline this is, and what it is made of."""
    return page(request, who, "about.html")


@router.get("/docs")
async def docs(request: Request, who: Viewer) -> Response:
    """The HTTP interface, for people to read."""
    base = str(request.base_url).rstrip("/")
    return page(request, who, "interface.html", parts=interface.described(request.app, base))


@router.get("/assets/{name:path}")
async def asset(name: str, v: str = "") -> Response:
    """One of the pages' files; anybody may have them."""
    return await assets.asset(name, v)


@router.get("/incidents/{name}")
async def incident(request: Request, who: Viewer, name: str) -> Response:
    """The incident room."""
    return await _room(request, who, name)


async def _room(
    request: Request, who: Who, name: str, failed: acts.Failed | None = None, status: int = 200
) -> Response:
    running = _running(request)
    newest = request.query_params.get("order") != "oldest"

    def known() -> dict[str, Any]:
        found = room.look(running, name)
        known = room.known_of(found, who, running.clock.now(), csrf_of(request), newest) | {"failed": failed}
        sections = {section: Markup(room.draw_section(found, section, known)) for section in room.SECTIONS}
        return known | {"drawn": sections}

    try:
        told = await run_in_threadpool(known)
    except FirelineError as error:
        return _there_is_none(request, who, error.message)
    told = {key: value for key, value in told.items() if key not in ("who", "csrf", "may_act", "now")}
    return page(request, who, "room.html", status, **told)


@router.get("/incidents/{name}/events")
async def room_events(request: Request, who: Viewer, name: str) -> Response:
    """The room's changes as they are written."""
    running = _running(request)
    since = request.headers.get("last-event-id") or request.query_params.get("since", "")
    newest = request.query_params.get("order") != "oldest"
    if not await run_in_threadpool(running.store.entries, name):
        return Response("there is no such incident\n", 404, media_type="text/plain")
    lines = stream.of_room(
        request, running, name, who, csrf_of(request), int(since) if since.isdigit() else 0, newest
    )
    return StreamingResponse(stream.wire(lines), media_type="text/event-stream", headers=_STREAM)


async def _form(request: Request) -> Mapping[str, str]:
    return {key: value for key, value in (await request.form()).items() if isinstance(value, str)}


@router.post("/incidents")
async def declare(request: Request, who: Responder) -> Response:
    """A person opens an incident that no monitor has seen."""
    running, form = _running(request), await _form(request)
    service, title = form.get("service", ""), form.get("title", "").strip()[:500]
    try:
        if service not in running.runbooks:
            raise StateError(f"there is no service {service!r}", todo="choose one of the list")
        opened = await run_in_threadpool(
            commands.declare,
            running.store,
            running.clock,
            service,
            who.name,
            title,
            form.get("severity") or None,
        )
        await run_in_threadpool(running.wake)
    except (FirelineError, ValueError) as error:
        told = (
            error if isinstance(error, FirelineError) else StateError(str(error), todo="choose SEV1 to SEV3")
        )
        return _said(told) if _quiet(request) else await _home_refused(request, who, told, title)
    where = f"/incidents/{opened.id}"
    if _quiet(request):
        return Response(status_code=204, headers={"HX-Redirect": where})
    return RedirectResponse(where, 303)


async def _home_refused(request: Request, who: Who, error: FirelineError, title: str) -> Response:
    drawn = await run_in_threadpool(overview.recent, _running(request))
    failed = acts.Failed("declare", title, error.message, error.todo)
    return page(
        request, who, "declare.html", 409, failed=failed, services=sorted(_running(request).runbooks),
        severities=[level.value for level in Severity], recent=drawn,
    )  # fmt: skip


@router.post("/incidents/{name}/{command}")
async def act(request: Request, who: Responder, name: str, command: str) -> Response:
    """A command's form. A quiet one (htmx) is answered with what changed, a plain one with the page."""
    running, form = _running(request), await _form(request)
    try:
        await run_in_threadpool(acts.give, running, name, command, who.name, form)
        await run_in_threadpool(running.wake)
    except FirelineError as error:
        if _quiet(request):
            return _said(error)
        return await _room(request, who, name, acts.refused(form, command, error), 409)
    if not _quiet(request):
        return RedirectResponse(f"/incidents/{name}", 303)
    newest = "order=oldest" not in request.headers.get("hx-current-url", "")

    def changed() -> str:
        found = room.look(running, name)
        known = room.known_of(found, who, running.clock.now(), csrf_of(request), newest)
        return "".join(
            f'<div id="room-{section}" hx-swap-oob="innerHTML">'
            f"{room.draw_section(found, section, known)}</div>"
            for section in _QUIET
        )

    return HTMLResponse(await run_in_threadpool(changed), headers=headers())


def _quiet(request: Request) -> bool:
    return request.headers.get("hx-request") == "true"


def _said(error: FirelineError) -> HTMLResponse:
    """The refusal as it stands beside the button."""
    text = (
        environment("UTC").get_template("pages/refused.html").render(message=error.message, todo=error.todo)
    )
    return HTMLResponse(text, 409, headers=headers())
