"""The first admin: one link, one hour, one use."""

from __future__ import annotations

import logging
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

from fireline.web.auth import Access, setup_link
from fireline.web.auth.protect import WithoutSecrets
from tests.auth.conftest import PAGE, PASSWORD, Door

AT = "https://fireline.example"


def link(door: Door) -> tuple[str, str]:
    made = setup_link(door.store, door.clock, Access(), AT)
    assert made is not None
    assert made.startswith(f"{AT}/setup?token=")
    return made.removeprefix(AT), parse_qs(urlsplit(made).query)["token"][0]


def fields(token: str, name: str = "Ada", password: str = PASSWORD, again: str = "") -> dict[str, str]:
    return {"token": token, "name": name, "password": password, "again": again or password}


def test_the_link_makes_the_first_admin_and_signs_them_in(door: Door) -> None:
    browser = door.browser(door.app())
    assert "server printed a link" in browser.get("/login").text
    path, token = link(door)
    form = browser.get(path, headers=PAGE)
    assert form.status_code == 200
    assert token in form.text
    assert form.headers["Cache-Control"] == "no-store"
    made = browser.post("/setup", data=fields(token))
    assert (made.status_code, made.headers["location"]) == (303, "/")
    assert browser.get("/v1/incidents").json() == {"name": "ada", "role": "admin", "how": "session"}


def test_the_link_works_once(door: Door) -> None:
    browser, (path, token) = door.browser(door.app()), link(door)
    assert browser.post("/setup", data=fields(token)).status_code == 303
    assert browser.post("/setup", data=fields(token, "eve")).status_code == 403
    assert browser.get(path).status_code == 403
    assert [user.name for user in door.people.users()] == ["ada"]
    assert setup_link(door.store, door.clock, Access(), AT) is None


def test_the_link_works_an_hour(door: Door) -> None:
    browser, (path, token) = door.browser(door.app()), link(door)
    door.clock.advance(timedelta(minutes=59))
    assert browser.get(path).status_code == 200
    door.clock.advance(timedelta(minutes=1))
    assert browser.get(path).status_code == 403
    assert browser.post("/setup", data=fields(token)).status_code == 403
    assert door.people.users() == []


def test_a_newer_link_ends_the_one_before_and_a_guess_gets_nothing(door: Door) -> None:
    browser, (old, _), (new, _) = door.browser(door.app()), link(door), link(door)
    assert browser.get(old).status_code == 403
    assert browser.get(new).status_code == 200
    for guess in ("", "x", "0" * 43):
        assert browser.get("/setup", params={"token": guess}).status_code == 403
        assert browser.post("/setup", data=fields(guess)).status_code == 403


def test_somebody_made_otherwise_ends_the_link(door: Door) -> None:
    browser, (path, token) = door.browser(door.app()), link(door)
    door.user("bob", "viewer")
    assert browser.get(path).status_code == 403
    assert browser.post("/setup", data=fields(token)).status_code == 403


def test_a_slip_does_not_use_the_link_up(door: Door) -> None:
    browser, (_, token) = door.browser(door.app()), link(door)
    slips = [
        fields(token, password="short"),
        fields(token, again="not the same at all"),
        fields(token, name="Ada Lovelace!"),
        fields(token, password="aaaaaaaaaaaaaaaa"),
    ]
    for slip in slips:
        said = browser.post("/setup", data=slip)
        assert said.status_code == 422
        assert 'class="error"' in said.text
        assert PASSWORD not in said.text
    assert browser.post("/setup", data=fields(token)).status_code == 303


def test_an_open_door_needs_no_link(door: Door) -> None:
    assert setup_link(door.store, door.clock, Access(open_on_loopback=True), AT) is None


def test_the_access_log_does_not_have_the_link() -> None:
    told = ("127.0.0.1:5", "GET", "/setup?token=abc-DEF_123&x=1", "1.1", 200)
    record = logging.LogRecord("uvicorn.access", 20, "", 0, '%s - "%s %s HTTP/%s" %d', told, None)
    assert WithoutSecrets().filter(record)
    assert record.getMessage() == '127.0.0.1:5 - "GET /setup?token=...&x=1 HTTP/1.1" 200'
