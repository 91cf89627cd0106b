"""In a real Chromium, the real gate in front of the real pages: nothing is in the way of those who may."""

from __future__ import annotations

import contextlib
import http.server
import os
import re
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from fireline.clock import SystemClock
from fireline.live.running import Running
from fireline.store.people import People
from fireline.terms.people import User
from fireline.terms.timeline import Draft, EntryKind
from fireline.web.app import create_app
from fireline.web.auth import Access, setup_link
from fireline.web.pages import assets
from tests.auth.conftest import PASSWORD
from tests.auth.test_limits import served
from tests.support.rooms import Rooms

PLACES = (os.environ.get("FIRELINE_CHROMIUM", ""), "/usr/bin/chromium", "/usr/bin/chromium-browser")
CHROMIUM = next((place for place in PLACES if place and Path(place).exists()), None)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine: set FIRELINE_CHROMIUM, or apt-get install chromium")
    if not assets.vendored():
        pytest.skip("the pages' own htmx and uPlot are not here: python hatch_build.py fetches them")
    playwright = pytest.importorskip("playwright.sync_api", reason="the browser's driver: playwright")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--no-proxy-server"],
            timeout=120_000,
        )
        yield browser
        browser.close()


@pytest.fixture
def rooms() -> Iterator[Rooms]:
    made = Rooms()
    made.open_incident()
    yield made
    made.store.close()


@pytest.fixture
def address(rooms: Rooms) -> Iterator[str]:
    with served(create_app(cast(Running, rooms), Access(), begin=False)) as address:
        yield address


@pytest.fixture
def tab(chromium: Any) -> Iterator[Any]:
    """A page of a fresh browser; what its policy stops is in ``tab.stopped``."""
    context = chromium.new_context()
    context.set_default_timeout(60_000)
    page = context.new_page()
    page.stopped = []
    page.on(
        "console",
        lambda line: page.stopped.append(line.text) if "Content Security Policy" in line.text else None,
    )
    yield page
    context.close()


def sign_in(tab: Any, address: str, name: str = "ada", to: str = "/") -> None:
    tab.goto(address + to)
    tab.get_by_label("Name").fill(name)
    tab.get_by_label("Password").fill(PASSWORD)
    tab.get_by_role("button", name="Sign in").click()
    tab.wait_for_url(address + to)


def person(rooms: Rooms, hash: str, name: str, role: Any) -> None:
    People(rooms.store).add_user(User(name, role, hash, SystemClock().now()))


def test_from_the_printed_link_to_a_note_in_the_room_and_out(rooms: Rooms, address: str, tab: Any) -> None:
    link = setup_link(rooms.store, SystemClock(), Access(), address)
    tab.goto(link)
    tab.get_by_label("Name").fill("Ada")
    tab.get_by_label("Password, at least 12 characters").fill(PASSWORD)
    tab.get_by_label("The same once more").fill(PASSWORD)
    tab.get_by_role("button", name="Make the admin").click()
    tab.wait_for_url(address + "/")

    tab.goto(address + "/incidents/inc-1")
    tab.locator("#live-state", has_text=re.compile("^live$")).wait_for()
    tab.locator("#note-text").fill("seen, on it")
    tab.get_by_role("button", name="Add note").click()
    tab.locator("#room-timeline", has_text="seen, on it").wait_for()
    assert rooms.store.entries("inc-1")[-1].by == "ada"
    assert tab.stopped == [], "the pages keep to their own policy"

    tab.get_by_role("button", name="Log out").click()
    tab.wait_for_url(address + "/login")
    tab.goto(address + "/incidents/inc-1")
    assert tab.url == f"{address}/login?next=%2Fincidents%2Finc-1"


def test_after_the_login_one_is_where_one_wanted_to_be_and_may_change_the_password(
    rooms: Rooms, address: str, tab: Any, password_hash: str
) -> None:
    person(rooms, password_hash, "ada", "admin")
    sign_in(tab, address, to="/incidents/inc-1")
    tab.goto(address + "/account")
    tab.get_by_label("Old password").fill(PASSWORD)
    tab.get_by_label("New password, at least 12 characters").fill("an altogether different one")
    tab.get_by_label("The same once more").fill("an altogether different one")
    tab.get_by_role("button", name="Change the password").click()
    tab.get_by_role("status").filter(has_text="was changed").wait_for()
    assert tab.stopped == []


def test_without_scripts_a_form_still_carries_its_proof(
    rooms: Rooms, address: str, chromium: Any, password_hash: str
) -> None:
    person(rooms, password_hash, "ada", "admin")
    with contextlib.closing(chromium.new_context(java_script_enabled=False)) as context:
        tab = context.new_page()
        sign_in(tab, address, to="/incidents/inc-1")
        tab.locator("#note-text").fill("typed without scripts")
        tab.get_by_role("button", name="Add note").click()
        tab.locator("#room-timeline", has_text="typed without scripts").wait_for()


def test_a_disabled_viewer_sees_no_more_of_an_open_room(
    rooms: Rooms, address: str, tab: Any, password_hash: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fireline.web.auth.gate.STALE", timedelta(milliseconds=100))
    person(rooms, password_hash, "ada", "admin")
    person(rooms, password_hash, "vic", "viewer")
    sign_in(tab, address, "vic", "/incidents/inc-1")
    tab.locator("#live-state", has_text=re.compile("^live$")).wait_for()
    rooms.write("inc-1", Draft(EntryKind.NOTE, "for vic to see", {"text": "for vic to see"}, by="ada"))
    tab.locator("#room-timeline", has_text="for vic to see").wait_for()
    People(rooms.store).change_user("vic", disabled=True)
    tab.wait_for_timeout(500)
    rooms.write("inc-1", Draft(EntryKind.NOTE, "not for vic", {"text": "not for vic"}, by="ada"))
    tab.wait_for_timeout(1500)
    assert "not for vic" not in tab.content()
    tab.reload()
    assert "/login" in tab.url


ATTACK = """<!doctype html><title>prizes</title>
<form id=f method=post action="{target}/incidents/inc-1/note"><input name=text value="from afar"></form>
<script>
fetch("{target}/incidents/inc-1/note", {{method: "POST", credentials: "include", mode: "no-cors",
  headers: {{"Content-Type": "application/x-www-form-urlencoded"}}, body: "text=from+afar"}})
  .finally(() => f.submit());
</script>"""


@pytest.mark.parametrize("open_door", [False, True])
def test_another_sites_page_in_the_same_browser_gets_nothing_done(
    rooms: Rooms, tab: Any, password_hash: str, open_door: bool
) -> None:
    """From another port of the same host: the browser sends the cookie along, and only we can tell."""
    if not open_door:
        person(rooms, password_hash, "ada", "admin")
    app = create_app(cast(Running, rooms), Access(open_on_loopback=open_door), begin=False)
    with served(app) as address, other_site(ATTACK.format(target=address)) as evil:
        if open_door:
            tab.goto(address + "/")
            assert "operator" in tab.content()
        else:
            sign_in(tab, address)
        before = rooms.store.entries("inc-1")
        tab.goto(evil, wait_until="commit")  # it leads on by itself, maybe before it has loaded
        tab.wait_for_url(address + "/incidents/inc-1/note")
        assert "another site" in tab.content().lower()
        assert rooms.store.entries("inc-1") == before


@contextlib.contextmanager
def other_site(text: str) -> Iterator[str]:
    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            pass

    site = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=site.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{site.server_port}/"
    finally:
        site.shutdown()
        thread.join(10)
        site.server_close()
