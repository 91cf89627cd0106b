"""Lines of a text file in blocks, in bounded memory, whatever is in them.

A line longer than ``MAX_LINE`` is never held whole: its first characters are kept and the rest is read over.
"""

from __future__ import annotations

import gzip
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from fireline.errors import InputError, Where
from fireline.terms.quarantine import RAW, BadRow

MAX_LINE = 1 << 20
BLOCK = 8 << 20
SOUND, TOO_LONG, UNDECODABLE = 0, 1, 2

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class Block:
    """Whole lines: line i is ``data[starts[i]:ends[i]]`` (its end of line left off), the ``numbers[i]``-th of
    the file.

    ``flaws`` [n] says which lines cannot be used; ``sizes`` gives the length in bytes of those too long.
    """

    data: bytes
    starts: Array
    ends: Array
    numbers: Array
    flaws: Array
    sizes: dict[int, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def blank(self) -> Array:
        """Which lines hold nothing at all."""
        return np.asarray(self.ends <= self.starts)

    def text(self, line: int, last: int | None = None) -> str:
        """Line ``line`` (through line ``last``) as text, cut at 2,000 characters."""
        end = self.ends[line if last is None else last]
        return self.data[self.starts[line] : end][: 4 * RAW].decode(errors="replace")[:RAW]

    def joined(self, keep: Array) -> bytes:
        """The lines that ``keep`` [n] marks, as one piece of text."""
        if keep.all():
            return self.data
        stops = np.append(self.starts[1:], len(self.data))
        edges = np.flatnonzero(np.diff(np.concatenate([[False], keep, [False]]).astype(np.int8)))
        return b"".join(self.data[self.starts[a] : stops[b - 1]] for a, b in edges.reshape(-1, 2))

    def after(self, line: int) -> Block | None:
        """What follows line ``line``; None where nothing does."""
        skip = line + 1
        if skip >= len(self):
            return None
        from_byte = int(self.starts[skip])
        sizes = {i - skip: size for i, size in self.sizes.items() if i >= skip}
        return Block(
            self.data[from_byte:],
            self.starts[skip:] - from_byte,
            self.ends[skip:] - from_byte,
            self.numbers[skip:],
            self.flaws[skip:],
            sizes,
        )

    def bad_row(self, line: int, file: str, row: int) -> BadRow:
        """The flaw of line ``line`` as a row put aside."""
        if self.flaws[line] == TOO_LONG:
            size = self.sizes.get(line, 0) / 1e6
            reason, kind = f"a line of {size:,.1f} MB; the most is {MAX_LINE / 1e6:.0f} MB", "line_too_long"
            todo = "look whether an end of line is missing there, or shorten what was logged"
        else:
            reason, kind = "the line is not UTF-8 text", "undecodable"
            todo = "write the log as UTF-8"
        raw = self.text(line)
        return BadRow(file, kind, reason, todo, row=row, line=int(self.numbers[line]), raw=raw)


class LineReader:
    """Reads a text file (``.gz`` too), or what comes from ``stream`` under its name, block by block."""

    def __init__(self, path: Path, block: int = BLOCK, stream: Any = None) -> None:
        self.path, self.size = path, block
        self.broken = ""
        self._stream: Any = stream if stream is not None else _open(path)
        self._carry, self._next, self._first = b"", 1, True

    def close(self) -> None:
        """Close the file."""
        self._stream.close()

    def read(self, hold: Block | None = None, lines: int = 0) -> Block | None:
        """The next block, None at the end; the last ``lines`` lines of ``hold`` come again at its front."""
        held = b""
        number = self._next
        if hold is not None and lines:
            held, number = hold.data[hold.starts[-lines] :], int(hold.numbers[-lines])
        while True:
            chunk = self._more()
            if not chunk:
                rest, self._carry = self._carry, b""
                return self._block(held + rest, number) if rest else None
            buffer = self._carry + chunk
            end = buffer.rfind(b"\n") + 1
            if end:
                self._carry = buffer[end:]
                return self._block(held + buffer[:end], number)
            if len(buffer) > MAX_LINE:
                return self._skip(held, buffer, number)
            self._carry = buffer

    def _more(self) -> bytes:
        parts, size = [], 0
        while size < self.size and not self.broken:
            try:
                part = self._stream.read1(self.size - size)
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                self._break(error, size)
                break
            if not part:
                break
            parts.append(part)
            size += len(part)
        chunk = b"".join(parts)
        if self._first:
            self._first = False
            chunk = self._without_mark(chunk)
        return chunk

    def _break(self, error: Exception, size: int) -> None:
        """A compressed file whose end cannot be read keeps its beginning."""
        if self._first and not size:
            raise InputError(
                f"not a gzip file: {error}", where=Where(file=str(self.path)),
                todo="compress it again, or take the .gz off its name",
            ) from None  # fmt: skip
        self.broken = f"the compressed file breaks off: {error}"

    def _without_mark(self, chunk: bytes) -> bytes:
        if chunk[:2] in (b"\xff\xfe", b"\xfe\xff"):
            raise InputError("the file is UTF-16", where=Where(file=str(self.path)), todo="save it as UTF-8")
        return chunk.removeprefix(b"\xef\xbb\xbf")

    def _skip(self, held: bytes, head: bytes, number: int) -> Block:
        """Read over the rest of a line that does not fit, keeping its head and its length."""
        size, self._carry = len(head), b""
        while chunk := self._more():
            end = chunk.find(b"\n") + 1
            if end:
                size += end - 1
                self._carry = chunk[end:]
                break
            size += len(chunk)
        block = self._block(held + head[: 4 * RAW] + b"\n", number)
        last = len(block) - 1
        block.flaws[last] = TOO_LONG
        block.sizes[last] = size
        return block

    def _block(self, data: bytes, number: int) -> Block:
        raw = np.frombuffer(data, np.uint8)
        stops = np.flatnonzero(raw == 10)
        if not data.endswith(b"\n"):
            stops = np.append(stops, len(data))
        starts = np.concatenate([[0], stops[:-1] + 1]).astype(np.int64)
        returned = (stops > starts) & (raw[np.maximum(stops - 1, 0)] == 13)
        ends = stops - returned
        numbers = number + np.arange(len(starts), dtype=np.int64)
        self._next = number + len(starts)
        flaws = np.zeros(len(starts), np.uint8)
        long = np.flatnonzero(ends - starts > MAX_LINE)
        flaws[long] = TOO_LONG
        sizes = {int(i): int(ends[i] - starts[i]) for i in long}
        _mark_undecodable(data, starts, ends, flaws)
        return Block(data, starts, ends, numbers, flaws, sizes)


def _mark_undecodable(data: bytes, starts: Array, ends: Array, flaws: Array) -> None:
    if _decodes(data):
        return
    for i in range(len(starts)):
        if flaws[i] == SOUND and not _decodes(data[starts[i] : ends[i]]):
            flaws[i] = UNDECODABLE


def _decodes(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _open(path: Path) -> Any:
    try:
        return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")
    except OSError as error:
        raise InputError(
            f"cannot be opened: {error.strerror}", where=Where(file=str(path)), todo="look at its permissions"
        ) from None


def broken_row(reader: LineReader, file: str, row: int) -> tuple[BadRow, ...]:
    """The end of a compressed file that breaks off, as a row put aside; empty where it does not."""
    if not reader.broken:
        return ()
    todo = "compress or copy the file again; what came before the break is kept"
    return (BadRow(file, "broken_file", reader.broken, todo, row=row),)
