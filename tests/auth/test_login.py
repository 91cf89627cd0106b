"""Signing in, staying in, and being out."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from argon2 import Parameters, extract_parameters

from fireline.clock import ManualClock
from fireline.store.people import People
from fireline.store.tables import sessions
from fireline.web.auth import Access, passwords
from fireline.web.auth.passwords import Guesses, hashed
from fireline.web.auth.sessions import SessionDesk
from tests.auth.conftest import PAGE, PASSWORD, T0, Door, csrf_in, sign_in


def test_signing_in_gives_a_session_that_no_script_and_no_other_site_gets(door: Door) -> None:
    door.user("ada", "responder")
    browser = door.browser(door.app())
    said = sign_in(browser, " Ada ", next="/v1/incidents")
    assert (said.status_code, said.headers["location"]) == (303, "/v1/incidents")
    cookie = said.headers["set-cookie"].lower()
    assert cookie.startswith("fireline=")
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "secure" not in cookie
    assert browser.get("/v1/incidents").json()["name"] == "ada"


@pytest.mark.parametrize("access", [Access(), Access(cookie_secure=True)])
def test_over_https_the_cookie_is_for_https_and_this_host_only(door: Door, access: Access) -> None:
    door.user("ada", "viewer")
    browser = door.browser(door.app(access), at="https://fireline.example")
    cookie = sign_in(browser, "ada").headers["set-cookie"]
    assert cookie.startswith("__Host-fireline=")
    assert "; secure" in cookie.lower()
    assert "path=/" in cookie.lower()
    assert browser.get("/v1/incidents").status_code == 200


def test_the_store_knows_the_hash_of_a_session_only(door: Door) -> None:
    door.user("ada", "viewer")
    browser = door.browser(door.app())
    sign_in(browser, "ada")
    secret = browser.cookies["fireline"]
    with door.store.database.connect() as connection:
        (row,) = connection.execute(sa.select(sessions)).mappings()
    assert secret not in str(dict(row))
    assert len(row["id_hash"]) == 64
    other = door.browser(door.app())
    other.cookies.set("fireline", row["id_hash"])
    assert other.get("/v1/incidents").status_code == 401


def test_signing_in_again_ends_the_session_before(door: Door) -> None:
    door.user("ada", "viewer")
    app = door.app()
    browser = door.browser(app)
    sign_in(browser, "ada")
    old = browser.cookies["fireline"]
    sign_in(browser, "ada")
    assert browser.cookies["fireline"] != old
    thief = door.browser(app)
    thief.cookies.set("fireline", old)
    assert thief.get("/v1/incidents").status_code == 401


def test_a_session_ends_when_idle_and_in_any_case_at_last(door: Door) -> None:
    door.user("ada", "viewer")
    browser = door.browser(door.app(Access(session_hours=24, idle_hours=2)))
    sign_in(browser, "ada")
    for _ in range(12):
        door.clock.advance(timedelta(hours=1, minutes=59))
        assert browser.get("/v1/incidents").status_code == 200
    door.clock.move_to(T0 + timedelta(hours=24))
    assert browser.get("/v1/incidents").status_code == 401, "absolute"
    sign_in(browser, "ada")
    door.clock.advance(timedelta(hours=2))
    assert browser.get("/v1/incidents").status_code == 401, "idle"


def test_using_a_session_is_written_once_a_minute_at_most(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    door.user("ada", "viewer")
    browser = door.browser(door.app())
    sign_in(browser, "ada")
    written: list[object] = []
    monkeypatch.setattr(People, "saw_session", lambda self, id_hash, at: written.append(at))
    for _ in range(5):
        browser.get("/v1/incidents")
    assert written == []
    door.clock.advance(timedelta(minutes=1))
    browser.get("/v1/incidents")
    assert written == [T0 + timedelta(minutes=1)]


def test_signing_out_ends_the_session_on_the_server(door: Door) -> None:
    door.user("vic", "viewer")
    app = door.app()
    browser, csrf = door.signed_in(app, "vic")
    secret = browser.cookies["fireline"]
    assert browser.post("/logout").status_code == 403, "not without the page's token"
    said = browser.post("/logout", data={"csrf": csrf})
    assert (said.status_code, said.headers["location"]) == (303, "/login")
    assert "fireline" not in browser.cookies
    thief = door.browser(app)
    thief.cookies.set("fireline", secret)
    assert thief.get("/v1/incidents").status_code == 401


def test_a_disabled_person_is_out_at_once_and_stays_out(door: Door) -> None:
    door.user("ada", "admin")
    door.user("bob", "responder")
    browser, _ = door.signed_in(door.app(), "bob")
    door.people.change_user("bob", disabled=True)
    assert browser.get("/v1/incidents").status_code == 401
    assert sign_in(browser, "bob").status_code == 401
    door.people.change_user("bob", disabled=False)
    assert browser.get("/v1/incidents").status_code == 401, "the old session is gone for good"
    assert sign_in(browser, "bob").status_code == 303


def test_a_session_that_began_while_its_person_was_disabled_is_none(door: Door) -> None:
    door.user("ada", "admin")
    door.user("bob", "responder")
    browser = door.browser(door.app())
    door.people.change_user("bob", disabled=True)
    secret, _ = SessionDesk(door.people, door.clock, Access()).begin("bob")
    browser.cookies.set("fireline", secret)
    assert browser.get("/v1/incidents").status_code == 401


class Watched:
    """A hasher that notes what each password was held against, which is what takes the time."""

    def __init__(self) -> None:
        self.work: list[Parameters] = []
        self._real = passwords._hasher

    def verify(self, hash: str, password: str) -> bool:
        self.work.append(extract_parameters(hash))
        return self._real.verify(hash, password)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


def test_an_unknown_name_and_a_wrong_password_look_the_same_and_take_as_long(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    door.user("ada", "admin")
    door.user("dis", "viewer")
    door.people.change_user("dis", disabled=True)
    hasher = Watched()
    monkeypatch.setattr(passwords, "_hasher", hasher)
    app, texts = door.app(), set()
    for name, password in (("ada", "wrong " * 3), ("nob", "wrong " * 3), ("dis", PASSWORD)):
        said = sign_in(door.browser(app), name, password)
        assert said.status_code == 401
        texts.add(said.text.replace(name, "NAME"))
    assert len(texts) == 1
    assert len(hasher.work) == 3, "each password is held against a hash once"
    assert len(set(map(repr, hasher.work))) == 1, "and against one that is as hard to compute"


def test_the_log_tells_who_came_and_no_secret(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    door.user("ada", "admin")
    browser = door.browser(door.app())
    with caplog.at_level("INFO", logger="fireline.auth"):
        sign_in(browser, "ada", "a wrong password")
        sign_in(browser, PASSWORD, "ada")
        sign_in(browser, "ada")
        for _ in range(6):
            sign_in(browser, "eve\nada signed in", "a wrong password")
    assert [record.getMessage() for record in caplog.records if record.name == "fireline.auth"] == [
        "a wrong password for ada from 198.51.100.7",
        "ada signed in from 198.51.100.7",
        "too many attempts to sign in from 198.51.100.7",
    ]
    assert PASSWORD not in caplog.text
    assert browser.cookies["fireline"] not in caplog.text


def test_what_cannot_be_a_name_is_not_looked_for(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL takes no NUL: such a name is as wrong as any other, and no trouble of the store."""
    asked: list[str] = []
    monkeypatch.setattr(People, "user", lambda self, name: asked.append(name))
    browser = door.browser(door.app())
    assert [sign_in(browser, bad).status_code for bad in ("a\x00b", "", "x" * 65, "nobody")] == [401] * 4
    assert asked == ["nobody"]


def test_a_password_is_the_same_from_every_keyboard(door: Door) -> None:
    door.hash = hashed("fünf blaue Äpfel")
    door.user("ada", "admin")
    assert sign_in(door.browser(door.app()), "ada", "fu\u0308nf blaue A\u0308pfel").status_code == 303


def test_guessing_is_slowed_down_for_known_and_unknown_names_alike(door: Door) -> None:
    door.user("ada", "admin")
    app = door.app()
    for name, address in (("ada", "198.51.100.1"), ("nobody", "198.51.100.2")):
        browser = door.browser(app, client=(address, 1))
        answers = [sign_in(browser, name, "wrong wrong wrong").status_code for _ in range(6)]
        assert answers == [401] * 5 + [429]
    held = sign_in(door.browser(app, client=("198.51.100.1", 1)), "ada")
    assert held.status_code == 429, "the right password waits too"
    assert 0 < int(held.headers["Retry-After"]) <= 901
    elsewhere = door.browser(app, client=("203.0.113.9", 1))
    assert sign_in(elsewhere, "ada").status_code == 303, "nobody is locked out from everywhere"
    door.clock.advance(timedelta(minutes=15))
    assert sign_in(door.browser(app, client=("198.51.100.1", 1)), "ada").status_code == 303


def test_guesses_are_counted_by_address_and_by_name_too(clock: ManualClock) -> None:
    guesses = Guesses(clock)
    by_address = [guesses.attempt(f"name{n}", f"2001:db8::{n:x}") for n in range(31)]
    assert not any(by_address[:30])
    assert by_address[30], "one /64 is one address"
    guesses = Guesses(clock)
    by_name = [guesses.attempt("ada", f"10.0.{n}.1") for n in range(61)]
    assert not any(by_name[:60])
    assert by_name[60]
    assert not guesses.attempt("bob", "10.1.1.1")


def test_a_right_password_forgives_the_slips_before(door: Door) -> None:
    door.user("ada", "admin")
    browser = door.browser(door.app())
    for _ in range(3):
        assert [sign_in(browser, "ada", "a slip of a finger").status_code for _ in range(4)] == [401] * 4
        assert sign_in(browser, "ada").status_code == 303


def test_memory_of_guesses_is_bounded(clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Guesses, "MOST", 50)
    guesses = Guesses(clock)
    for number in range(500):
        guesses.attempt(f"n{number}", f"10.0.{number // 250}.{number % 250}")
    assert len(guesses._tries) <= 50


def test_after_the_login_nobody_is_led_to_another_site(door: Door) -> None:
    door.user("ada", "admin")
    browser = door.browser(door.app())
    for bad in (
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "/\t/evil.example",
        "javascript:x",
    ):
        said = sign_in(browser, "ada", next=bad)
        assert said.headers["location"] == "/", bad


def test_a_name_in_the_form_does_not_become_markup(door: Door) -> None:
    browser = door.browser(door.app())
    said = sign_in(browser, '"><script>alert(1)</script>', "wrong wrong wrong")
    assert "<script>" not in said.text
    assert "&lt;script&gt;" in said.text


def test_changing_the_password_signs_out_everywhere_else(door: Door) -> None:
    door.user("vic", "viewer")
    app = door.app()
    elsewhere, _ = door.signed_in(app, "vic")
    browser, csrf = door.signed_in(app, "vic")
    new = "an altogether different phrase"

    def change(old: str, password: str, again: str) -> int:
        fields = {"csrf": csrf, "old": old, "password": password, "again": again}
        return int(browser.post("/account", data=fields).status_code)

    assert change("not the old one", new, new) == 403
    assert change(PASSWORD, new, new + "!") == 422
    assert change(PASSWORD, "short", "short") == 422
    assert change(PASSWORD, new, new) == 303
    assert browser.get("/v1/incidents").status_code == 200
    assert elsewhere.get("/v1/incidents").status_code == 401
    assert csrf_in(browser) != csrf
    assert sign_in(elsewhere, "vic").status_code == 401
    assert sign_in(elsewhere, "vic", new).status_code == 303


def test_a_hash_of_older_settings_is_renewed_at_login(door: Door) -> None:
    from argon2 import PasswordHasher

    door.hash = PasswordHasher(time_cost=1, memory_cost=8192).hash(PASSWORD)
    before = door.user("ada", "admin")
    browser = door.browser(door.app())
    assert sign_in(browser, "ada").status_code == 303
    after = door.people.user("ada")
    assert after is not None
    assert after.password_hash != before.password_hash
    assert browser.get("/v1/incidents").status_code == 200
    assert sign_in(browser, "ada").status_code == 303


def test_pages_of_people_signed_in_are_not_kept_by_browsers(door: Door) -> None:
    door.user("ada", "admin")
    browser, _ = door.signed_in(door.app(), "ada")
    for path in ("/", "/v1/incidents", "/account"):
        assert browser.get(path, headers=PAGE).headers["Cache-Control"] == "no-store"
    assert "Cache-Control" not in browser.get("/healthz").headers
