"""The rows of a piece that cannot be used, each for the first reason found."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from fireline.telemetry.quarantine import Quarantine
from fireline.terms.piece import Piece
from fireline.terms.quarantine import BadRow, cut

Array = np.ndarray[Any, Any]

SHOWN = 60


@dataclass(eq=False)
class View:
    """Some rows of a piece: ``table`` holds them, ``at`` [n] says where they stand in it. ``hidden`` columns
    are shown nowhere."""

    piece: Piece
    table: Any
    at: Array
    hidden: frozenset[str] = frozenset()

    @classmethod
    def of(cls, piece: Piece, keep: Array | None = None, hidden: frozenset[str] = frozenset()) -> View:
        """The rows that ``keep`` marks, or all."""
        if keep is None or keep.all():
            return cls(piece, piece.table, np.arange(len(piece.rows)), hidden)
        at = np.flatnonzero(keep)
        return cls(piece, piece.table.take(at), at, hidden)

    def __len__(self) -> int:
        return len(self.at)

    @property
    def rows(self) -> Array:
        """Their record numbers, int64 [n]."""
        return np.asarray(self.piece.rows)[self.at]

    def has(self, column: str | None) -> bool:
        """Whether the file has the column here."""
        return column is not None and column in self.table.column_names

    def shown(self, column: str, i: int) -> str:
        """Row i's value as it stands, for a message."""
        value = self.table.column(column)[i].as_py()
        text = repr(value) if isinstance(value, str) else str(value)
        return text if len(text) <= SHOWN else text[:SHOWN] + "..."

    def bad_row(self, i: int, kind: str, column: str | None, reason: str, todo: str) -> BadRow:
        """Row i put aside."""
        at = int(self.at[i])
        lines = self.piece.lines
        return BadRow(
            self.piece.file, kind, reason, todo, row=int(self.piece.rows[at]),
            line=int(lines[at]) if lines is not None else None, column=column, raw=self._raw(i, at),
        )  # fmt: skip

    def _raw(self, i: int, at: int) -> str:
        if self.piece.text is not None and not self.hidden:
            return self.piece.text(at)
        shown = [name for name in self.table.column_names if name not in self.hidden]
        return as_text({name: self.table.column(name)[i].as_py() for name in shown})


def as_text(row: dict[str, Any]) -> str:
    """A row as JSON without its missing values, cut at 2,000 characters."""
    there = {name: value for name, value in row.items() if value is not None}
    return cut(json.dumps(there, default=str))


@dataclass(eq=False)
class Rejects:
    """Which rows of ``view`` are put aside; a row counts once, for the first reason found: ``why`` [n] is its
    number in ``reasons``, (kind, column), or -1."""

    view: View
    quarantine: Quarantine
    bad: Array = field(init=False)
    why: Array = field(init=False)
    reasons: list[tuple[str, str]] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self.bad = np.zeros(len(self.view), bool)
        self.why = np.full(len(self.view), -1, np.int32)

    def mark(
        self, wrong: Array, kind: str, column: str | None, reason: Callable[[str], str], todo: str
    ) -> None:
        """Put the rows that ``wrong`` [n] marks aside; ``reason`` is given the value found."""
        fresh = np.flatnonzero(wrong & ~self.bad)
        if not fresh.size:
            return
        self.bad |= wrong
        self.why[fresh] = len(self.reasons)
        self.reasons.append((kind, column or ""))

        def make(i: int) -> BadRow:
            at = int(fresh[i])
            value = self.view.shown(column, at) if column is not None and self.view.has(column) else ""
            return self.view.bad_row(at, kind, column, reason(value), todo)

        self.quarantine.add_rows(len(fresh), self.view.piece.file, make)


def with_reason(rows: pa.Table, kinds: Sequence[str], columns: Sequence[str]) -> pa.Table:
    """``rows`` [n] put aside with the reason of each: `reason aside` its kind, `column aside` the
    log's column."""
    told = {"reason": pa.array(kinds, pa.string()), "column": pa.array(columns, pa.string())}
    for name, values in told.items():
        rows = rows.append_column(f"{name} aside", values)
    return rows


def aside_at(rows: pa.Table, came: Array, kind: str, column: str) -> pa.Table:
    """``rows`` [n] put aside for one reason, dated by when they ``came`` (int64 microseconds [n])."""
    at = rows.column_names.index("time")
    dated = rows.set_column(at, "time", pa.array(came, pa.timestamp("us", "UTC")))
    return with_reason(dated, [kind] * len(rows), [column] * len(rows))
