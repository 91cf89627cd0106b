"""Text files that grow: the whole lines behind a place, slice by slice, and whether it is still that file."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from fireline import sources
from fireline.errors import InputError
from fireline.terms.piece import Piece
from fireline.terms.quarantine import BadRow

SLICE = 2 << 20
"""Bytes that are read at once; a line that is longer is put aside."""
OPEN = 64 << 10
"""Bytes after which a quote that does not close is taken for a stray one."""
ENDS = 4096
"""Bytes at the beginning, and before the place reached, by which a file is known again."""


@dataclass(frozen=True)
class At:
    """How far a file was read: ``offset`` bytes, which held so many records and lines.

    ``mark`` is a hash of the file's first bytes and of those before ``offset``; ``skipping`` is True in the
    middle of a line too long to be taken.
    """

    offset: int = 0
    rows: int = 0
    lines: int = 0
    inode: int = 0
    mark: str = ""
    skipping: bool = False

    def plain(self) -> list[Any]:
        """As a cursor holds it."""
        return [self.offset, self.rows, self.lines, self.inode, self.mark, int(self.skipping)]

    @classmethod
    def of(cls, plain: list[Any]) -> At:
        """What ``plain`` wrote."""
        offset, rows, lines, inode, mark, skipping = plain
        return cls(int(offset), int(rows), int(lines), int(inode), str(mark), bool(skipping))


@dataclass(frozen=True)
class Slice:
    """Rows of some whole lines, and how far the file is read with them."""

    table: pa.Table
    numbers: tuple[int, ...]
    bad: tuple[BadRow, ...]
    at: At


def grows(path: Path) -> bool:
    """Whether ``path`` is a text file that may be read while it is written."""
    return kind_of(path) in (sources.kinds()["csv"], sources.kinds()["jsonl"]) and path.suffix != ".gz"


def kind_of(path: Path) -> sources.Source | None:
    """The kind that reads ``path``; a rotated file (events.jsonl.1, events.jsonl-20260301) is what it was."""
    known = sources.kind_of(path)
    if known is not None:
        return known
    name = path.name.rstrip("0123456789-_")
    return sources.kind_of(path.with_name(name.rstrip("."))) if name not in ("", path.name) else None


def is_same(path: Path, at: At) -> bool:
    """Whether the first ``at.offset`` bytes of ``path`` still seem to be those that were read."""
    with path.open("rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        return size >= at.offset and _mark(stream, at.offset) == at.mark


def end_of(path: Path) -> At:
    """The place behind the last whole line of ``path`` as it is now."""
    with path.open("rb") as stream:
        status = os.fstat(stream.fileno())
        offset = status.st_size
        lines = 0
        while offset > 0:
            start = max(0, offset - SLICE)
            stream.seek(start)
            found = stream.read(offset - start).rfind(b"\n") + 1
            offset = start + found
            if found:
                break
        stream.seek(0)
        left = offset
        while left > 0 and (block := stream.read(min(left, SLICE))):
            lines += block.count(b"\n")
            left -= len(block)
        rows = max(0, lines - (kind_of(path) is sources.kinds()["csv"]))
        return At(offset, rows, lines, status.st_ino, _mark(stream, offset))


def slices(path: Path, at: At, finished: bool) -> Iterator[Slice]:
    """The whole lines of ``path`` behind ``at``; where the file is ``finished`` the last line too, whether it
    ends or not.

    Raises InputError for a file that cannot be read at all (its header, its encoding), OSError.
    """
    with path.open("rb") as stream:
        status = os.fstat(stream.fileno())
        at, size = replace(at, inode=status.st_ino), status.st_size
        reader = _Reader(path, stream)
        while at.offset < size:
            stream.seek(at.offset)
            data = stream.read(min(SLICE, size - at.offset))
            found = reader.take(at, data, finished and at.offset + len(data) >= size)
            if found is None:
                return
            at = replace(found.at, mark=_mark(stream, found.at.offset))
            yield replace(found, at=at)


def _mark(stream: IO[bytes], offset: int) -> str:
    """Hash of the first bytes up to ``offset`` and of the last before it."""
    digest = blake2b(digest_size=9)
    stream.seek(0)
    digest.update(stream.read(min(ENDS, offset)))
    stream.seek(max(0, offset - ENDS))
    digest.update(stream.read(min(ENDS, offset)))
    return digest.hexdigest()


class _Reader:
    """Reads slices of one open file."""

    def __init__(self, path: Path, stream: IO[bytes]) -> None:
        self.path, self.file = path, str(path)
        self.is_csv = kind_of(path) is sources.kinds()["csv"]
        self._pieces: Any = sources.kinds()["csv" if self.is_csv else "jsonl"]
        self._stream = stream
        self._head: bytes | None = None

    def take(self, at: At, data: bytes, last: bool) -> Slice | None:
        """The rows in ``data``, which stands at ``at``; None where no line is whole yet."""
        if at.skipping:
            return self._skip(at, data)
        end = data.rfind(b"\n") + 1
        if last:
            end = len(data)
        elif not end:
            return self._too_long(at, data) if len(data) >= SLICE else None
        elif self.is_csv:
            end = _even(data, end)
        return self._read(at, data[:end]) if end else None

    def _skip(self, at: At, data: bytes) -> Slice:
        end = data.find(b"\n") + 1
        step = end or len(data)
        there = replace(at, offset=at.offset + step, lines=at.lines + bool(end), skipping=not end)
        return Slice(pa.table({}), (), (), there)

    def _too_long(self, at: At, data: bytes) -> Slice:
        bad = BadRow(
            self.file, "line_too_long", f"a line of more than {SLICE >> 20} MB",
            "look whether an end of line is missing there, or shorten what was logged", row=at.rows + 1,
            line=at.lines + 1, raw=data[:400].decode(errors="replace"),
        )  # fmt: skip
        there = replace(at, offset=at.offset + len(data), rows=at.rows + 1, skipping=True)
        return Slice(pa.table({}), (), (bad,), there)

    def _read(self, at: At, data: bytes) -> Slice:
        headed = self.is_csv and at.lines > 0
        text = self._header() + data if headed else data
        found: list[Piece] = list(self._pieces.pieces(self.path, stream=io.BytesIO(text)))
        tables = [piece.table for piece in found if len(piece.rows)]
        numbers = tuple(at.rows + int(row) for piece in found for row in piece.rows)
        shift = at.lines - headed * self._header().count(b"\n")
        bad = tuple(
            replace(row, row=at.rows + row.row if row.row else None,
                    line=shift + row.line if row.line else None)
            for piece in found for row in piece.bad
        )  # fmt: skip
        rows = max([*numbers, *(row.row or 0 for row in bad)], default=at.rows)
        lines = at.lines + data.count(b"\n") + (not data.endswith(b"\n"))
        table = pa.concat_tables(tables, promote_options="permissive") if tables else pa.table({})
        return Slice(table, numbers, bad, replace(at, offset=at.offset + len(data), rows=rows, lines=lines))

    def _header(self) -> bytes:
        """The lines up to and with the one that names the columns."""
        if self._head is None:
            self._stream.seek(0)
            self._head = b""
            while line := self._stream.readline(SLICE):
                self._head += line
                if line.strip():
                    break
            if not self._head.endswith(b"\n"):
                raise InputError("the header is not whole")
        return self._head


def _even(data: bytes, end: int) -> int:
    """The end of the last line before ``end`` at which no quote is open: a record may go on over several
    lines. 0 where it may still close; a stray quote must not hold up what follows for ever."""
    at = end
    while at > 0:
        if data.count(b'"', 0, at) % 2 == 0:
            return at
        at = data.rfind(b"\n", 0, data.rfind(b'"', 0, at)) + 1
    return end if len(data) >= OPEN else 0
