"""A real server on a real port, with a runbook whose reference lies in the past and traffic of now."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from fireline.cli.entry import main
from fireline.clock import Clock, SystemClock
from fireline.live.book import open_books
from fireline.live.keys import switch_key
from fireline.live.running import Running
from fireline.store import Store
from fireline.store.people import People
from fireline.terms.people import Scope
from fireline.web.app import create_app
from fireline.web.auth import Access
from fireline.web.auth import tokens as token_making
from tests.support.listening import listening
from tests.support.living import SERVICE, lines, rows, write_book


@dataclass
class Up:
    """A server that runs."""

    url: str
    running: Running

    def token(self, scope: Scope = "guard", service: str | None = SERVICE) -> str:
        made, text = token_making.make(f"{scope}-{time.monotonic_ns()}", scope, service, SystemClock().now())
        People(self.running.store).add_token(made)
        return text

    def key(self) -> str:
        return switch_key(self.running.store, SERVICE)

    def counted(self) -> Any:
        """What was counted, once everything that was taken is."""
        pulse, door = self.running.pulses[SERVICE], self.running.doors[SERVICE]
        end = time.monotonic() + 60
        while pulse.counting.waits and time.monotonic() < end:
            with self.running._lock:
                pulse.count()
        assert door.counted == door.spool.end
        self.running._views.clear()
        return pulse.counting.seen


@pytest.fixture(scope="session")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_book(tmp_path_factory.mktemp("book"))


@pytest.fixture
def start(book: Path, tmp_path: Path) -> Iterator[Callable[..., Up]]:
    """Starts servers; ``runbook`` gives another one, ``clock`` another clock."""
    with contextlib.ExitStack() as stack:

        def begin(auth: bool = False, clock: Clock | None = None, runbook: Path = book) -> Up:
            folder = tmp_path / "server"
            store = stack.enter_context(Store.open(folder / "fireline.sqlite"))
            running = Running(store, folder, open_books([runbook]), clock or SystemClock())
            app = create_app(running, Access(open_on_loopback=not auth))
            up = Up(stack.enter_context(listening(app)), running)
            end = time.monotonic() + 60  # what a test sets would be overwritten by the loop's first look
            while running.turns.standing[SERVICE].term is None and time.monotonic() < end:
                time.sleep(0.01)
            return up

        yield begin


@pytest.fixture
def up(start: Callable[..., Up]) -> Up:
    return start()


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads another's cursors, or the environment of whoever runs it."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    for name in ("FIRELINE_URL", "FIRELINE_TOKEN", "FIRELINE_SWITCH_KEY", "FIRELINE_SQL"):
        monkeypatch.delenv(name, raising=False)


def recent(minutes: float = 10, **more: Any) -> list[dict[str, Any]]:
    """Requests of the last minutes."""
    now = SystemClock().now()
    return rows(now - timedelta(minutes=minutes), now, **more)


def typed(*words: str) -> int:
    """What `fireline WORDS` ends with."""
    return main(list(words))


__all__ = ["Up", "lines", "listening", "recent", "typed"]
