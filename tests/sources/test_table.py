"""A table read by a column that only grows: equal values, late commits, keys, secrets; on real databases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fireline.errors import InputError, SettingsError
from fireline.runbook.sources import Source
from fireline.sources.pull import Around, Pulled, checked, opened, secrets_of, table
from fireline.sources.pull.table import Settings, _address
from tests.support import postgres

pytest.importorskip("ibis", reason="ibis-framework is not installed")
NOW = datetime(2026, 3, 1, tzinfo=UTC)
Sql = Callable[[str], None]


@pytest.fixture(scope="module")
def server() -> Iterator[postgres.Postgres]:
    yield from postgres.given()


@pytest.fixture(params=["duckdb", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Sql]:
    """Somebody's database: its address, and what runs SQL there."""
    if request.param == "duckdb":
        import duckdb

        place = tmp_path / "theirs.db"

        def run(sql: str) -> None:
            with duckdb.connect(str(place)) as line:
                line.execute(sql)

        return f"duckdb://{place}", run
    import psycopg

    url = request.getfixturevalue("server").new_database()

    def do(sql: str) -> None:
        with psycopg.connect(url, autocommit=True) as line:
            line.execute(sql.encode())

    return url, do


class Reader:
    def __init__(self, url: str, **more: Any) -> None:
        told = {"table": "log", "cursor_column": "ts", "lag": "0s", **more}
        source = Source(name="t", kind="table", url=url, **told)
        self.source, self.cursor, self.at = opened(source, Around("s", "t", "events")), "", NOW

    def read(self, later: float = 1.0) -> list[int]:
        self.at += timedelta(seconds=later)
        found: list[Pulled] = []
        for portion in self.source.pull(self.cursor, self.at):
            self.cursor = portion.cursor
            found.append(portion)
        return sorted(n for one in found if len(one) for n in one.rows["n"].to_pylist())  # type: ignore[call-overload]


@pytest.mark.parametrize("clock", ["TIMESTAMP", "TIMESTAMPTZ", "BIGINT", "DATE", "DECIMAL(18, 3)"])
@pytest.mark.parametrize("key", [None, "n"])
def test_rows_of_equal_value_come_once_wherever_a_portion_ends(
    database: tuple[str, Sql], monkeypatch: pytest.MonkeyPatch, clock: str, key: str | None
) -> None:
    url, run = database
    monkeypatch.setattr(table, "ROWS", 7)
    value = {"TIMESTAMP": "'2026-01-01 00:00:0{}'", "TIMESTAMPTZ": "'2026-01-01 00:00:0{}+02'",
             "DATE": "'2026-01-0{}'"}.get(clock, "{}")  # fmt: skip
    run(f"CREATE TABLE log (n INTEGER, ts {clock}, said TEXT)")

    def add(*rows: tuple[int, int]) -> None:
        run("INSERT INTO log VALUES " + ", ".join(f"({n}, {value.format(at)}, 'x')" for n, at in rows))

    reader = Reader(url, **({"key": key} if key else {}))
    add(*((n, 1 + n // 20) for n in range(50)))
    assert reader.read() == list(range(50))
    add((50, 3), (51, 3), (52, 4))
    assert reader.read() == [50, 51, 52]
    add(*((n, 4) for n in range(53, 73)))
    assert reader.read() == list(range(53, 73))
    assert reader.read() == []
    run("INSERT INTO log VALUES (99, NULL, 'never')")
    assert reader.read() == []


def test_rows_are_read_once_they_have_settled(database: tuple[str, Sql]) -> None:
    url, run = database
    run("CREATE TABLE log (n INTEGER, ts INTEGER)")
    run("INSERT INTO log VALUES (1, 1), (3, 3)")
    reader = Reader(url, lag="10s")
    assert reader.read() == []
    run("INSERT INTO log VALUES (2, 2), (4, 4)")  # the second committed later than the third
    assert reader.read(later=9) == []
    assert reader.read(later=2) == [1, 2, 3]
    assert reader.read(later=10) == [4]


def test_newest_begins_behind_what_is_there(database: tuple[str, Sql]) -> None:
    url, run = database
    run("CREATE TABLE log (n INTEGER, ts INTEGER)")
    run("INSERT INTO log VALUES (1, 1), (2, 2), (3, 2)")
    reader = Reader(url, begin="newest")
    assert reader.read() == []
    run("INSERT INTO log VALUES (4, 2), (5, 3)")
    assert reader.read() == [4, 5]


def test_only_the_columns_that_are_named_are_read(database: tuple[str, Sql]) -> None:
    url, run = database
    run("CREATE TABLE log (n INTEGER, ts INTEGER, name TEXT)")
    run("INSERT INTO log VALUES (1, 1, 'Ada')")
    (found,) = Reader(url, columns=["n"]).source.pull("", NOW)
    assert found.rows.column_names == ["n", "ts"]  # type: ignore[union-attr]


def test_too_many_rows_of_one_value_ask_for_a_key(
    database: tuple[str, Sql], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, run = database
    monkeypatch.setattr(table, "MOST_TIES", 3)
    run("CREATE TABLE log (n INTEGER, ts INTEGER)")
    run("INSERT INTO log VALUES (1, 1), (2, 1), (3, 1), (4, 1)")
    with pytest.raises(InputError, match="name a `key:`"):
        Reader(url).read()
    assert Reader(url, key="n").read() == [1, 2, 3, 4]


def test_a_column_that_is_not_there_is_told_with_those_that_are(database: tuple[str, Sql]) -> None:
    url, run = database
    run("CREATE TABLE log (n INTEGER, seen INTEGER)")
    with pytest.raises(InputError, match=r"no column 'ts' -> it has: n, seen"):
        Reader(url).read()


def test_a_password_stands_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PW", "a/b@c:d")
    plain = {"url": "postgresql://me@db.example.org/prod", "password": "env:PW", "table": "t",
             "cursor_column": "c"}  # fmt: skip
    settings = checked(Source(name="t", kind="table", **plain))
    assert isinstance(settings, Settings)
    assert _address(settings) == "postgres://me:a%2Fb%40c%3Ad@db.example.org/prod"
    assert "a/b@c:d" in secrets_of(plain)
    monkeypatch.setenv("DB", "clickhouse://me:s%40cret@h/d?token=t0k")
    assert set(secrets_of({"url": "env:DB"})) >= {"s%40cret", "s@cret", "t0k"}
    monkeypatch.delenv("PW")
    with pytest.raises(SettingsError, match=r"\$PW is not set"):
        _address(settings)


def test_a_database_without_a_driver_says_what_to_install() -> None:
    with pytest.raises(SettingsError, match="ibis-framework"):
        Reader("trino://me@localhost/x").read()
