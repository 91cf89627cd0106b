"""Being told of every write, at the border to the database driver: nothing the store does can pass by it.

The simulation stands here to stop a process between any two writes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

Told = Callable[[str, str], None]
"""Called with the moment (``before``, ``after``, or ``read`` for a transaction that only reads) and what it
is."""


def watch(database: sa.Engine, told: Told) -> Callable[[], None]:
    """Call ``told`` around every write, the beginning and the commit of every write transaction on SQLite.

    What ``told`` raises comes out of the write as if the process had ended there: before it nothing of the
    write has happened, after it all of it has. What is given back, when called, drops every connection at
    once, as the end of a process does: a transaction that was open is gone, and its lock is free.
    """
    opened: list[Any] = []

    def connected(connection: Any, _record: Any) -> None:
        opened.append(connection)

    def before(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        what = _what(statement)
        if what is not None:
            told("before" if what != "BEGIN" else "read", what)

    def after(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        what = _what(statement)
        if what is not None and what != "BEGIN":
            told("after", what)

    dialect = database.dialect
    really_commit, really_close = dialect.do_commit, dialect.do_close

    def commit(connection: Any) -> None:
        told("before", "COMMIT")
        really_commit(connection)
        told("after", "COMMIT")

    def close(connection: Any) -> None:
        if connection in opened:
            opened.remove(connection)
            connection.rollback()  # closing alone waits for cursors that a traceback still holds on to
            really_close(connection)

    sa.event.listen(database, "before_cursor_execute", before)
    sa.event.listen(database, "after_cursor_execute", after)
    sa.event.listen(database, "connect", connected)
    dialect.do_commit = commit  # type: ignore[assignment, method-assign]
    dialect.do_close = close  # type: ignore[assignment, method-assign]

    def drop() -> None:
        for connection in list(opened):
            close(connection)
        database.dispose()

    return drop


@lru_cache
def _what(statement: str) -> str | None:
    """``INSERT entries`` and the like for what matters here, None for reads and savepoints."""
    words = statement.split(None, 3)
    if words[0] == "BEGIN":
        return statement
    if words[0] in ("INSERT", "DELETE"):
        return f"{words[0]} {words[2]}"
    if words[0] == "UPDATE":
        return f"UPDATE {words[1]}"
    return None
