"""A real Chromium for the pages' tests, and the pages served over real HTTP."""

# ruff: noqa: E501
from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from fireline.web.pages import assets
from tests.support.listening import free_port
from tests.support.rooms import Rooms, app_of

CHROMIUM = next(
    (
        place
        for place in (os.environ.get("FIRELINE_CHROMIUM", ""), "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")
        if place and Path(place).exists()
    ),
    None,
)  # fmt: skip
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip


class Served:
    """The pages of some rooms on a loopback port; it can be stopped and started again there."""

    def __init__(self, rooms: Rooms) -> None:
        self.rooms = rooms
        self.port = free_port()
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        config = uvicorn.Config(app_of(self.rooms), host="127.0.0.1", port=self.port, log_level="critical",
                                timeout_graceful_shutdown=1)  # fmt: skip
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        until = time.monotonic() + 60
        while not self.server.started:
            assert time.monotonic() < until, "the server did not start"
            time.sleep(0.01)

    def stop(self) -> None:
        self.server.should_exit = True
        self.server.force_exit = True
        self.thread.join(10)


@pytest.fixture
def rooms() -> Rooms:
    return Rooms()


@pytest.fixture
def served(rooms: Rooms) -> Iterator[Served]:
    made = Served(rooms)
    yield made
    made.stop()


@pytest.fixture(scope="module")  # the driver keeps an event loop, which other modules must not meet
def chromium() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine: set FIRELINE_CHROMIUM, or apt-get install chromium")
    if not assets.vendored():
        pytest.skip("the pages' own htmx and uPlot are not here: python hatch_build.py fetches them")
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="the browser's driver: pip install playwright"
    )
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=CHROMIUM, args=list(FLAGS), timeout=120_000
        )  # a fresh profile
        yield browser
        browser.close()


@pytest.fixture
def look(chromium: Any, served: Served) -> Iterator[Callable[..., Any]]:
    """Open a page as somebody: `look("/incidents/inc-1", who="ada", width=390, scheme="dark")`.

    What the page's console complains of and what its policy stops fails the test.
    """
    contexts, complaints = [], []

    def open_page(path: str, who: str = "ada", width: int = 1280, scheme: str = "light") -> Any:
        context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        context.set_default_timeout(60_000)
        context.add_cookies([{"name": "as", "value": who, "url": served.url}])
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
        page.complaints = complaints
        page.goto(served.url + path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    # A refused command and a line that a test cut, as the browser and as htmx tell them.
    expected = ("409 (Conflict)", "Error Code 409", "net::ERR_", "[object Event]")
    assert not [line for line in complaints if not any(part in line for part in expected)]
