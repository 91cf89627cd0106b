"""How each engine says what the tally needs: one file an engine; the listing is the registry.

What is plain SQL (SELECT, CASE, comparisons, GROUP BY, UNION ALL) is written once, in ``statement``. Here is
only what engines say differently, and all of it is what decides whether counts are equal: what NaN is
compared to, how a double is written exactly, integer division, rounding half to even.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cache
from math import isinf
from pathlib import Path
from typing import ClassVar

import pyarrow as pa

from fireline.errors import InputError, Where
from fireline.listing import made_of


class Dialect(ABC):
    """One engine. Every method but ``run`` and ``columns`` returns a piece of SQL.

    ``escapes`` says that a backslash escapes in a string literal.
    """

    name: ClassVar[str]
    escapes: ClassVar[bool] = False

    @abstractmethod
    def quote(self, name: str) -> str:
        """An identifier."""

    def text(self, value: str) -> str:
        """A string literal."""
        if self.escapes:
            value = value.replace("\\", "\\\\").replace("'", "\\'")
        else:
            value = value.replace("'", "''")
        return f"'{value}'"

    def number(self, value: float) -> str:
        """A double literal, exact: with an exponent it is one in every engine."""
        if isinf(value):
            return self.real(self.text("-Infinity" if value < 0 else "Infinity"))
        said = repr(float(value))
        said = said if "e" in said else f"{said}e0"
        return f"({said})" if said.startswith("-") else said

    @abstractmethod
    def real(self, expression: str) -> str:
        """``expression`` as a double, null where it is null."""

    @abstractmethod
    def real_or_null(self, text: str) -> str:
        """Text as a double, null where it is none."""

    @abstractmethod
    def string(self, expression: str) -> str:
        """``expression`` as text, null where it is null."""

    def missing(self, number: str) -> str:
        """Whether a double is null or NaN."""
        return f"({number} IS NULL OR {self.nan(number)})"

    def nan(self, number: str) -> str:
        """Whether a double is NaN."""
        return f"isnan({number})"

    @abstractmethod
    def micros(self, time: str) -> str:
        """A time as microseconds since 1970."""

    @abstractmethod
    def whole(self, expression: str, by: int) -> str:
        """Integer division of what is not negative."""

    @abstractmethod
    def rounded(self, number: str) -> str:
        """A double to the nearest 64-bit integer, halves to even."""

    @abstractmethod
    def listed(self, items: Sequence[str]) -> str:
        """An array."""

    @abstractmethod
    def each(self, array: str) -> str:
        """A row for each item of an array, in a select list."""

    @abstractmethod
    def pair(self, cell: str, amount: str) -> str:
        """A cell and what is added to it."""

    @abstractmethod
    def cell_of(self, pair: str) -> str:
        """The cell of a pair."""

    @abstractmethod
    def amount_of(self, pair: str) -> str:
        """The amount of a pair."""

    def integer(self, expression: str) -> str:
        """``expression`` as a 64-bit integer that may be null."""
        return f"CAST({expression} AS BIGINT)"

    @abstractmethod
    def squeezed(self, text: str) -> str:
        """Text with every run of blanks, hyphens and underscores as one underscore."""

    def characters(self, text: str) -> str:
        """How many characters (code points) a text has."""
        return f"length({text})"

    def first_word(self, text: str) -> str:
        """Text up to its first blank."""
        return f"split_part({text}, ' ', 1)"

    @abstractmethod
    def file(self, path: Path) -> str:
        """A Parquet file or folder in place of a table's name."""

    @abstractmethod
    def run(self, sql: str, database: str | None = None) -> pa.Table:
        """What the engine answers, in this process. Raises InputError with what the engine said."""

    def columns(self, table: str, database: str | None = None) -> Mapping[str, pa.DataType]:
        """The columns of a table, in their order, as Arrow types."""
        schema = self.run(f"SELECT * FROM {table} LIMIT 0", database).schema
        return {field.name: field.type for field in schema}

    def failed(self, error: Exception) -> InputError:
        """What an engine said, as an error of ours."""
        said = " ".join(str(error).split())[:600]
        return InputError(
            f"{self.name} could not answer: {said}", where=Where(key="--table"),
            todo="is the table there, and does it have the columns the runbook names?",
        )  # fmt: skip

    def absent(self, package: str) -> InputError:
        """The engine is not installed."""
        return InputError(
            f"{self.name} cannot run here: the package {package} is not installed",
            where=Where(key="--engine"),
            todo=f"pip install {package}, or run the SQL elsewhere: --sql-only prints it",
        )


@cache
def dialects() -> Mapping[str, Dialect]:
    """Every engine by name."""
    return {one.name: one for one in made_of(sys.modules[__name__], Dialect)}
