"""What could not be used: one row (or line) put aside, with the reason and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fireline.errors import Where

RAW = 2_000
"""Characters of the raw text that are kept."""


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row put aside. ``row`` counts records from 1, ``line`` the lines of a text file from 1.

    ``kind`` is the sort of flaw (not_a_number, bad_time, ragged_row, ...): rows of one kind and column are
    counted together. ``raw`` is the row as it was found, cut at 2,000 characters.
    """

    file: str
    kind: str
    reason: str
    todo: str
    row: int | None = None
    line: int | None = None
    column: str | None = None
    raw: str = ""

    @property
    def where(self) -> Where:
        """The place, as errors write it."""
        return Where(file=self.file, line=self.line, row=self.row, key=self.column)

    def __str__(self) -> str:
        return f"{self.where}: {self.reason}" + (f" -> {self.todo}" if self.todo else "")

    def as_json(self) -> dict[str, Any]:
        """The row as a quarantine file shows it; absent parts are left out."""
        names = ("file", "row", "line", "column", "kind", "reason", "todo", "raw")
        found = {name: getattr(self, name) for name in names}
        return {name: value for name, value in found.items() if value is not None}


def cut(text: str, limit: int = RAW) -> str:
    """``text`` cut at ``limit`` characters.

    >>> cut("abcdef", 3)
    'abc'
    """
    return text[:limit]
