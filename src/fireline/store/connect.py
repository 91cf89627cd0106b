"""Connections: one place that knows what SQLite and PostgreSQL need to be told.

SQLite runs in WAL with ``synchronous=NORMAL``. A process killed at any moment (``kill -9``) loses nothing
that was committed: the write-ahead log lives in the operating system's cache and the next to open it reads
on. When the machine itself loses power the last few commits may be gone, but never half of one, and the file
is never broken: a batch whose commit was lost is taken again from its cursor. Who cannot lose those seconds
uses PostgreSQL.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from fireline.errors import StoreError, Where
from fireline.store.plain import dumps

BUSY_MS = 5000
"""How long a writer waits for another before it gives up and says so."""

READING = "fireline_reading"
QUESTION, SNAPSHOT = "question", "snapshot"
"""How a connection reads: one question, or several that must see the same moment. Without either it
writes."""


def url_of(place: str | Path) -> sa.URL:
    """The database that ``place`` names: a path, ``sqlite:///path``, or ``postgresql://...``.

    Raises StoreError when it is neither.

    >>> url_of("state/fireline.sqlite").drivername
    'sqlite'
    >>> url_of("postgres://fireline@db/fireline").drivername
    'postgresql+psycopg'
    """
    text = str(place)
    scheme = re.match(r"([a-z][a-z0-9+]+)://", text)
    if isinstance(place, Path) or scheme is None:
        return sa.URL.create("sqlite", database=text)
    try:
        url = sa.make_url(text)
    except (sa.exc.ArgumentError, ValueError) as e:
        raise StoreError(
            f"not the address of a database: {e}", todo="write postgresql://user@host/name or a file's path"
        ) from e
    name = url.get_backend_name()
    if name in ("postgresql", "postgres"):
        return url.set(drivername="postgresql+psycopg")
    if name != "sqlite":
        raise StoreError(
            f"{name} is not a database Fireline runs on",
            todo="use a path (SQLite) or postgresql://user@host/name",
        )
    return url


def connect(url: sa.URL) -> sa.Engine:
    """An engine on ``url`` whose writers take their lock at once and whose readers see one moment."""
    if url.get_backend_name() == "sqlite":
        return _sqlite(url)
    return _postgres(url)


def _sqlite(url: sa.URL) -> sa.Engine:
    file = url.database
    if file and Path(file).is_dir():
        raise StoreError(
            "this is a directory", where=Where(file=file), todo=f"name a file in it: {file}/fireline.sqlite"
        )
    if file:
        Path(file).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(url, json_serializer=dumps, connect_args={"timeout": BUSY_MS / 1000})
    sa.event.listen(engine, "connect", _sqlite_pragmas)
    sa.event.listen(engine, "begin", _sqlite_begin)
    return engine


def _sqlite_pragmas(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves: the driver would take the lock too late
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("PRAGMA recursive_triggers=ON")
    cursor.execute(f"PRAGMA busy_timeout={BUSY_MS}")
    cursor.close()


def _sqlite_begin(connection: sa.Connection) -> None:
    reading = connection.get_execution_options().get(READING)
    if reading is None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    elif reading is SNAPSHOT:
        connection.exec_driver_sql("BEGIN")
    # A single question sees one moment anyway, and asks without a transaction.


def _postgres(url: sa.URL) -> sa.Engine:
    options = f"-c lock_timeout={BUSY_MS} -c timezone=UTC"
    try:
        return sa.create_engine(
            url,
            json_serializer=dumps,
            connect_args={"options": options, "application_name": "fireline"},
            pool_pre_ping=True,
        )
    except ModuleNotFoundError as e:
        raise StoreError(
            "the PostgreSQL driver is not installed", todo="pip install 'fireline[postgres]'"
        ) from e
