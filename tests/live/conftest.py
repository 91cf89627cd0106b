"""One small book for all tests of the live loop, and servers made of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from fireline.terms.incident import State
from tests.support.living import BEGIN, Living, write_book


@pytest.fixture(scope="session")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_book(tmp_path_factory.mktemp("book"))


@pytest.fixture
def living(book: Path, tmp_path: Path) -> Iterator[Callable[..., Living]]:
    """``living()`` is a server in this test's folder; all are closed afterwards."""
    made: list[Living] = []

    def make(folder: str = "state", **more: Any) -> Living:
        made.append(Living(book, tmp_path / folder, **more))
        return made[-1]

    yield make
    for one in made:
        one.store.close()


@pytest.fixture(scope="session")
def burnt(book: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state of a server half an hour after version B, which fails often, took over: a rollback is asked
    for."""
    one = Living(book, tmp_path_factory.mktemp("burnt"), now=BEGIN)
    one.play(BEGIN + timedelta(hours=2), traffic=one.guarded())
    while not one.store.incidents():
        one.play(one.clock.now() + timedelta(minutes=12), traffic=one.guarded("B"))
    assert one.incident.state is State.CONTAINING
    one.running.stop()
    one.store.close()
    return one.folder


@pytest.fixture
def burning(burnt: Path, living: Callable[..., Living], tmp_path: Path) -> Living:
    """A server on a copy of that state."""
    shutil.copytree(burnt, tmp_path / "state")
    return living()
