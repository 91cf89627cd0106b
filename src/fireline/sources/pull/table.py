"""A table that Ibis reaches (DuckDB, PostgreSQL, ClickHouse, Spark, ...), read by a column that only grows.

Rows of equal value are neither lost nor doubled where a portion ends between them: without a ``key`` those
already read are remembered by a hash of what is in them, with one they are read in its order.
"""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from hashlib import blake2b
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import pyarrow as pa
from pydantic import Field

from fireline.errors import InputError, SettingsError, Where
from fireline.runbook.sources import Feed
from fireline.runbook.values import Duration
from fireline.sources.pull import (
    Address,
    Around,
    Pulled,
    PullSettings,
    PullSource,
    Secret,
    needed,
    revealed,
)

KIND = "table"
FEEDS: tuple[Feed, ...] = ("events", "labels", "changes", "jobs", "signals")
ROWS = 5_000
MOST_TIES = 50_000
TICK = timedelta(microseconds=1)
KEPT_OPEN = ("pyspark", "spark")


class Settings(PullSettings):
    """Settings of a table."""

    url: Address = Field(
        min_length=1,
        description="Where it is, as Ibis writes it: duckdb:///data/log.db, postgres://user@host/name, "
        "clickhouse://host/name; or env:NAME.",
    )
    password: Secret | None = Field(default=None, description="The password for `url`, as env:NAME.")
    table: str = Field(min_length=1, description="The table or view; schema.name where it needs one.")
    cursor_column: str = Field(
        min_length=1,
        description="Its column that only grows: an id or a time. Rows where it is empty are not read.",
    )
    key: str | None = Field(
        default=None,
        description="A column that tells rows of equal cursor value apart and grows among them; needed where "
        "more than 50,000 share one.",
    )
    columns: tuple[str, ...] = Field(default=(), description="The columns to read; all unless told.")
    lag: Duration = Field(
        default=timedelta(seconds=10),
        description="Longer than a transaction lasts that writes to the table: rows are read this long after "
        "they, or later ones, were first seen.",
    )
    begin: str = Field(
        default="oldest", pattern="^(oldest|newest)$",
        description="At the first start: everything there is, or only what comes then.",
    )  # fmt: skip


def opened(settings: Settings, around: Around) -> PullSource:
    """The table that ``settings`` name; the database is asked at the first pull."""
    library = needed("ibis", "'fireline[sources]'")
    return _Table(settings, around, library, _address(settings))


@dataclass(frozen=True)
class _Place:
    """The cursor, taken apart: the value reached, and which rows of it were read: by hash, or up to a key."""

    at: Any
    seen: Mapping[str, int]
    key: Any = None

    @classmethod
    def of(cls, cursor: str) -> _Place | None:
        if not cursor:
            return None
        told = json.loads(cursor)
        return cls(_meant(told["at"]), Counter(told["seen"]), _meant(told["key"]))

    def text(self) -> str:
        seen = [one for one, times in sorted(self.seen.items()) for _ in range(times)]
        return json.dumps({"at": _written(self.at), "key": _written(self.key), "seen": seen})


class _Table:
    def __init__(self, settings: Settings, around: Around, library: Any, url: str) -> None:
        self.settings, self.around, self.ibis, self._url = settings, around, library, url
        self._connection: Any = None
        self._highest: deque[tuple[datetime, Any]] = deque()

    def pull(self, cursor: str, now: datetime) -> Iterator[Pulled]:
        try:
            table = self._table()
            bound = self._settled(table, now)
            place = _Place.of(cursor)
            if bound is None:
                return
            if place is None and self.settings.begin == "newest" and not self.around.trial:
                yield Pulled(self.around.feed, [], self._newest(table, bound).text())
                return
            yield from self._pages(table, place, bound)
        finally:
            if urlsplit(self._url).scheme not in KEPT_OPEN:  # a file of DuckDB must be free for its writer
                self.close()

    def close(self) -> None:
        """Hang up."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Exception):  # it was broken already
                connection.disconnect()

    # -- the table ----------------------------------------------------------------------------------------

    def _table(self) -> Any:
        if self._connection is None:
            duck = urlsplit(self._url).scheme == "duckdb"
            more = {"read_only": True} if duck and "read_only" not in self._url else {}
            try:
                self._connection = self.ibis.connect(self._url, **more)
            except ImportError as error:
                raise SettingsError(
                    f"no driver for this database: {error.name or error}", where=Where(key="url"),
                    todo="pip install 'ibis-framework[NAME]', NAME being what the url begins with",
                ) from None  # fmt: skip
        *above, name = self.settings.table.split(".")
        database = tuple(above) if len(above) > 1 else above[0] if above else None
        table = self._connection.table(name, database=database)
        for column in (self.settings.cursor_column, self.settings.key, *self.settings.columns):
            if column is not None and column not in table.columns:
                known = ", ".join(table.columns[:30])
                raise InputError(
                    f"{self.settings.table} has no column {column!r}", todo=f"it has: {known}"
                )  # fmt: skip
        if self.settings.columns:
            extra = [c for c in (self.settings.cursor_column, self.settings.key) if c]
            table = table.select(*dict.fromkeys([*self.settings.columns, *extra]))
        return table

    def _settled(self, table: Any, now: datetime) -> Any:
        """The greatest value that was there `lag` ago: whoever writes at or below it has committed by now."""
        highest = _first(_micros(table.aggregate(top=table[self.settings.cursor_column].max()).to_pyarrow()))
        if highest is not None:
            self._highest.append((now, highest))
        ripe = now if self.around.trial else now - self.settings.lag
        bound = None
        while self._highest and self._highest[0][0] <= ripe:
            bound = self._highest.popleft()
        if bound is not None:
            self._highest.appendleft(bound)
        return bound[1] if bound is not None else None

    def _newest(self, table: Any, bound: Any) -> _Place:
        """The place behind every row up to ``bound``."""
        column = table[self.settings.cursor_column]
        ties = self._rows(table.filter(column >= self._literal(table, bound), self._upto(table, bound)))
        return self._place_after(ties, None) or _Place(bound, {})

    # -- its rows -----------------------------------------------------------------------------------------

    def _pages(self, table: Any, place: _Place | None, bound: Any) -> Iterator[Pulled]:
        while True:
            seen = sum(place.seen.values()) if place is not None else 0
            wanted = table.filter(self._upto(table, bound), *self._behind(table, place))
            order = [self.settings.cursor_column, *([self.settings.key] if self.settings.key else [])]
            page = self._rows(wanted.order_by(order).limit(ROWS + seen))
            fresh = page.take(pa.array(self._unseen(page, place), pa.int64()))
            if len(fresh):
                place = self._place_after(fresh, place)
                assert place is not None
                yield Pulled(self.around.feed, fresh, place.text(), self.settings.table)
            if len(page) < ROWS + seen or not len(fresh):
                return

    def _behind(self, table: Any, place: _Place | None) -> list[Any]:
        if place is None:
            return [table[self.settings.cursor_column].notnull()]
        column, at = table[self.settings.cursor_column], self._literal(table, place.at)
        if self.settings.key is None or place.key is None:
            return [column >= at]
        key = table[self.settings.key]
        return [(column > at) | ((column == at) & (key > self.ibis.literal(place.key, type=key.type())))]

    def _upto(self, table: Any, bound: Any) -> Any:
        column = table[self.settings.cursor_column]
        if isinstance(bound, datetime):  # a database may tell times finer than we keep them
            return column < self._literal(table, bound + TICK)
        return column <= self._literal(table, bound)

    def _literal(self, table: Any, value: Any) -> Any:
        return self.ibis.literal(value, type=table[self.settings.cursor_column].type())

    def _rows(self, wanted: Any) -> pa.Table:
        return _micros(wanted.to_pyarrow())

    def _unseen(self, page: pa.Table, place: _Place | None) -> list[int]:
        """Which rows of ``page`` were not read before."""
        if place is None or not place.seen:
            return list(range(len(page)))
        left, found = Counter(place.seen), []
        values = page.column(self.settings.cursor_column).to_pylist()
        hashes = iter(_hashes(page.filter(pa.array([value == place.at for value in values]))))
        for i, value in enumerate(values):
            one = next(hashes) if value == place.at else ""
            if one and left[one] > 0:
                left[one] -= 1
            else:
                found.append(i)
        return found

    def _place_after(self, fresh: pa.Table, place: _Place | None) -> _Place | None:
        if not len(fresh):
            return place
        values = fresh.column(self.settings.cursor_column).to_pylist()
        last = values[-1]
        if self.settings.key is not None:
            return _Place(last, {}, fresh.column(self.settings.key).to_pylist()[-1])
        ties = fresh.filter(pa.array([value == last for value in values]))
        seen = Counter(_hashes(ties))
        if place is not None and place.at == last:
            seen.update(place.seen)
        if sum(seen.values()) > MOST_TIES:
            raise InputError(
                f"more than {MOST_TIES:,} rows have the same {self.settings.cursor_column}",
                todo="name a `key:` that grows among them, or a finer cursor_column",
            )
        return _Place(last, seen)


def _address(settings: Settings) -> str:
    """The URL with its password in its place. Raises SettingsError."""
    url = revealed(settings.url, "url") or ""
    password = revealed(settings.password, "password")
    parts = urlsplit(url)
    if not parts.scheme:
        raise SettingsError(
            "is no address of a database", todo="write postgres://user@host/name or duckdb:///file.db",
            where=Where(key="url"),
        )  # fmt: skip
    if parts.scheme == "postgresql":
        parts = parts._replace(scheme="postgres")
    if password is not None:
        user, _, host = parts.netloc.rpartition("@")
        parts = parts._replace(netloc=f"{user.partition(':')[0]}:{quote(password, safe='')}@{host}")
    # urlunsplit drops the empty host of duckdb:///file
    text = urlunsplit(parts)
    return text if "://" in text else text.replace(":", "://", 1)


def _micros(table: pa.Table) -> pa.Table:
    """Times no finer than microseconds."""
    for i, field in enumerate(table.schema):
        if pa.types.is_timestamp(field.type) and field.type.unit == "ns":
            kept = table.column(i).cast(pa.timestamp("us", field.type.tz), safe=False)
            table = table.set_column(i, field.name, kept)
    return table


def _first(table: pa.Table) -> Any:
    return table.column(0).to_pylist()[0] if len(table) else None


def _hashes(table: pa.Table) -> Sequence[str]:
    """A hash of what is in each row, column by column in the order of their names."""
    names = sorted(table.column_names)
    rows = table.select(names).to_pylist()
    return [
        blake2b(json.dumps(list(row.values()), default=str).encode(), digest_size=8).hexdigest()
        for row in rows
    ]


def _written(value: Any) -> Any:
    """A value as JSON that says its type."""
    if isinstance(value, datetime):
        return ["datetime", value.isoformat()]
    if isinstance(value, date):
        return ["date", value.isoformat()]
    if isinstance(value, Decimal):
        return ["decimal", str(value)]
    return value


def _meant(told: Any) -> Any:
    """What ``_written`` wrote."""
    if not isinstance(told, list):
        return told
    kind, text = told
    if kind == "decimal":
        return Decimal(text)
    return datetime.fromisoformat(text) if kind == "datetime" else date.fromisoformat(text)
