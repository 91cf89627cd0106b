"""The home page: what waits for a person on top, every service in one line."""

from __future__ import annotations

from datetime import timedelta

import pytest
from starlette.testclient import TestClient

from fireline.terms.timeline import Draft, EntryKind
from tests.support.rooms import SERVICE, Rooms, app_of


@pytest.fixture
def rooms() -> Rooms:
    return Rooms()


@pytest.fixture
def pages(rooms: Rooms) -> TestClient:
    return TestClient(app_of(rooms), follow_redirects=False)


def test_says_so_when_nothing_waits(pages: TestClient) -> None:
    page = pages.get("/").text
    assert "Nothing waits for a person" in page
    assert f'href="/services/{SERVICE}"' in page


def test_an_asked_measure_and_an_unacknowledged_page_wait(rooms: Rooms, pages: TestClient) -> None:
    rooms.open_incident()
    waits = pages.get("/").text.split('id="services-title"')[0]
    assert "Waits for a person" in waits
    assert "rollback of B to A?" in waits
    assert "unanswered, it is left alone" in waits
    assert "acknowledge" in waits
    assert waits.index("answer") < waits.index("acknowledge"), "what decides itself comes first"


def test_what_was_answered_waits_no_more(rooms: Rooms, pages: TestClient) -> None:
    rooms.open_incident()
    rooms.write("inc-1", Draft(EntryKind.DENIED, "no", {"measure": "msr-1"}, by="ada"),
                Draft(EntryKind.ACKED, "ada has it", {"person": "ada"}, by="ada"))  # fmt: skip
    assert "Nothing waits for a person" in pages.get("/").text


def test_what_calls_anew_has_to_be_acknowledged_anew(rooms: Rooms, pages: TestClient) -> None:
    rooms.open_incident(asked=False)
    rooms.write("inc-1", Draft(EntryKind.ACKED, "ada has it", {"person": "ada"}, by="ada"))
    assert "Nothing waits for a person" in pages.get("/").text
    alert = dict(rooms.store.incident("inc-1").alerts[0], id="alr-9")
    rooms.write("inc-1", Draft(EntryKind.ALERTED, "another page", {"alert": alert}))
    assert "Nothing waits for a person" in pages.get("/").text, "the same incident calls once"
    rooms.write("inc-1", Draft(EntryKind.SEVERITY, "worse", {"severity": "SEV1"}))
    assert "Waits for a person" in pages.get("/").text


def test_a_measure_in_force_counts_down(rooms: Rooms, pages: TestClient) -> None:
    rooms.open_incident()
    rooms.write("inc-1", Draft(EntryKind.APPROVED, "yes", {"measure": "msr-1"}, by="ada"))
    rooms.perform("inc-1")
    page = pages.get("/").text
    assert "confirmed, ends" in page
    assert 'data-until="2013-03-19T11:20:00Z"' in page


def test_trouble_is_told_where_it_is_seen_first(rooms: Rooms, pages: TestClient) -> None:
    rooms.trouble = "No baseline: run `fireline init`."
    page = pages.get("/").text
    assert page.index("No baseline") < page.index('id="services-title"')


def test_incidents_are_filtered(rooms: Rooms, pages: TestClient) -> None:
    rooms.open_incident("inc-1", title="the first one")
    rooms.open_incident("inc-2", title="the second one", asked=False)
    rooms.write("inc-2", Draft(EntryKind.MOVED, "false alarm", {"to": "declined"}, by="ada"))
    every, still = pages.get("/incidents").text, pages.get("/incidents?state=open").text
    assert every.index("the second one") < every.index("the first one"), "newest first"
    assert "the first one" in still
    assert "the second one" not in still
    assert "the first one" not in pages.get("/incidents?state=declined").text
    assert "the first one" in pages.get("/incidents?severity=SEV2").text
    assert "the first one" not in pages.get("/incidents?severity=SEV1").text


def test_a_person_declares_an_incident(rooms: Rooms, pages: TestClient) -> None:
    assert "Declare" in pages.get("/").text
    answer = pages.post(
        "/incidents", data={"service": SERVICE, "title": "Gates show yesterday's delays", "severity": "SEV1"}
    )
    assert answer.status_code == 303
    opened = rooms.store.incident(answer.headers["location"].split("/")[-1])
    assert (opened.title, opened.severity, opened.timeline[0].by) == (
        "Gates show yesterday's delays",
        "SEV1",
        "ada",
    )
    assert rooms.woken == 1


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"service": SERVICE, "title": " "}, "needs a title"),
        ({"service": "nobody", "title": "x"}, "no service"),
        ({"service": SERVICE, "title": "kept words", "severity": "SEV9"}, "SEV"),
    ],
)
def test_a_bad_declaration_says_why_and_loses_nothing(
    pages: TestClient, form: dict[str, str], said: str
) -> None:
    answer = pages.post("/incidents", data=form)
    assert answer.status_code == 409
    assert said in answer.text
    assert form["title"].strip() in answer.text


def test_an_old_event_is_said_to_be_old(rooms: Rooms, pages: TestClient) -> None:
    assert "12 s ago" in pages.get("/").text
    assert rooms.service(SERVICE).last_event == rooms.clock.now() - timedelta(seconds=12)
