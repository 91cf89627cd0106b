"""Is it well: /healthz, /readyz, and /metrics for Prometheus; and the drill's clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, PlainTextResponse, Response

from fireline.clock import iso, parse_time
from fireline.errors import FirelineError, InputError
from fireline.live.running import Running
from fireline.live.views import ServiceView, SourceView
from fireline.terms.incident import OVER
from fireline.web.api.answers import running_of
from fireline.web.auth.who import Who, admin, viewer

router = APIRouter()
LEAP = timedelta(days=366)


@router.get("/healthz", tags=["health"])
async def healthz() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.get("/readyz", tags=["health"])
async def readyz(request: Request) -> Response:
    """It can take events and give switches: the store answers, and no service is in trouble."""
    running = running_of(request)

    def look() -> dict[str, str]:
        try:
            running.store.incidents(open_only=True)
        except FirelineError as error:
            return {"store": str(error)}
        return {name: said for name in running.pulses if (said := running.trouble(name)) and running.leads}

    trouble = await run_in_threadpool(look)
    if trouble:
        return JSONResponse({"status": "in trouble", "trouble": sorted(trouble)}, 503)
    return JSONResponse({"status": "ready"})


@router.get("/metrics", tags=["health"], response_class=PlainTextResponse)
async def metrics(request: Request, who: Annotated[Who, Depends(viewer)]) -> str:
    """Fireline's own figures, as Prometheus reads them."""
    running = running_of(request)
    return await run_in_threadpool(lambda: "\n".join(_lines(running)) + "\n")


def _lines(running: Running) -> Iterator[str]:
    views = running.services()
    for name, kind, help_, value in (
        ("events_total", "counter", "Events counted since the process began.", lambda v: v.events),
        ("late_events_total", "counter", "Events that came too late to be judged.", lambda v: v.late),
        ("duplicate_events_total", "counter", "Events seen before.", lambda v: v.duplicates),
        ("quarantined_rows_total", "counter", "Rows put aside.", lambda v: v.quarantined),
        ("spool_bytes", "gauge", "Bytes taken and not yet counted.", lambda v: v.waiting),
        ("guards", "gauge", "Guards that listen.", lambda v: len(v.guards)),
        ("guards_stale", "gauge", "Guards that are stale.", lambda v: sum(g.stale for g in v.guards)),
        ("monitors_alerting", "gauge", "Monitors that alert.",
         lambda v: sum(m.state == "alert" for m in v.monitors)),
        ("judged_lag_seconds", "gauge", "How far judging is behind the watermark.", _lag),
        ("in_trouble", "gauge", "1 when the service is not judged.", lambda v: int(bool(v.trouble))),
    ):  # fmt: skip
        yield f"# HELP fireline_{name} {help_}"
        yield f"# TYPE fireline_{name} {kind}"
        for view in views:
            yield f'fireline_{name}{{service="{_quoted(view.name)}"}} {value(view)}'
    yield from _sources(views)
    yield "# HELP fireline_incidents_open Incidents that are not over."
    yield "# TYPE fireline_incidents_open gauge"
    for view in views:
        for severity, n in sorted(_open(running, view.name).items()):
            yield f'fireline_incidents_open{{service="{_quoted(view.name)}",severity="{severity}"}} {n}'
    yield "# HELP fireline_leads 1 when this server judges and acts."
    yield "# TYPE fireline_leads gauge"
    yield f"fireline_leads {int(running.leads)}"


def _sources(views: Sequence[ServiceView]) -> Iterator[str]:
    """What is pulled: figures of each source."""
    figures: tuple[tuple[str, str, str, Callable[[SourceView], float]], ...] = (
        ("rows_total", "counter", "Rows taken from a source.", lambda s: s.rows),
        ("quarantined_rows_total", "counter", "Rows of a source put aside.", lambda s: s.bad),
        ("failures_total", "counter", "Looks at a source that failed.", lambda s: s.failures),
        ("failing", "gauge", "1 while a source cannot be read.", lambda s: int(bool(s.trouble))),
        ("looked_at_seconds", "gauge", "When a source was last read without trouble, in Unix time.",
         lambda s: s.looked.timestamp() if s.looked else 0),
    )  # fmt: skip
    for name, kind, help_, value in figures:
        yield f"# HELP fireline_source_{name} {help_}"
        yield f"# TYPE fireline_source_{name} {kind}"
        for view in views:
            for one in view.sources:
                labels = f'service="{_quoted(view.name)}",source="{_quoted(one.name)}",kind="{one.kind}"'
                yield f"fireline_source_{name}{{{labels}}} {value(one)}"


def _lag(view: ServiceView) -> float:
    if view.watermark is None or view.judged_until is None:
        return 0.0
    return max(0.0, (view.watermark - view.judged_until).total_seconds())


def _open(running: Running, service: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for name in running.store.incidents(service, open_only=True):
        incident = running.store.incident(name)
        if incident.state not in OVER:
            level = incident.severity.value if incident.severity else "none"
            found[level] = found.get(level, 0) + 1
    return found


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


class ClockTo(BaseModel):
    """Where the drill clock is to be moved."""

    to: str


@router.post("/v1/drill/clock", tags=["drill"])
async def move(request: Request, told: ClockTo, who: Annotated[Who, Depends(admin)]) -> dict[str, Any]:
    """Move the drill clock: answered once everything that is due then was done. Only in drill mode."""
    try:
        to: datetime = parse_time(told.to)
    except ValueError:
        raise InputError(f"{told.to!r} is not a time", todo="write 2026-03-01T06:00:00Z") from None
    running = running_of(request)
    if to > running.clock.now() + LEAP:
        raise InputError(f"{told.to} is more than a year ahead", todo="move the clock in smaller steps")
    return {"now": iso(await run_in_threadpool(running.move_clock, to))}
