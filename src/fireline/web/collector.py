"""The collector's application: takes events and labels of services without a runbook, and judges nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Header, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from fireline import __version__
from fireline.clock import SystemClock, iso
from fireline.errors import InputError
from fireline.live.collecting import Collection
from fireline.live.keys import NOTHING, nothing_signed
from fireline.store import Store
from fireline.web.api import answers
from fireline.web.auth.access import Access
from fireline.web.auth.protect import protect, refuse_unguarded
from fireline.web.auth.who import Caller, looker_or_sender, service_token

Ingest = Annotated[Caller, Depends(service_token("ingest"))]
LONGEST = 25.0


def create_collector(store: Store, collected: Mapping[str, Collection], access: Access) -> FastAPI:
    """The app that writes what comes to ``collected`` (by service). Tokens are the store's, and stay valid
    when `fireline serve` takes over the folder."""
    app = FastAPI(title="Fireline, collecting", version=__version__, redoc_url=None)
    answers.install(app)

    def of(service: str) -> Collection:
        if service not in collected:
            raise InputError(
                f"there is no service {service!r} here", todo=f"use one of: {', '.join(sorted(collected))}"
            )
        return collected[service]

    async def take(request: Request, kind: str, service: str) -> dict[str, Any]:
        body, heads = await request.body(), request.headers
        form = heads.get("content-type", "application/x-ndjson")
        key, encoding = heads.get("idempotency-key", "")[:200], heads.get("content-encoding", "")
        answer = await run_in_threadpool(of(service).take, kind, body, form, key, encoding)
        return answer.as_json()

    @app.post("/v1/events")
    async def events(request: Request, service: Annotated[str, Query()], caller: Ingest) -> dict[str, Any]:
        """Take events; answered once they are on disk."""
        return await take(request, "events", service)

    @app.post("/v1/labels")
    async def labels(request: Request, service: Annotated[str, Query()], caller: Ingest) -> dict[str, Any]:
        """Take labels; answered once they are on disk."""
        return await take(request, "labels", service)

    @app.get("/v1/switches/{service}")
    async def switch(
        request: Request, service: str, caller: Annotated[Caller, Depends(service_token("switches"))],
        wait: Annotated[float, Query(ge=0)] = 0.0,
        if_none_match: Annotated[str, Header(alias="If-None-Match", max_length=100)] = "",
    ) -> Response:  # fmt: skip
        """There is no switch here: version 0, signed, so that a guard knows that it is heard."""
        of(service)
        if if_none_match.strip().removeprefix("W/").strip('"') == str(NOTHING.version):
            await _hang_up_or(request, min(wait, LONGEST))
            return Response(status_code=304, headers={"ETag": f'"{NOTHING.version}"'})
        text, signed = await run_in_threadpool(nothing_signed, store, service)
        return JSONResponse({"switch": text, "signature": signed}, headers={"ETag": f'"{NOTHING.version}"'})

    @app.get("/v1/services/{service}/arrivals")
    async def arrivals(service: str, who: Annotated[str, Depends(looker_or_sender)]) -> dict[str, Any]:
        """How much was collected."""
        one = of(service)
        return {"service": service, "collecting": True, "folder": str(one.folder), "rows": dict(one.rows),
                "last": iso(one.last) if one.last else None, "asks": who}  # fmt: skip

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        """The process answers."""
        return {"status": "ok"}

    @app.get("/readyz")
    async def readyz() -> dict[str, Any]:
        """It takes events, and judges nothing."""
        return {"status": "collecting", "services": sorted(collected)}

    protect(app, store, SystemClock(), access)
    refuse_unguarded(app)
    return app


async def _hang_up_or(request: Request, seconds: float) -> None:
    """Wait so long, or until whoever asks has gone."""
    from anyio import sleep

    while seconds > 0 and not await request.is_disconnected():
        await sleep(min(1.0, seconds))
        seconds -= 1.0
