"""The pages in the whole application, behind its gate: who may look, who may act, and the proof that a form is ours."""

# ruff: noqa: E501
from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from fireline.clock import SystemClock
from fireline.live.running import Running
from fireline.store import Store
from fireline.store.people import People
from fireline.terms.people import Level, User
from fireline.terms.timeline import Draft, EntryKind
from fireline.web.app import create_app
from fireline.web.auth import Access
from fireline.web.auth.passwords import hashed

PASSWORD = "correct horse battery staple"


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    with Store.open(tmp_path / "store.sqlite") as store:
        now = SystemClock().now()
        for name, role in (("ada", "responder"), ("vic", "viewer")):
            People(store).add_user(user(name, role, now))
        with store.begin() as tx:
            tx.append(
                "inc-1",
                Draft(EntryKind.OPENED, "declared", {"service": "s", "mode": "real", "title": "t"}),
                now,
            )
        yield Running(store, tmp_path, [])


def user(name: str, role: Level, now: object) -> User:
    return User(name, role, hashed(PASSWORD), now)  # type: ignore[arg-type]


def signed_in(running: Running, name: str) -> TestClient:
    client = TestClient(
        create_app(running, Access(), begin=False), base_url="http://testserver", follow_redirects=False
    )
    answer = client.post("/login", data={"name": name, "password": PASSWORD})
    assert answer.status_code == 303, answer.text
    return client


def test_a_stranger_is_sent_to_sign_in_and_still_gets_the_looks(running: Running) -> None:
    client = TestClient(create_app(running, Access(), begin=False), follow_redirects=False)
    for path in ("/", "/incidents/inc-1", "/incidents/inc-1/events", "/events"):
        answer = client.get(path, headers={"accept": "text/html"})
        assert answer.status_code in (302, 303, 401), path
        assert "inc-1" not in answer.text
    assert client.get("/assets/report.css").status_code == 200


def test_a_form_of_ours_is_taken_and_another_is_not(running: Running) -> None:
    client = signed_in(running, "ada")
    page = client.get("/incidents/inc-1").text
    found = re.search(r'name="csrf" value="([^"]{16,})"', page)
    assert found is not None
    assert client.post("/incidents/inc-1/note", data={"text": "x", "csrf": "made up"}).status_code == 403
    assert client.post("/incidents/inc-1/note", data={"text": "x"}).status_code == 403
    assert client.post("/incidents/inc-1/note", data={"text": "mine", "csrf": found[1]}).status_code == 303
    told = running.store.entries("inc-1")
    assert [(entry.by, entry.because) for entry in told[1:]] == [("ada", "mine")]


def test_a_viewer_may_look_and_nothing_else(running: Running) -> None:
    client = signed_in(running, "vic")
    page = client.get("/incidents/inc-1")
    assert page.status_code == 200
    assert "hx-post" not in page.text
    csrf = re.search(r'name="csrf" value="([^"]+)"', page.text)
    assert csrf is not None, "to log out"
    assert client.post("/incidents/inc-1/note", data={"text": "x", "csrf": csrf[1]}).status_code == 403
    assert len(running.store.entries("inc-1")) == 1
