"""Other people's tables: read in the order of one column, and never written to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from fireline.errors import InputError, Where

PAGE = 5_000


@dataclass(frozen=True, slots=True)
class Page:
    """Rows in the order of the cursor column; ``last`` is its value in the last of them."""

    rows: Sequence[Mapping[str, Any]]
    last: Any


class OutsideTable:
    """A table or view of somebody else's database, read by a column that only grows.

    ``url`` is any that SQLAlchemy has a driver for; ``table`` may be ``schema.name``. Values come as the
    driver gives them.
    """

    def __init__(self, url: str, table: str, cursor: str) -> None:
        self.name, self.column = table, cursor
        parsed = _parsed(url)
        self.source = f"{parsed.set(password=None, query={}).render_as_string()} {table} {cursor}"
        """What it is called in cursors: without the password."""
        try:
            self._engine = sa.create_engine(parsed, poolclass=sa.NullPool)
        except (ModuleNotFoundError, sa.exc.NoSuchModuleError) as error:
            raise InputError(
                f"no driver for this database: {error}", where=Where(key="--sql"),
                todo="PostgreSQL: pip install 'fireline[postgres]'; others: the driver SQLAlchemy names",
            ) from None  # fmt: skip
        schema, _, name = table.rpartition(".")
        self._table = sa.table(name, schema=schema or None)
        self._cursor: sa.ColumnElement[Any] = sa.column(cursor)

    def highest(self) -> Any:
        """The cursor column's greatest value, None while there is no row. Raises InputError."""
        with self._connected() as connection:
            return connection.execute(
                sa.select(sa.func.max(self._cursor)).select_from(self._table)
            ).scalar()  # fmt: skip

    def page(self, after: Any, to: Any, limit: int = PAGE) -> Page | None:
        """Rows with ``after`` < cursor <= ``to`` (``after`` None: from the beginning), about ``limit`` of
        them; None where there are none.

        Rows of equal cursor value stay together. Raises InputError.
        """
        with self._connected() as connection:
            while True:
                rows = self._rows(connection, after, to, limit + 1)
                if not rows:
                    return None
                if len(rows) <= limit:
                    return Page(rows, rows[-1][self.column])
                over = rows[-1][self.column]
                whole = [row for row in rows if row[self.column] != over]
                if whole:
                    return Page(whole, whole[-1][self.column])
                limit *= 2  # more rows of one value than a page holds

    def _rows(self, connection: sa.Connection, after: Any, to: Any, limit: int) -> list[dict[str, Any]]:
        query = sa.select(sa.text("*")).select_from(self._table).where(self._cursor <= to)
        if after is not None:
            query = query.where(self._cursor > after)
        found = connection.execute(query.order_by(self._cursor).limit(limit))
        rows = [dict(row) for row in found.mappings()]
        if rows and self.column not in rows[0]:
            raise InputError(
                f"{self.name} has no column {self.column!r}", where=Where(key="--cursor"),
                todo=f"use one of: {', '.join(rows[0])}",
            )  # fmt: skip
        return rows

    @contextmanager
    def _connected(self) -> Iterator[sa.Connection]:
        try:
            with self._engine.connect() as connection:
                yield connection
        except sa.exc.OperationalError as error:
            raise InputError(
                f"{self.name} cannot be read: {_first_line(error)}", where=Where(key="--sql"),
                todo="look at the address, the name, and that the database runs", permanent=False,
            ) from None  # fmt: skip
        except sa.exc.SQLAlchemyError as error:
            raise InputError(
                f"{self.name} cannot be read: {_first_line(error)}", where=Where(key="--sql"),
                todo="look at --table and --cursor, and that the account may read it",
            ) from None  # fmt: skip


def _parsed(url: str) -> sa.URL:
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        raise InputError(
            "not the address of a database", where=Where(key="--sql"),
            todo="write postgresql://user@host/name or sqlite:///file.sqlite",
        ) from None  # fmt: skip
    if parsed.drivername in ("postgresql", "postgres"):
        return parsed.set(drivername="postgresql+psycopg")
    return parsed


def _first_line(error: sa.exc.SQLAlchemyError) -> str:
    return str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
