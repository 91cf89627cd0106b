"""Every test that takes ``store`` runs on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from inspect import unwrap
from pathlib import Path

import pytest

from fireline.store import Store, migrate
from tests.support import postgres

KINDS = ["sqlite", "postgresql"]


@pytest.fixture(scope="session")
def server() -> Iterator[postgres.Postgres]:
    yield from postgres.given()


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("template") / "store.sqlite"
    Store.open(file).close()
    return file


@pytest.fixture(scope="session")
def migrated_database(server: postgres.Postgres) -> str:
    url = server.new_database()
    Store.open(url).close()
    return url


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a store without anything in it."""
    if request.param == "sqlite":
        return str(shutil.copyfile(request.getfixturevalue("migrated_file"), tmp_path / "fireline.sqlite"))
    server: postgres.Postgres = request.getfixturevalue("server")
    return server.emptied(request.getfixturevalue("migrated_database"))


@pytest.fixture(params=KINDS)
def bare_place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database without any tables."""
    if request.param == "sqlite":
        return str(tmp_path / "fireline.sqlite")
    server: postgres.Postgres = request.getfixturevalue("server")
    return server.new_database()


@pytest.fixture
def store(place: str) -> Iterator[Store]:
    with Store.open(place) as opened:
        yield opened


@pytest.fixture(autouse=True)
def _migrated_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrate, "_upgrade", unwrap(migrate._upgrade))
