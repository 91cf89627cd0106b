"""A piece of a log as a source reads it: raw columns, and the rows that could not be read at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fireline.terms.quarantine import BadRow


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """Some rows of one file, in the file's order.

    ``table`` is a pyarrow.Table with the file's own column names and types (a CSV file's are all strings).
    ``rows`` is an int64 array [n] of record numbers from 1; ``lines`` the same for lines of a text file.
    ``text(i)`` gives the i-th row as it stands in the file, where the file is text. ``bad`` are rows the
    source put aside. ``columns`` names all columns the file has here, wanted or not; where they are not
    ``fixed`` a row may leave out what it lacks.
    """

    table: Any
    file: str
    rows: Any
    columns: tuple[str, ...]
    lines: Any | None = None
    text: Callable[[int], str] | None = None
    bad: tuple[BadRow, ...] = ()
    notes: tuple[str, ...] = ()
    fixed: bool = True
