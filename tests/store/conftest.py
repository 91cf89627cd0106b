"""Every test that takes ``store`` runs on SQLite and on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fireline.store import Store
from tests.support import postgres


@pytest.fixture(scope="session")
def server() -> Iterator[postgres.Postgres]:
    try:
        running = postgres.start()
    except postgres.NoPostgres as e:
        pytest.skip(f"no PostgreSQL: {e}")
    yield running
    running.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a new database of each kind."""
    if request.param == "sqlite":
        return str(tmp_path / "fireline.sqlite")
    return str(request.getfixturevalue("server").new_database())


@pytest.fixture
def store(place: str) -> Iterator[Store]:
    with Store.open(place) as opened:
        yield opened
