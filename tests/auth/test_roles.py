"""Who may do what: a viewer looks and nothing else, a stranger not even that."""

from __future__ import annotations

from typing import Annotated

import pytest
from fastapi import APIRouter, Depends, FastAPI
from fastapi.testclient import TestClient

from fireline.errors import FirelineError
from fireline.terms.people import Scope
from fireline.web.auth import Who, refuse_unguarded, unguarded, viewer
from fireline.web.auth.protect import routes
from tests.auth.conftest import PAGE, Door

UNSAFE = ("POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND")


def every_path(app: FastAPI) -> list[str]:
    paths = {str(route.path).replace("{", "").replace("}", "") for route in routes(app)}
    return sorted(paths - {"/login", "/login/door.css", "/logout", "/setup", "/account"})


def test_a_viewer_can_do_nothing_but_look_on_any_route_by_any_method(door: Door) -> None:
    app = door.app()

    @app.post("/v1/forgotten")
    @app.delete("/forgotten")
    def forgotten() -> str:
        return "done"

    door.user("vic", "viewer")
    browser, csrf = door.signed_in(app, "vic")
    bearer = door.token("viewer")
    paths = every_path(app)
    assert {"/v1/incidents/id/command", "/v1/events", "/v1/forgotten", "/forgotten"} <= set(paths)
    for path in paths:
        for method in UNSAFE:
            said = browser.request(
                method, path, headers={"X-CSRF-Token": csrf}, params={"service": "pricing"}
            )
            open_to_all = path == "/healthz" and said.status_code == 405
            assert said.status_code == 403 or open_to_all, f"{method} {path}: {said.status_code}"
            by_token = door.browser(app).request(method, path, headers=bearer, params={"service": "pricing"})
            assert by_token.status_code == 403 or path == "/healthz", f"{method} {path} by token"
    assert browser.get("/v1/incidents").json() == {"name": "vic", "role": "viewer", "how": "session"}


def test_a_stranger_reaches_what_is_open_and_nothing_else(door: Door) -> None:
    app = door.app()
    stranger = door.browser(app)
    for path in every_path(app):
        for method in ("GET", *UNSAFE):
            said = stranger.request(method, path)
            assert said.status_code == 401 or path == "/healthz", f"{method} {path}: {said.status_code}"
            if path != "/healthz":
                assert said.headers["WWW-Authenticate"].startswith("Bearer")
    assert stranger.get("/healthz").json() == "a stranger"


def test_a_person_who_is_not_signed_in_is_led_to_the_login_and_back(door: Door) -> None:
    stranger = door.browser(door.app())
    said = stranger.get("/v1/incidents?open=1", headers=PAGE)
    assert (said.status_code, said.headers["location"]) == (303, "/login?next=%2Fv1%2Fincidents%3Fopen%3D1")
    door.user("ada", "admin")
    form = stranger.get(said.headers["location"], headers=PAGE)
    assert 'value="/v1/incidents?open=1"' in form.text


@pytest.mark.parametrize(
    ("role", "may"), [("viewer", [False, False]), ("responder", [True, False]), ("admin", [True, True])]
)
def test_each_role_may_what_the_ones_below_may(door: Door, role: Scope, may: list[bool]) -> None:
    browser, bearer = door.browser(door.app()), door.token(role)
    done = [
        browser.post("/v1/incidents/inc-1/ack", headers=bearer).status_code == 200,
        browser.put("/v1/people/vic", headers=bearer).status_code == 200,
    ]
    assert done == may
    assert browser.get("/v1/incidents", headers=bearer).json()["how"] == "token"


def test_a_role_taken_away_is_gone_with_the_next_request(door: Door) -> None:
    app = door.app()
    door.user("ada", "admin")
    door.user("bob", "admin")
    browser, csrf = door.signed_in(app, "bob")
    assert browser.put("/v1/people/x", headers={"X-CSRF-Token": csrf}).status_code == 200
    door.people.change_user("bob", role="viewer")
    refused = browser.put("/v1/people/x", headers={"X-CSRF-Token": csrf})
    assert refused.status_code == 403
    assert "fireline user role bob" in refused.json()["todo"]


def test_a_route_that_forgot_to_say_who_may_is_found_before_the_server_starts(door: Door) -> None:
    app = door.app()
    assert unguarded(app) == []
    refuse_unguarded(app)
    below, deeper = APIRouter(prefix="/deep"), APIRouter(prefix="/deeper")

    @deeper.post("/bad")
    def bad() -> str:
        return "done"

    @deeper.post("/good")
    def good(who: Annotated[Who, Depends(viewer)]) -> str:
        return who.name

    below.include_router(deeper)
    app.include_router(below)
    app.include_router(APIRouter(routes=deeper.routes[:1]), prefix="/kept", dependencies=[Depends(viewer)])
    assert unguarded(app) == ["POST /deep/deeper/bad"]
    with pytest.raises(FirelineError, match="/deep/deeper/bad"):
        refuse_unguarded(app)


def test_without_the_gate_nobody_gets_in() -> None:
    app = FastAPI()

    @app.get("/")
    def home(who: Annotated[Who, Depends(viewer)]) -> str:
        return who.name

    assert TestClient(app).get("/").status_code == 401
