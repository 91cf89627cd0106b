"""A log of JSON lines that grows: each line is sent once, whatever stops the sender in between.

What is to be sent next is written down before it is sent, so that after a crash the very same batch goes out
under the same key, and the server, if it has it, says so.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any, BinaryIO

from fireline.errors import InputError, Where
from fireline.ids import stable_id
from fireline.live.cursors import Cursor
from fireline.live.sending import LINES, Line, Say, Sent, note

BATCH_BYTES = 4 << 20
BATCH_LINES = 5_000
MARK = 256
"""Bytes at its beginning by which a file is known again."""
LONGEST_LINE = 8 << 20


@dataclass
class _Place:
    """How far a file was sent: ``start`` bytes, ``end`` where the batch on its way ends, ``line`` lines."""

    inode: int
    mark: str
    start: int = 0
    end: int = 0
    line: int = 0

    def as_json(self) -> dict[str, Any]:
        return dict(vars(self))


@dataclass
class Follower:
    """Sends what is added to ``path``. ``say`` hears what a person should know."""

    path: Path
    line: Line
    cursor: Cursor
    sent: Sent = field(default_factory=Sent)
    say: Say = lambda text: None

    def __post_init__(self) -> None:
        self._stream: BinaryIO | None = None
        self._place: _Place | None = None

    def close(self) -> None:
        """Let go of the file."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def catch_up(self, progress: Callable[[int], None] = lambda rows: None) -> int:
        """Send every whole line there is now; how many lines were sent.

        A file that was moved away and begun anew (as log rotation does) is read to its end first. Raises
        NotTaken.
        """
        lines = 0
        while True:
            if self._stream is None and not self._open():
                return lines
            while some := self._batch():
                lines += some
                progress(lines)
            if not self._moved_away():
                return lines
            self.close()

    # -- which file ---------------------------------------------------------------------------------------

    def _open(self) -> bool:
        """Open the file the cursor speaks of, else the one that is there now; False while there is none."""
        kept = self.cursor.read()
        place = _Place(**kept) if kept else self._place
        if place is not None and self._place is None:
            self._place = place
            if self._open_as(place, self._find(place)):
                return True
        try:
            stream = self.path.open("rb")
        except FileNotFoundError:
            return False
        seen = os.fstat(stream.fileno())
        self._stream, self._place = stream, _Place(seen.st_ino, "")
        return True

    def _open_as(self, place: _Place, found: Path | None) -> bool:
        if found is None:
            if place.mark:
                self.say(f"{self.path}: the file that was followed is gone; what came last in it is not sent")
            return False
        self._stream = found.open("rb")
        return True

    def _find(self, place: _Place) -> Path | None:
        """The file of ``place``, under its own name or the one it was moved to."""
        folder = self.path.parent
        near = sorted(folder.glob(f"{self.path.name}*")) if folder.is_dir() else []
        for one in [self.path, *near]:
            try:
                seen = one.stat()
                if seen.st_ino == place.inode and seen.st_size >= place.start:
                    with one.open("rb") as stream:
                        if not place.mark or _mark(stream) == place.mark:
                            return one
            except OSError:
                continue
        return None

    def _moved_away(self) -> bool:
        """Whether another file stands under the name now, or this one was cut."""
        assert self._place is not None
        try:
            seen = self.path.stat()
        except OSError:
            return False
        if seen.st_ino != self._place.inode:
            return True
        assert self._stream is not None
        if seen.st_size < self._place.start or (self._place.mark and _mark(self._stream) != self._place.mark):
            self.say(f"{self.path}: it was cut and begun anew")
            return True
        return False

    # -- what is in it ------------------------------------------------------------------------------------

    def _batch(self) -> int:
        """Send the next lines; how many."""
        place, stream = self._place, self._stream
        assert place is not None
        assert stream is not None
        if not place.mark:
            place.mark = _mark(stream)
        if not place.mark:
            return 0
        stream.seek(place.start)
        resumed = place.end > place.start
        body = stream.read(place.end - place.start) if resumed else self._whole_lines(stream, place)
        if not body:
            return 0
        rows = body.count(b"\n")
        if not resumed:
            place.end = place.start + len(body)
            self.cursor.keep(place.as_json())
        if body.strip():
            self._send(body, place)
        place.start, place.line = place.end, place.line + rows
        self.cursor.keep(place.as_json())
        return rows

    def _whole_lines(self, stream: BinaryIO, place: _Place) -> bytes:
        data = stream.read(BATCH_BYTES)
        end = data.rfind(b"\n") + 1
        if not end and len(data) >= BATCH_BYTES:
            data += stream.read(LONGEST_LINE)
            end = data.find(b"\n") + 1
            if not end and len(data) >= BATCH_BYTES + LONGEST_LINE:
                raise InputError(
                    "a line without an end", where=Where(file=str(self.path), line=place.line + 1),
                    todo="write one JSON object a line",
                )  # fmt: skip
        lines = data[:end].split(b"\n")[:-1][:BATCH_LINES]
        return b"".join(text + b"\n" for text in lines)

    def _send(self, body: bytes, place: _Place) -> None:
        line, digest = self.line, blake2b(body, digest_size=16).hexdigest()
        key = stable_id(
            "lines", line.service, line.kind, place.mark, place.inode, place.start, digest, size=16
        )
        told = line.post(body, LINES, key)
        full = [i for i, text in enumerate(body.split(b"\n"), 1) if text.strip()]

        def placed(row: int) -> tuple[str, int, int | None]:
            at = place.line + full[min(max(row, 1), len(full)) - 1]
            return str(self.path), at, at

        note(self.sent, told, len(full), placed)


def _mark(stream: BinaryIO) -> str:
    """What a file begins with, "" while its first line is not whole."""
    stream.seek(0)
    first = stream.read(1 << 16).partition(b"\n")
    if not first[1] and len(first[0]) < 1 << 16:
        return ""
    return blake2b(first[0][:MARK], digest_size=8).hexdigest()
