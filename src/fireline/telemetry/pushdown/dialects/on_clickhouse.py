"""ClickHouse: the SQL is for any server; here it runs in this process through chdb."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import pyarrow as pa

from fireline.telemetry.pushdown.dialects import Dialect


class ClickHouse(Dialect):
    """ClickHouse's way to say it.

    >>> ClickHouse().text("it's")
    "'it\\\\'s'"
    """

    name = "clickhouse"
    escapes = True

    def quote(self, name: str) -> str:
        return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"

    def number(self, value: float) -> str:
        if value in (float("inf"), float("-inf")):
            return "inf" if value > 0 else "(-inf)"
        return super().number(value)

    def real(self, expression: str) -> str:
        return f"CAST({expression} AS Nullable(Float64))"

    def real_or_null(self, text: str) -> str:
        return f"toFloat64OrNull({text})"

    def string(self, expression: str) -> str:
        return f"CAST({expression} AS Nullable(String))"

    def nan(self, number: str) -> str:
        return f"isNaN({number})"

    def micros(self, time: str) -> str:
        return f"toUnixTimestamp64Micro(toDateTime64({time}, 6, 'UTC'))"

    def whole(self, expression: str, by: int) -> str:
        return f"intDiv({expression}, {by})"

    def rounded(self, number: str) -> str:
        return f"CAST(roundBankers({number}) AS Nullable(Int64))"

    def listed(self, items: Sequence[str]) -> str:
        return "[" + ", ".join(items) + "]"

    def each(self, array: str) -> str:
        return f"arrayJoin({array})"

    def pair(self, cell: str, amount: str) -> str:
        return f"tuple({cell}, {amount})"

    def cell_of(self, pair: str) -> str:
        return f"{pair}.1"

    def amount_of(self, pair: str) -> str:
        return f"{pair}.2"

    def integer(self, expression: str) -> str:
        return f"CAST({expression} AS Nullable(Int64))"

    def squeezed(self, text: str) -> str:
        return f"replaceRegexpAll({text}, '[-_ ]+', '_')"

    def characters(self, text: str) -> str:
        return f"lengthUTF8({text})"

    def first_word(self, text: str) -> str:
        return f"substringIndex({text}, ' ', 1)"

    def file(self, path: Path) -> str:
        inside = path / "*.parquet" if path.is_dir() else path
        return f"file({self.text(str(inside))}, Parquet)"

    def run(self, sql: str, database: str | None = None) -> pa.Table:
        try:
            chdb: Any = import_module("chdb")  # a large package that only this needs
            session: Any = import_module("chdb.session")
        except ImportError as error:
            raise self.absent("chdb") from error
        whole = f"{sql} SETTINGS output_format_arrow_string_as_string = 1, session_timezone = 'UTC'"
        try:
            if database is None:
                found = chdb.query(whole, "Arrow")
            else:
                with session.Session(database) as opened:
                    found = opened.query(whole, "Arrow")
        except RuntimeError as error:
            raise self.failed(error) from error
        body = found.bytes()
        if not body:
            return pa.table({})
        with pa.ipc.open_file(pa.BufferReader(body)) as reader:
            return reader.read_all()
