"""A table of a real DuckDB file; rows come in lots that share one time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fireline.runbook.sources import Source
from fireline.sources.pull import Pulled


class Table:
    secret = ""

    def __init__(self, folder: Path) -> None:
        self.place = folder / "log.db"
        self._run("CREATE TABLE log (n BIGINT, ts TIMESTAMP)")
        self.source = Source(
            name="w", kind="table", url=f"duckdb://{self.place}", table="log", cursor_column="ts", lag="0s"
        )

    def _run(self, sql: str) -> None:
        import duckdb

        with duckdb.connect(str(self.place)) as connection:
            connection.execute(sql)

    def pour(self, first: int, count: int) -> None:
        self._run(
            f"INSERT INTO log SELECT r, TIMESTAMP '2026-03-01' + to_seconds(r // 300) "
            f"FROM range({first}, {first + count}) t(r)"
        )

    def ids(self, portion: Pulled) -> list[int]:
        return [int(n) for n in portion.rows["n"].to_pylist()] if len(portion) else []

    def spoil(self) -> bool:
        return False

    def away(self) -> bool:
        self.place.rename(self.place.with_suffix(".away"))
        return True

    def back(self) -> None:
        self.place.with_suffix(".away").rename(self.place)


@contextmanager
def well(folder: Path) -> Iterator[Table]:
    pytest.importorskip("ibis", reason="ibis-framework is not installed")
    yield Table(folder)
