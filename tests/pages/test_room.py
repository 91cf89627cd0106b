"""The incident room: what it shows, and what a form does to the journal."""

# ruff: noqa: E501
from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from fireline.terms.incident import State
from fireline.terms.measure import MeasureState
from fireline.terms.timeline import Draft, EntryKind
from tests.support import sample_incidents
from tests.support.rooms import Rooms, app_of

QUIET = {"hx-request": "true"}


@pytest.fixture
def rooms() -> Rooms:
    made = Rooms()
    made.open_incident()
    return made


@pytest.fixture
def pages(rooms: Rooms) -> TestClient:
    return TestClient(app_of(rooms), follow_redirects=False)


def approved(rooms: Rooms) -> None:
    rooms.write("inc-1", Draft(EntryKind.APPROVED, "yes", {"measure": "msr-1"}, by="ada"))
    rooms.perform("inc-1")


def state(rooms: Rooms, name: str = "msr-1") -> MeasureState:
    return rooms.store.measure(name).state


def test_the_room_tells_all_of_the_incident(pages: TestClient) -> None:
    page = pages.get("/incidents/inc-1").text
    for told in (
        "SEV2", "dep_hour of version B moved since its deploy", "18 March 2013, 05:54 to 06:14", "Rollback of B to A",
        "it is left alone", "A deploy", "81 %", "Compare B&#39;s and A&#39;s feature code", "nobody", "by nobody",
        'class="chart series', "Evidence", "starts 4 minutes after the deploy",
    ):  # fmt: skip
        assert told.lower() in page.lower(), told


def test_an_unknown_incident_is_a_page_that_says_so(pages: TestClient) -> None:
    answer = pages.get("/incidents/inc-none")
    assert answer.status_code == 404
    assert "no incident inc-none" in answer.text


def test_approve_by_a_plain_form_leads_back_to_the_room(rooms: Rooms, pages: TestClient) -> None:
    answer = pages.post("/incidents/inc-1/approve", data={"measure": "msr-1", "text": "A is fine"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/incidents/inc-1")
    assert state(rooms) is MeasureState.REQUESTED
    last = rooms.store.entries("inc-1")[-1]
    assert (last.kind, last.by, last.because) == (EntryKind.APPROVED, "ada", "A is fine")
    assert rooms.woken == 1, "the loop is told at once"


def test_a_quiet_form_is_answered_with_what_changed(rooms: Rooms, pages: TestClient) -> None:
    answer = pages.post("/incidents/inc-1/deny", data={"measure": "msr-1"}, headers=QUIET)
    assert answer.status_code == 200
    assert 'id="room-ledger" hx-swap-oob="innerHTML"' in answer.text
    assert "denied" in answer.text
    assert "<html" not in answer.text
    assert 'id="room-evidence"' not in answer.text
    assert state(rooms) is MeasureState.DENIED


@pytest.mark.parametrize("headers", [{}, QUIET])
def test_a_refusal_says_why_and_what_to_do(rooms: Rooms, pages: TestClient, headers: dict[str, str]) -> None:
    approved(rooms)
    before = len(rooms.store.entries("inc-1"))
    form = {"measure": "msr-1", "text": "a sentence of mine", "key": "resolve"}
    answer = pages.post("/incidents/inc-1/resolve", data=form, headers=headers)
    assert answer.status_code == 409
    assert "Not done." in answer.text
    assert "with measures in force or on the way" in answer.text
    assert len(rooms.store.entries("inc-1")) == before
    if not headers:
        assert 'value="a sentence of mine"' in answer.text, "nothing typed is lost"
        assert '<details class="change" id="resolving" open>' in answer.text


def test_a_second_yes_is_refused(pages: TestClient) -> None:
    assert pages.post("/incidents/inc-1/approve", data={"measure": "msr-1"}).status_code == 303
    answer = pages.post("/incidents/inc-1/approve", data={"measure": "msr-1"}, headers=QUIET)
    assert answer.status_code == 409


def test_a_confirmed_measure_can_be_undone_and_kept(rooms: Rooms, pages: TestClient) -> None:
    approved(rooms)
    page = pages.get("/incidents/inc-1").text
    assert 'formaction="/incidents/inc-1/undo"' in page
    assert 'formaction="/incidents/inc-1/keep"' in page
    assert 'formaction="/incidents/inc-1/free"' not in page
    pages.post("/incidents/inc-1/undo", data={"measure": "msr-1", "text": "it was B after all"})
    back = rooms.store.incident("inc-1").measures[-1]
    assert back.id != "msr-1"
    assert (back.because, back.state, back.approver) == ("it was B after all", MeasureState.REQUESTED, "ada")


def test_a_hung_measure_can_be_freed(rooms: Rooms, pages: TestClient) -> None:
    rooms.write("inc-1", Draft(EntryKind.APPROVED, "yes", {"measure": "msr-1"}, by="ada"))
    assert 'formaction="/incidents/inc-1/free"' in pages.get("/incidents/inc-1").text
    pages.post("/incidents/inc-1/free", data={"measure": "msr-1"})
    assert state(rooms) is MeasureState.FREED


def test_notes_roles_and_acknowledgements(rooms: Rooms, pages: TestClient) -> None:
    pages.post("/incidents/inc-1/note", data={"text": "The **feature team** is told"})
    pages.post("/incidents/inc-1/role", data={"role": "incident commander"})
    pages.post("/incidents/inc-1/ack", data={})
    page = pages.get("/incidents/inc-1").text
    assert "The <strong>feature team</strong> is told" in page
    assert dict(rooms.store.incident("inc-1").roles or {}) == {"incident commander": "ada"}
    assert "by nobody" not in page
    assert "Acknowledge</button>" not in page


def test_a_false_alarm_is_declined_with_a_reason(rooms: Rooms) -> None:
    rooms.open_incident("inc-2", asked=False)
    pages = TestClient(app_of(rooms), follow_redirects=False)
    assert "No incident …" in pages.get("/incidents/inc-2").text
    assert pages.post("/incidents/inc-2/resolve", data={"text": ""}, headers=QUIET).status_code == 409
    assert pages.post("/incidents/inc-2/resolve", data={"text": "A holiday."}).status_code == 303
    assert rooms.store.incident("inc-2").state is State.DECLINED
    left = pages.get("/incidents/inc-2").text.split('action="/incidents/inc-2/')[1:]
    assert [form.split('"')[0] for form in left] == ["note"], "what is over can only be talked about"


def test_the_review_is_drawn_and_approved(rooms: Rooms, pages: TestClient) -> None:
    review = sample_incidents.review().as_json()
    rooms.write("inc-1", Draft(EntryKind.REVIEW, "a draft", {"review": review}))
    page = pages.get("/incidents/inc-1").text
    assert "read dep_hour four hours late" in page
    assert "Approve the review" in page
    assert pages.post("/incidents/inc-1/approve_review", data={"text": ""}).status_code == 303
    assert rooms.store.incident("inc-1").review_approved
    assert "Approve the review" not in pages.get("/incidents/inc-1").text


def test_an_unknown_command_and_a_far_too_long_note_are_refused(pages: TestClient) -> None:
    assert pages.post("/incidents/inc-1/explode", data={}, headers=QUIET).status_code == 409
    answer = pages.post("/incidents/inc-1/note", data={"text": "x" * 10_001}, headers=QUIET)
    assert (answer.status_code, "longer than" in answer.text) == (409, True)


def test_the_order_of_the_timeline_can_be_turned(pages: TestClient) -> None:
    def seqs(page: str) -> list[int]:
        return [int(part.split('"')[0]) for part in page.split('data-seq="')[1:]]

    newest = seqs(pages.get("/incidents/inc-1").text)
    assert newest == sorted(newest, reverse=True)
    assert seqs(pages.get("/incidents/inc-1?order=oldest").text) == newest[::-1]


def test_a_viewer_sees_no_button_and_can_do_nothing(rooms: Rooms) -> None:
    looking = TestClient(app_of(rooms, "vic"), follow_redirects=False)
    for address in ("/incidents/inc-1", "/", "/services/flight-delays", "/incidents"):
        page = looking.get(address).text
        for form in page.split("<form")[1:]:
            assert (
                form.split(">")[0].strip().startswith(('method="post" action="/logout"', 'method="get"'))
            ), form[:200]
        assert "hx-post" not in page
    before = len(rooms.store.entries("inc-1"))
    for command in ("approve", "deny", "ack", "note", "resolve", "role", "free"):
        assert (
            looking.post(f"/incidents/inc-1/{command}", data={"measure": "msr-1", "text": "x"}).status_code
            == 403
        )
    assert looking.post("/incidents", data={"service": "flight-delays", "title": "x"}).status_code == 403
    assert len(rooms.store.entries("inc-1")) == before


def test_every_form_carries_the_proof_that_our_page_made_it(pages: TestClient) -> None:
    page = pages.get("/incidents/inc-1").text + pages.get("/").text
    forms = page.split('<form method="post"')[1:]
    assert forms
    for form in forms:
        assert 'name="csrf"' in form.split("</form>")[0]
