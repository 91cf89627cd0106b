"""Bringing a database to the schema this release writes: Alembic, from inside the package, when a store is
opened."""

from __future__ import annotations

import time
from pathlib import Path

import sqlalchemy as sa

from fireline.errors import StoreError
from fireline.store.locks import hold

HEAD = "0005"
"""The newest revision in ``migrations/versions``; a test holds this equal."""

TRIES = 12
VERSION_TABLE = "fireline_version"
SCRIPTS = Path(__file__).parent / "migrations"


def to_head(database: sa.Engine) -> None:
    """Make or migrate the tables, unless they are as they should be.

    Whoever opens a store at the same moment waits. A migration happens wholly or not at all.
    Raises StoreError when the database was written by a newer release.
    """
    for left in reversed(range(TRIES)):
        try:
            _once(database)
            return
        except sa.exc.OperationalError as error:
            # Several may open a new store at once, and each migration holds SQLite's one lock for a while.
            if "locked" not in str(error) or not left:
                raise
            time.sleep(0.25)


def _once(database: sa.Engine) -> None:
    with database.connect() as connection:
        if _revision(connection) == HEAD:
            return
    with database.begin() as connection:
        hold(connection, "schema", VERSION_TABLE)
        revision = _revision(connection)
        if revision != HEAD:
            _upgrade(connection, revision)


def _revision(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.execute(sa.text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()


def _upgrade(connection: sa.Connection, revision: str | None) -> None:
    # Alembic takes longer to import than everything else here, and a store that is up to date never needs it.
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if revision is not None and revision not in known:
        raise StoreError(
            f"the store was written by a newer Fireline (schema {revision}, this one knows up to {HEAD})",
            todo="install that release or a later one, or open another store",
        )
    try:
        command.upgrade(config, "head")
    except CommandError as e:
        raise StoreError(
            f"the store's tables cannot be brought up to date: {e}", todo="please report it"
        ) from e
