"""One small book for all tests of the live loop, and servers made of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.living import Living, write_book


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
