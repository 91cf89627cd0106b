"""CSV files: every value is handed on as a string; what it means is for the intake to say."""

from __future__ import annotations

import csv
from collections.abc import Container, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv

from fireline.errors import InputError, Where
from fireline.sources._lines import MAX_LINE, SOUND, Array, Block, LineReader, broken_row
from fireline.terms.piece import Piece
from fireline.terms.quarantine import BadRow, cut

suffixes = (".csv", ".csv.gz", ".tsv", ".tsv.gz")

DELIMITERS = (",", ";", "\t", "|")


def pieces(path: Path, *, only: Container[str] | None = None, stream: Any = None) -> Iterator[Piece]:
    """The file's rows, block by block; ``only`` names the columns wanted. Bytes that came another way are
    read from ``stream``, and ``path`` is what they are called.

    A file without a single line gives no piece. Raises InputError for a header that cannot be used.
    """
    reader = LineReader(path, stream=stream)
    try:
        block = reader.read()
        while block is not None and block.blank.all():
            block = reader.read()
        if block is None:
            return
        form = _form(block, str(path), only)
        yield from _blocks(reader, form, block.after(int(np.flatnonzero(~block.blank)[0])))
    finally:
        reader.close()


def _blocks(reader: LineReader, form: _Form, block: Block | None) -> Iterator[Piece]:
    row, block = 1, block or reader.read()
    while block is not None:
        piece, records, held = form.read(block, row)
        row += records
        yield piece
        before, block = block, reader.read(block, held)
        if block is None and held:
            at = len(before) - held
            yield form.piece([], (form.unclosed(before, at, row),))
            block, row = before.after(at), row + 1
    yield form.piece([], broken_row(reader, form.file, row))


@dataclass(frozen=True, eq=False)
class _Form:
    """How this file is written: its columns and its delimiter. Columns without a name are left out."""

    names: tuple[str, ...]
    wanted: tuple[str, ...]
    delimiter: str
    file: str
    notes: tuple[str, ...]

    def read(self, block: Block, row: int) -> tuple[Piece, int, int]:
        """The piece that ``block`` holds, how many records that were, and how many lines wait for the next
        block."""
        if not _one_line_each(block):
            return self._slow(block, row)
        lines = np.flatnonzero(~block.blank)
        sound = block.flaws[lines] == SOUND
        bad = [block.bad_row(int(lines[i]), self.file, row + int(i)) for i in np.flatnonzero(~sound)]
        kept, rows = lines[sound], row + np.flatnonzero(sound)
        found = self._fast(_joined(block, kept), len(kept))
        if isinstance(found, list):
            ragged = np.zeros(len(kept), bool)
            ragged[[at for at, _ in found]] = True
            bad += [self._ragged(block, int(kept[at]), int(rows[at]), values) for at, values in found]
            kept, rows = kept[~ragged], rows[~ragged]
            found = self._fast(_joined(block, kept), len(kept))
        if not isinstance(found, pa.Table):
            return self._slow(block, row)

        def text(i: int) -> str:
            return block.text(int(kept[i]))

        lines_of = block.numbers[kept]
        return (
            Piece(found, self.file, rows, self._columns, lines_of, text, tuple(bad), self.notes),
            len(lines),
            0,
        )

    def piece(self, values: list[list[str]], bad: tuple[BadRow, ...]) -> Piece:
        """A piece without rows, for what was put aside."""
        none = np.empty(0, np.int64)
        return Piece(self._arrow(values), self.file, none, self._columns, none, None, bad, self.notes)

    @property
    def _columns(self) -> tuple[str, ...]:
        return tuple(name for name in self.names if not name.startswith("\x00"))

    def _fast(self, data: bytes, expected: int) -> pa.Table | list[tuple[int, int]] | None:
        """The records by Arrow's reader; or the ragged ones, each with its number of values; None for
        neither."""
        if not expected:
            return self._arrow([])
        ragged: list[tuple[int, int]] = []
        found = self._parse(data, ragged, threads=True)
        if not ragged:
            return found if found.num_rows == expected else None
        ragged.clear()
        found = self._parse(data, ragged, threads=False)
        return ragged if found.num_rows + len(ragged) == expected else None

    def _parse(self, data: bytes, ragged: list[tuple[int, int]], threads: bool) -> pa.Table:
        """The sound records; ``ragged`` gets the others, with their places only where there are no
        ``threads``."""

        def on_ragged(row: arrow_csv.InvalidRow) -> str:
            ragged.append(((row.number or 0) - 1, row.actual_columns))
            return "skip"

        size = 2 * MAX_LINE if threads else len(data) + 1
        return arrow_csv.read_csv(
            pa.BufferReader(data),
            read_options=arrow_csv.ReadOptions(
                column_names=list(self.names), block_size=size, use_threads=threads
            ),
            parse_options=arrow_csv.ParseOptions(delimiter=self.delimiter, invalid_row_handler=on_ragged),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(self.names, pa.string()), include_columns=list(self.wanted),
                strings_can_be_null=True, null_values=[""], check_utf8=False,
            ),
        )  # fmt: skip

    def _slow(self, block: Block, row: int) -> tuple[Piece, int, int]:
        """The same record by record, each judged by itself."""
        before = csv.field_size_limit(2 * MAX_LINE)
        try:
            return self._one_by_one(block, row)
        finally:
            csv.field_size_limit(before)

    def _one_by_one(self, block: Block, row: int) -> tuple[Piece, int, int]:
        values: list[list[str]] = []
        bad: list[BadRow] = []
        rows, first, last = [], [], []
        at, number, held = 0, row, 0
        while at < len(block):
            if block.ends[at] <= block.starts[at]:
                at += 1
                continue
            record, used, ended = self._record(block, at) if block.flaws[at] == SOUND else ([], 1, False)
            if record is None and ended and block.ends[-1] - block.starts[at] <= MAX_LINE:
                held = len(block) - at
                break
            if block.flaws[at] != SOUND:
                bad.append(block.bad_row(at, self.file, number))
            elif record is None:
                bad.append(self.unclosed(block, at, number))
            elif len(record) != len(self.names):
                bad.append(self._ragged(block, at, number, len(record)))
            else:
                values.append(record)
                rows.append(number)
                first.append(at)
                last.append(at + used - 1)
            at, number = at + used, number + 1
        piece = Piece(
            self._arrow(values),
            self.file,
            np.asarray(rows, np.int64),
            self._columns,
            block.numbers[np.asarray(first, np.int64)],
            lambda i: block.text(first[i], last[i]),
            tuple(bad),
            self.notes,
        )
        return piece, number - row, held

    def _record(self, block: Block, at: int) -> tuple[list[str] | None, int, bool]:
        """The record that begins at line ``at``, its lines, and whether the block ended within it.

        None for quotes that do not pair up, and for several lines that do not have the header's columns: a
        stray quote, which must not swallow the rows after it.
        """
        used, ended = 0, False

        def lines() -> Iterator[str]:
            nonlocal used, ended
            for i in range(at, len(block)):
                if block.flaws[i] != SOUND or block.ends[i] - block.starts[at] > MAX_LINE:
                    return
                used += 1
                yield block.data[block.starts[i] : block.ends[i]].decode() + "\n"
            ended = True

        try:
            record = next(csv.reader(lines(), delimiter=self.delimiter, strict=True))
        except csv.Error:
            return None, 1, ended
        if used > 1 and len(record) != len(self.names):
            return None, 1, False
        return record, used, ended

    def _arrow(self, values: list[list[str]]) -> pa.Table:
        columns = list(zip(*values, strict=True)) if values else [()] * len(self.names)
        by_name = dict(zip(self.names, columns, strict=True))
        return pa.table({n: pa.array([v or None for v in by_name[n]], pa.string()) for n in self.wanted})

    def _ragged(self, block: Block, at: int, row: int, found: int) -> BadRow:
        reason = f"{found} values where the header names {len(self.names)} columns"
        todo = "quote values that hold the delimiter, and write every column in every row"
        line = int(block.numbers[at])
        return BadRow(self.file, "ragged_row", reason, todo, row=row, line=line, raw=block.text(at))

    def unclosed(self, block: Block, at: int, row: int) -> BadRow:
        """Line ``at`` with quotes that do not pair up."""
        reason = "a quote that does not close, or text after one that does"
        todo = 'double the quotes inside quoted values ("")'
        line = int(block.numbers[at])
        return BadRow(self.file, "broken_quote", reason, todo, row=row, line=line, raw=block.text(at))


def _form(block: Block, file: str, only: Container[str] | None) -> _Form:
    at = int(np.flatnonzero(~block.blank)[0])
    where = Where(file=file, line=int(block.numbers[at]))
    if block.flaws[at] != SOUND:
        bad = block.bad_row(at, file, 0)
        raise InputError(f"the header cannot be read: {bad.reason}", where=where, todo=bad.todo)
    line = block.data[block.starts[at] : block.ends[at]].decode()
    delimiter = max(DELIMITERS, key=line.count)
    names = [name.strip() for name in next(csv.reader([line], delimiter=delimiter))]
    twice = sorted({cut(name, 100) for name in names if name and names.count(name) > 1})
    if twice:
        message = f"the header names a column twice: {', '.join(twice)}"
        raise InputError(message, where=where, todo="give each column a name of its own")
    notes = tuple(f"{file}: column {i + 1} has no name and is left out" for i, n in enumerate(names) if not n)
    inner = tuple(name or f"\x00{i}" for i, name in enumerate(names))
    wanted = tuple(name for name in names if name and (only is None or name in only))
    return _Form(inner, wanted or tuple(name for name in names if name), delimiter, file, notes)


def _joined(block: Block, lines: Array) -> bytes:
    keep = np.zeros(len(block), bool)
    keep[lines] = True
    return block.joined(keep | block.blank)


def _one_line_each(block: Block) -> bool:
    """Whether no line opens a quote that it does not close."""
    if b'"' not in block.data:
        return True
    quotes = np.flatnonzero(np.frombuffer(block.data, np.uint8) == 34)
    counts = np.searchsorted(quotes, block.ends) - np.searchsorted(quotes, block.starts)
    return not bool(((counts % 2 == 1) & (block.flaws == SOUND)).any())
