from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from fireline.errors import StoreError
from fireline.store import Store, migrate
from fireline.store.tables import metadata
from tests.support.incidents import T0, after, note, opened, requested


@pytest.mark.filterwarnings("ignore:.*expression-based index")
def test_the_migrations_make_what_the_queries_expect(bare_place: str) -> None:
    with Store.open(bare_place) as store, store.database.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"version_table": migrate.VERSION_TABLE, "compare_type": True}
        )
        differing = compare_metadata(context, metadata)
        assert differing == []
        assert context.get_current_revision() == migrate.HEAD


def test_head_is_the_newest_revision() -> None:
    assert ScriptDirectory(str(migrate.SCRIPTS)).get_current_head() == migrate.HEAD


def test_opening_again_keeps_everything(place: str) -> None:
    with Store.open(place) as store, store.begin() as tx:
        tx.append("inc-1", opened(), T0)
    with Store.open(place) as store:
        assert store.incidents() == ["inc-1"]


def test_a_store_of_a_newer_release_is_not_touched(bare_place: str) -> None:
    with Store.open(bare_place) as store, store.database.begin() as connection:
        connection.exec_driver_sql(f"UPDATE {migrate.VERSION_TABLE} SET version_num = '9999'")
    with pytest.raises(StoreError, match="written by a newer Fireline") as refused:
        Store.open(bare_place)
    assert "install that release" in refused.value.todo


def test_many_open_a_new_store_at_once(bare_place: str) -> None:
    failed: list[StoreError] = []

    def attempt() -> None:
        try:
            Store.open(bare_place).close()
        except StoreError as e:
            failed.append(e)

    threads = [threading.Thread(target=attempt) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


def test_a_migration_that_breaks_off_leaves_nothing(bare_place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = migrate._upgrade

    def broken(connection: sa.Connection, revision: str | None) -> None:
        real(connection, revision)
        raise KeyboardInterrupt

    monkeypatch.setattr(migrate, "_upgrade", broken)
    with pytest.raises(KeyboardInterrupt):
        Store.open(bare_place)
    monkeypatch.undo()
    with Store.open(bare_place) as store:
        assert store.incidents() == []


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("mysql://u@h/d", "not a database Fireline runs on"),
        ("postgresql://u@h:port/d", "not the address of a database"),
        (".", "this is a directory"),
    ],
)
def test_a_place_that_cannot_be_is_refused_with_what_to_do(place: str, said: str) -> None:
    with pytest.raises(StoreError, match=said) as refused:
        Store.open(place)
    assert refused.value.todo


def test_a_file_that_is_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "photo.png").write_bytes(b"\x89PNG" * 1000)
    with pytest.raises(StoreError, match="not a database"):
        Store.open(tmp_path / "photo.png")


def test_a_database_that_is_not_there_may_come_back() -> None:
    with pytest.raises(StoreError, match="cannot be reached") as refused:
        Store.open("postgresql://fireline@127.0.0.1:1/none")
    assert not refused.value.permanent


def test_a_store_in_memory_is_gone_when_closed() -> None:
    store = Store.open(":memory:")
    with store.begin() as tx:
        tx.append("inc-1", opened(), T0)
        assert tx.incidents() == [], "the projection is written when the transaction ends"
        assert store.incidents() == [], "nobody else sees it before it commits"
    folder = Path(store.database.url.database or "").parent
    store.close()
    assert not folder.exists()


def test_sqlite_is_told_what_the_documentation_promises(tmp_path: Path) -> None:
    with Store.open(tmp_path / "new" / "s.sqlite") as store, store.database.connect() as connection:
        said = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert said == {"journal_mode": "wal", "synchronous": 1, "foreign_keys": 1, "busy_timeout": 5000}


def test_a_busy_store_says_so_and_that_trying_again_may_do(tmp_path: Path) -> None:
    with Store.open(tmp_path / "s.sqlite") as store:
        other = sqlite3.connect(tmp_path / "s.sqlite", isolation_level=None)
        with store.database.connect() as connection:
            connection.exec_driver_sql("ROLLBACK")
            connection.exec_driver_sql("PRAGMA busy_timeout=10")
            connection.exec_driver_sql("BEGIN")
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="busy") as refused, store.begin():
            pass
        assert not refused.value.permanent
        other.execute("ROLLBACK")
        other.close()


def test_readers_are_not_kept_waiting_by_a_writer(store: Store) -> None:
    with store.begin() as tx:
        tx.append("inc-1", opened(), T0)
    with store.begin() as tx:
        tx.append("inc-1", note(), after(1))
        assert len(store.entries("inc-1")) == 1


def test_the_views_read_well_without_fireline(store: Store) -> None:
    with store.begin() as tx:
        tx.append("inc-1", opened(), T0)
        tx.append("inc-1", requested(), after(5))
    with store.database.connect() as connection:
        (incident,) = connection.exec_driver_sql("SELECT * FROM v_incidents").mappings()
        timeline = connection.exec_driver_sql("SELECT * FROM v_timeline ORDER BY seq").mappings().all()
        (measure,) = connection.exec_driver_sql("SELECT * FROM v_measures").mappings()
    assert (incident["opened_at"], incident["state"], incident["entries"]) == (
        "2024-03-18T06:00:00Z",
        "suspected",
        2,
    )
    assert incident["measures"] == 1
    assert [(line["at"], line["kind"]) for line in timeline] == [
        ("2024-03-18T06:00:00Z", "opened"),
        ("2024-03-18T06:00:05Z", "requested"),
    ]
    assert (measure["state"], measure["requested_at"]) == ("requested", "2024-03-18T06:00:05Z")
    assert measure["in_flight"]


KILLED = """
import os, sys
from fireline.store import Store
from tests.support.incidents import T0, note, opened
store = Store.open(sys.argv[1])
with store.begin() as tx:
    tx.append("inc-1", opened(), T0)
for number in range(10):
    with store.begin() as tx:
        tx.append("inc-1", note(str(number)), T0)
with store.begin() as tx:
    tx.append("inc-1", note("never committed"), T0)
    os.kill(os.getpid(), 9)
"""


def test_kill_9_loses_nothing_committed_and_keeps_nothing_else(place: str) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(["src", "."])}
    died = subprocess.run(
        [sys.executable, "-c", KILLED, place], env=environment, check=False, capture_output=True
    )
    assert died.returncode == -9, died.stderr
    with Store.open(place) as store:
        assert [entry.data.get("text") for entry in store.entries("inc-1")][1:] == [str(n) for n in range(10)]
        assert store.verify_projection() == ()
