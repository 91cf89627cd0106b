"""An app with one route of every sort behind the gate, a store, and a clock that is moved by hand."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import pytest
from fastapi import APIRouter, Depends, FastAPI
from fastapi.testclient import TestClient
from starlette.requests import Request
from starlette.responses import HTMLResponse

from fireline.clock import ManualClock
from fireline.store import Store
from fireline.store.people import People
from fireline.terms.people import Level, Scope, User
from fireline.web.auth import Access, Caller, Who, admin, protect, responder, service_token, viewer, who_asks
from fireline.web.auth import tokens as token_making
from fireline.web.auth.passwords import hashed

T0 = datetime(2026, 3, 18, 6, tzinfo=UTC)
PASSWORD = "correct horse battery staple"
ADDRESS = ("198.51.100.7", 50000)


@pytest.fixture(scope="session")
def password_hash() -> str:
    return hashed(PASSWORD)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("template") / "store.sqlite"
    Store.open(file).close()
    return file


@pytest.fixture
def store(template: Path, tmp_path: Path) -> Iterator[Store]:
    with Store.open(shutil.copyfile(template, tmp_path / "fireline.sqlite")) as opened:
        yield opened


@pytest.fixture
def people(store: Store) -> People:
    return People(store)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(T0)


def plain_app() -> FastAPI:
    """One route of every sort; what it says is who asked."""
    app, v1 = FastAPI(docs_url=None, redoc_url=None), APIRouter(prefix="/v1")

    @app.get("/")
    def home(who: Annotated[Who, Depends(viewer)]) -> HTMLResponse:
        return HTMLResponse(f"<p>{who.name}</p>")

    @app.get("/healthz")
    def healthz(request: Request) -> str:
        who = who_asks(request)
        return who.name if who else "a stranger"

    @v1.get("/incidents")
    def incidents(who: Annotated[Who, Depends(viewer)]) -> dict[str, str]:
        return {"name": who.name, "role": who.role, "how": who.how}

    @v1.post("/incidents/{id}/{command}")
    async def command(
        request: Request, id: str, command: str, who: Annotated[Who, Depends(responder)]
    ) -> str:
        form = await request.form()
        return f"{who.name} {command} {id} {form.get('text', '')}"

    @v1.put("/people/{name}")
    def promote(name: str, who: Annotated[Who, Depends(admin)]) -> str:
        return who.name

    @v1.delete("/silences/{id}")
    def unsilence(id: str, who: Annotated[Who, Depends(responder)]) -> str:
        return who.name

    @v1.post("/events")
    async def events(
        request: Request, service: str, caller: Annotated[Caller, Depends(service_token("ingest"))]
    ) -> dict[str, object]:
        return {"by": caller.name, "bytes": len(await request.body())}

    @v1.post("/changes")
    def changes(caller: Annotated[Caller, Depends(service_token("ingest"))]) -> str:
        caller.require("pricing")
        return caller.name

    @v1.get("/switches/{service}")
    def switches(service: str, caller: Annotated[Caller, Depends(service_token("switches"))]) -> str:
        return caller.name

    app.include_router(v1)
    return app


class Door:
    """Makes apps, people, tokens and browsers for one store."""

    def __init__(self, store: Store, clock: ManualClock, password_hash: str) -> None:
        self.store, self.clock, self.hash, self.people = store, clock, password_hash, People(store)
        self.access = Access()

    def app(self, access: Access | None = None, build: Callable[[], FastAPI] = plain_app) -> FastAPI:
        app = build()
        protect(app, self.store, self.clock, access or self.access)
        return app

    def browser(
        self, app: FastAPI, at: str = "http://fireline.example", client: tuple[str, int] = ADDRESS
    ) -> TestClient:
        return TestClient(
            app, base_url=at, client=client, follow_redirects=False, raise_server_exceptions=False
        )

    def user(self, name: str, role: Level) -> User:
        user = User(name, role, self.hash, self.clock.now())
        self.people.add_user(user)
        return user

    def token(self, scope: Scope, service: str | None = None, name: str = "") -> dict[str, str]:
        token, text = token_making.make(name or f"{scope} of {service}", scope, service, self.clock.now())
        self.people.add_token(token)
        return {"Authorization": f"Bearer {text}"}

    def signed_in(
        self, app: FastAPI, name: str, at: str = "http://fireline.example"
    ) -> tuple[TestClient, str]:
        """A browser in which ``name`` is signed in, and what its forms carry."""
        browser = self.browser(app, at)
        answer = sign_in(browser, name)
        assert answer.status_code == 303, answer.text
        return browser, csrf_in(browser)


def sign_in(browser: TestClient, name: str, password: str = PASSWORD, **more: str) -> object:
    return browser.post("/login", data={"name": name, "password": password, **more})


def csrf_in(browser: TestClient) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', browser.get("/account", headers=PAGE).text)
    assert found is not None
    return found[1]


PAGE = {"Accept": "text/html,application/xhtml+xml"}


@pytest.fixture
def door(store: Store, clock: ManualClock, password_hash: str) -> Door:
    return Door(store, clock, password_hash)
