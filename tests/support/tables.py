"""The tables of a new SQLite store, written again as the migrations made them the first time.

Alembic takes ten times as long as SQLite does, and hundreds of tests open a store of their own. Tests of the
migrations themselves (``tests/store``), and of PostgreSQL, run them each time.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

import sqlalchemy as sa

from fireline.store.migrate import HEAD, VERSION_TABLE

Upgrade = Callable[[sa.Connection, str | None], None]

MADE = """
    SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'
    ORDER BY CASE type WHEN 'table' THEN 0 WHEN 'index' THEN 1 ELSE 2 END, rowid
"""


def once(upgrade: Upgrade) -> Upgrade:
    """``upgrade``, which for a new SQLite database migrates once in this process."""
    made: list[str] = []

    @wraps(upgrade)
    def upgraded(connection: sa.Connection, revision: str | None) -> None:
        if revision is not None or connection.dialect.name != "sqlite":
            upgrade(connection, revision)
        elif not made:
            upgrade(connection, revision)
            made.extend(sql for (sql,) in connection.exec_driver_sql(MADE))
        else:
            for sql in made:
                connection.exec_driver_sql(sql)
            connection.exec_driver_sql(f"INSERT INTO {VERSION_TABLE} VALUES ('{HEAD}')")

    return upgraded
