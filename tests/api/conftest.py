"""The real app in front of a real server's loop on a drill clock."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from fireline.clock import SystemClock
from fireline.store.people import People
from fireline.terms.people import Scope
from fireline.web.app import create_app
from fireline.web.auth import Access
from fireline.web.auth import tokens as token_making
from tests.support.living import BEGIN, Living, write_book


@pytest.fixture(scope="session")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_book(tmp_path_factory.mktemp("book"))


@pytest.fixture(scope="session")
def burnt(book: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state of a server whose incident asks for a rollback."""
    one = Living(book, tmp_path_factory.mktemp("burnt"))
    one.play(BEGIN + timedelta(hours=2), traffic=one.guarded())
    while not one.store.incidents():
        one.play(one.clock.now() + timedelta(minutes=12), traffic=one.guarded("B"))
    one.running.stop()
    one.store.close()
    return one.folder


class Api:
    """The app of ``living``, asked from this machine or from elsewhere."""

    def __init__(self, living: Living) -> None:
        self.living = living
        self.app = create_app(living.running, Access(open_on_loopback=True), begin=False)
        self.here = self.client(("127.0.0.1", 50000), "http://127.0.0.1")

    def client(
        self,
        address: tuple[str, int] = ("198.51.100.7", 50000),
        at: str = "http://fireline.example",
        **more: Any,
    ) -> TestClient:
        return TestClient(self.app, base_url=at, client=address, raise_server_exceptions=False, **more)

    def token(self, scope: Scope, service: str | None = None) -> TestClient:
        """Somebody elsewhere with a token."""
        made, text = token_making.make(f"{scope} {service}", scope, service, SystemClock().now())
        People(self.living.store).add_token(made)
        return self.client(headers={"Authorization": f"Bearer {text}"})


@pytest.fixture
def api(book: Path, tmp_path: Path) -> Iterator[Api]:
    one = Living(book, tmp_path / "state")
    yield Api(one)
    one.running.stop()
    one.store.close()


@pytest.fixture
def burning(book: Path, burnt: Path, tmp_path: Path) -> Iterator[Api]:
    one = Living(book, shutil.copytree(burnt, tmp_path / "state"))
    yield Api(one)
    one.running.stop()
    one.store.close()
