"""DuckDB: in this process, over its own files and over Parquet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb
import pyarrow as pa

from fireline.telemetry.pushdown.dialects import Dialect


class DuckDB(Dialect):
    """DuckDB's way to say it.

    >>> DuckDB().number(-0.1)
    '(-0.1e0)'
    """

    name = "duckdb"

    def quote(self, name: str) -> str:
        return '"' + name.replace('"', '""') + '"'

    def real(self, expression: str) -> str:
        return f"CAST({expression} AS DOUBLE)"

    def real_or_null(self, text: str) -> str:
        return f"TRY_CAST({text} AS DOUBLE)"

    def string(self, expression: str) -> str:
        return f"CAST({expression} AS VARCHAR)"

    def micros(self, time: str) -> str:
        return f"epoch_us({time})"

    def whole(self, expression: str, by: int) -> str:
        return f"({expression} // {by})"

    def rounded(self, number: str) -> str:
        return f"CAST(round_even({number}, 0) AS BIGINT)"

    def listed(self, items: Sequence[str]) -> str:
        return "[" + ", ".join(items) + "]"

    def each(self, array: str) -> str:
        return f"unnest({array})"

    def pair(self, cell: str, amount: str) -> str:
        return f"struct_pack(cell := {cell}, amount := {amount})"

    def cell_of(self, pair: str) -> str:
        return f"{pair}.cell"

    def amount_of(self, pair: str) -> str:
        return f"{pair}.amount"

    def squeezed(self, text: str) -> str:
        return f"regexp_replace({text}, '[-_ ]+', '_', 'g')"

    def file(self, path: Path) -> str:
        inside = path / "*.parquet" if path.is_dir() else path
        return f"read_parquet({self.text(str(inside))})"

    def run(self, sql: str, database: str | None = None) -> pa.Table:
        try:
            with duckdb.connect(database or ":memory:", read_only=database is not None) as connection:
                return connection.sql(sql).to_arrow_table()
        except duckdb.Error as error:
            raise self.failed(error) from error
