"""Tokens: made once, known by their hash, good for what they are for and nothing else."""

from __future__ import annotations

import string
from datetime import timedelta

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from fireline.errors import FirelineError, StoreError
from fireline.store.people import People
from fireline.store.tables import tokens
from fireline.terms.people import Scope
from fireline.web.auth.tokens import TokenDesk, digest, make, parse
from tests.auth.conftest import T0, Door

EVENTS, SWITCH, READ = "/v1/events?service=pricing", "/v1/switches/pricing", "/v1/incidents"


@pytest.mark.parametrize(
    ("scope", "service", "may"),
    [
        ("ingest", None, {"events"}),
        ("ingest", "pricing", {"events"}),
        ("switches", None, {"switch"}),
        ("guard", "pricing", {"events", "switch"}),
        ("guard", "fraud", set()),
        ("ingest", "fraud", set()),
        ("viewer", None, {"read"}),
        ("responder", None, {"read"}),
        ("admin", None, {"events", "switch", "read"}),
    ],
)
def test_a_token_opens_what_its_scope_and_service_say(
    door: Door, scope: Scope, service: str | None, may: set[str]
) -> None:
    browser, bearer = door.browser(door.app()), door.token(scope, service)
    got = {
        "events": browser.post(EVENTS, headers=bearer, content=b"{}").status_code,
        "switch": browser.get(SWITCH, headers=bearer).status_code,
        "read": browser.get(READ, headers=bearer).status_code,
    }
    assert got == {what: 200 if what in may else 403 for what in got}
    assert browser.get("/", headers=bearer).status_code == (200 if "read" in may else 403)


def test_a_service_named_twice_or_in_the_rows_is_held_to_the_token_too(door: Door) -> None:
    browser = door.browser(door.app())
    fraud, pricing = door.token("guard", "fraud"), door.token("guard", "pricing")
    for query in ("service=pricing&service=fraud", "service=fraud&service=pricing"):
        refused = browser.post(f"/v1/events?{query}", headers=fraud, content=b"{}")
        assert refused.status_code == 403
        assert "--service pricing" in refused.json()["todo"]
    assert browser.post("/v1/changes", headers=fraud).status_code == 403
    assert browser.post("/v1/changes", headers=pricing).json() == "token:guard of pricing"


def test_a_revoked_token_is_refused_within_half_a_minute(door: Door) -> None:
    browser, bearer = door.browser(door.app()), door.token("ingest", name="loader")
    assert browser.post(EVENTS, headers=bearer).status_code == 200
    door.people.revoke_token("loader", door.clock.now())
    door.clock.advance(timedelta(seconds=30))
    assert browser.post(EVENTS, headers=bearer).status_code == 401
    assert browser.post(EVENTS, headers=bearer).status_code == 401, "and is not remembered again"


def test_ingest_asks_the_store_twice_a_minute_only(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    browser, bearer = door.browser(door.app()), door.token("ingest")
    real, asked, noted = People.token, [], []
    monkeypatch.setattr(People, "token", lambda self, id: asked.append(id) or real(self, id))
    monkeypatch.setattr(People, "used_token", lambda self, id, at: noted.append(at))
    for _ in range(61):
        assert browser.post(EVENTS, headers=bearer).status_code == 200
        door.clock.advance(timedelta(seconds=1))
    assert len(asked) == 3
    assert noted == [T0, T0 + timedelta(seconds=60)]


def test_when_a_token_was_used_last_is_known(door: Door) -> None:
    browser, bearer = door.browser(door.app()), door.token("ingest")
    (before,) = door.people.tokens()
    browser.post(EVENTS, headers=bearer)
    (after,) = door.people.tokens()
    assert (before.last_used_at, after.last_used_at) == (None, T0)


def test_a_busy_store_does_not_refuse_a_good_token(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(*_: object) -> None:
        raise StoreError("the store is busy", permanent=False)

    browser, bearer = door.browser(door.app()), door.token("ingest")
    monkeypatch.setattr(People, "used_token", busy)
    assert browser.post(EVENTS, headers=bearer).status_code == 200
    monkeypatch.setattr(People, "token", busy)
    assert browser.post(EVENTS, headers=bearer).status_code == 200, "remembered"
    door.clock.advance(timedelta(seconds=30))
    later = browser.post(EVENTS, headers=bearer)
    assert (later.status_code, later.headers["Retry-After"]) == (503, "2"), "try again, not: never"


def test_no_secret_is_kept_or_shown(door: Door) -> None:
    token, text = make("loader", "ingest", None, T0)
    door.people.add_token(token)
    named = parse(text)
    assert named is not None
    with door.store.database.connect() as connection:
        (row,) = connection.execute(sa.select(tokens)).mappings()
    assert named[1] not in str(dict(row))
    assert row["hash"] == digest(named[1])
    assert row["hash"] not in repr(token)


def test_a_token_with_another_ones_secret_is_refused(door: Door) -> None:
    first, second = door.token("ingest", name="a"), door.token("ingest", name="b")
    head, tail = first["Authorization"][:23], second["Authorization"][23:]
    assert head.endswith("_")
    mixed = {"Authorization": head + tail}
    assert door.browser(door.app()).post(EVENTS, headers=mixed).status_code == 401


@pytest.mark.parametrize(
    ("name", "scope", "service", "said"),
    [
        ("a\nb", "ingest", None, "cannot be a token's name"),
        ("", "ingest", None, "cannot be a token's name"),
        ("a", "root", None, "no scope"),
        ("a", "guard", None, "for one service"),
        ("a", "admin", "pricing", "whole server"),
    ],
)
def test_a_token_that_makes_no_sense_is_not_made(
    name: str, scope: Scope, service: str | None, said: str
) -> None:
    with pytest.raises(FirelineError, match=said) as refused:
        make(name, scope, service, T0)
    assert refused.value.todo


@given(st.text(alphabet=string.printable + "é\x00", max_size=80))
def test_what_is_no_token_is_never_taken_for_one(text: str) -> None:
    found = parse(text)
    assert found is None or text == f"fl_{found[0]}_{found[1]}"


@given(st.data())
def test_a_token_changed_in_one_place_is_another(data: st.DataObject) -> None:
    text = "fl_0123456789ab_" + "aB3_-" * 8 + "xyz"
    place = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.sampled_from([c for c in string.ascii_letters + string.digits if c != text[place]]))
    changed = text[:place] + other + text[place + 1 :]
    assert parse(text) is not None
    assert parse(changed) != parse(text)


def test_many_bad_tokens_leave_nothing_behind(door: Door) -> None:
    desk = TokenDesk(door.people, door.clock)
    for number in range(200):
        assert desk.verify(f"fl_{number:012x}_{'x' * 43}") is None
    assert desk._seen == {}
