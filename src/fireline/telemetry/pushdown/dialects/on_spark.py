"""Spark: SQL for any cluster; here on the session that is active, or a local one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from fireline.telemetry.pushdown.dialects import Dialect


class Spark(Dialect):
    """Spark SQL's way to say it.

    >>> Spark().whole("us", 60)
    '(us div 60)'
    """

    name = "spark"
    escapes = True

    def quote(self, name: str) -> str:
        return "`" + name.replace("`", "``") + "`"

    def real(self, expression: str) -> str:
        return f"CAST({expression} AS DOUBLE)"

    def real_or_null(self, text: str) -> str:
        return f"TRY_CAST({text} AS DOUBLE)"

    def string(self, expression: str) -> str:
        return f"CAST({expression} AS STRING)"

    def micros(self, time: str) -> str:
        return f"unix_micros({time})"

    def whole(self, expression: str, by: int) -> str:
        return f"({expression} div {by})"

    def rounded(self, number: str) -> str:
        return f"CAST(rint({number}) AS BIGINT)"

    def listed(self, items: Sequence[str]) -> str:
        return "array(" + ", ".join(items) + ")"

    def each(self, array: str) -> str:
        return f"explode({array})"

    def pair(self, cell: str, amount: str) -> str:
        return f"named_struct('cell', {cell}, 'amount', {amount})"

    def cell_of(self, pair: str) -> str:
        return f"{pair}.cell"

    def amount_of(self, pair: str) -> str:
        return f"{pair}.amount"

    def squeezed(self, text: str) -> str:
        return f"regexp_replace({text}, '[-_ ]+', '_')"

    def file(self, path: Path) -> str:
        return f"parquet.{self.quote(str(path))}"

    def run(self, sql: str, database: str | None = None) -> pa.Table:
        try:
            import pyspark.sql as spark
        except ImportError as error:
            raise self.absent("pyspark") from error
        session: Any = spark.SparkSession.getActiveSession() or _local(spark)
        try:
            if database is not None:
                session.sql(f"USE {self.quote(database)}")
            return session.sql(sql).toArrow()
        except _errors() as error:
            raise self.failed(error) from error


def _errors() -> type[Exception]:
    from pyspark.errors import PySparkException

    found: type[Exception] = PySparkException
    return found


def _local(spark: Any) -> Any:
    """A session on this machine, in UTC, without its web page."""
    built = spark.SparkSession.builder.master("local[2]").appName("fireline tally")
    for key, value in {
        "spark.ui.enabled": "false", "spark.sql.session.timeZone": "UTC", "spark.sql.shuffle.partitions": "4",
    }.items():  # fmt: skip
        built = built.config(key, value)
    return built.getOrCreate()
