"""The web application: pages for people, an API for programs, in front of one running Fireline."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from fireline import __version__
from fireline.clock import SystemClock
from fireline.live.running import Running
from fireline.telemetry.otlp.messages import Calls
from fireline.web.api import answers, arrivals, baselines, health, incidents, otlp, switches, telemetry
from fireline.web.auth.access import Access
from fireline.web.auth.protect import protect, refuse_unguarded
from fireline.web.pages import pages_router, usual

ABOUT = "Incident response for machine-learning services: events and labels in, switches out, people between."


def create_app(running: Running, access: Access, begin: bool = True) -> FastAPI:
    """The app of ``running``; ``begin`` starts its loop with the app and ends it with it.

    Raises FirelineError when a route forgot to say who may use it.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        if begin:
            running.start()
        yield
        running.stop()

    app = FastAPI(
        title="Fireline", version=__version__, description=ABOUT, lifespan=lifespan, docs_url=None,
        redoc_url=None,
    )  # fmt: skip
    app.state.fireline = running
    app.state.calls = Calls()
    answers.install(app)
    app.add_exception_handler(Exception, _unexpected)
    for part in (telemetry, otlp, switches, incidents, baselines, arrivals, health):
        app.include_router(part.router)
    app.include_router(usual.router)
    app.include_router(pages_router())
    protect(app, running.store, SystemClock(), access)
    refuse_unguarded(app)
    return app


async def _unexpected(request: Request, error: Exception) -> Response:
    """What nobody foresaw: said without its inside, which is in the server's log."""
    said = {"error": f"something went wrong inside Fireline ({type(error).__name__})",
            "todo": "see the server's log; the loop goes on", "permanent": False}  # fmt: skip
    return JSONResponse(said, 500)
