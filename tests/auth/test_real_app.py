"""Fireline's own app: every route it has, walked by those who may not."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import cast

import pytest
from fastapi import FastAPI

from fireline.live.running import Running
from fireline.web.app import create_app
from fireline.web.auth import Access
from fireline.web.auth.protect import allowed, routes
from tests.auth.conftest import Door
from tests.auth.test_roles import UNSAFE

OPEN = {"/healthz", "/readyz", "/login", "/login/door.css", "/setup", "/assets/x"}
OWN = {"/logout", "/account"}


@pytest.fixture
def app(door: Door) -> FastAPI:
    running = cast(Running, SimpleNamespace(store=door.store))  # nobody here gets further than the gate
    return create_app(running, Access(), begin=False)


def paths(app: FastAPI) -> set[str]:
    return {re.sub(r"\{[^}]*\}", "x", str(route.path)) for route in routes(app)}


def test_a_viewer_can_do_nothing_but_look(app: FastAPI, door: Door) -> None:
    door.user("vic", "viewer")
    browser, csrf = door.signed_in(app, "vic")
    own, bearer = {"X-CSRF-Token": csrf}, door.token("viewer")
    every = paths(app) - OPEN - OWN
    assert {"/v1/events", "/v1/incidents/x/x", "/incidents/x/x", "/v1/drill/clock"} <= every
    for path in sorted(every):
        for method in UNSAFE:
            query = {"service": "pricing"}
            got = browser.request(method, path, headers=own, params=query).status_code
            by_token = door.browser(app).request(method, path, headers=bearer, params=query).status_code
            assert (got, by_token) == (403, 403), f"{method} {path}"


def test_a_stranger_can_not_even_look(app: FastAPI, door: Door) -> None:
    stranger = door.browser(app)
    for path in sorted(paths(app) - OPEN):
        for method in ("GET", "HEAD", *UNSAFE):
            assert stranger.request(method, path).status_code == 401, f"{method} {path}"


def test_every_route_that_changes_something_says_itself_who_may(app: FastAPI) -> None:
    """The gate would keep a viewer out anyway; this is the second lock."""
    looking = {"GET", "HEAD", "OPTIONS"}
    changing = [
        route
        for route in routes(app)
        if set(getattr(route, "methods", None) or ()) - looking and str(route.path) not in OPEN | OWN
    ]
    assert len(changing) > 8
    for route in changing:
        assert allowed(route.dependant) & {"responder", "admin", "ingest"}, route.path


@pytest.mark.parametrize("scope", ["ingest", "switches", "guard"])
def test_a_programs_token_opens_no_page(app: FastAPI, door: Door, scope: str) -> None:
    bearer = door.token(scope, "pricing")  # type: ignore[arg-type]
    browser = door.browser(app)
    for path in sorted(path for path in paths(app) - OPEN if not path.startswith("/v1/")):
        assert browser.get(path, headers=bearer).status_code == 403, path
    for path in ("/v1/incidents", "/v1/services", "/v1/services/pricing", "/v1/incidents/x"):
        assert browser.get(path, headers=bearer).status_code == 403, path
