"""The days of spring, laid in a lake once for all tests of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.spring import in_spring, spring_book


@pytest.fixture(scope="session")
def spring_state(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A runbook, and the state of a server that knows those days: to be copied."""
    folder = tmp_path_factory.mktemp("spring")
    book = spring_book(folder / "book")
    in_spring(book, folder / "state")
    return book, folder / "state"
