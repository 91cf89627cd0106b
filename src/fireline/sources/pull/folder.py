"""A folder that fills: new files, and JSON lines and CSV files that are written to.

Text files are read line by line as they grow; Parquet and compressed files one after the other, once they are
whole. A file that was rewritten, cut short or put in another's place is read from its beginning; one that was
renamed goes on where it stood.
"""

from __future__ import annotations

import glob
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import blake2b
from os import stat_result
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
from pydantic import Field

from fireline.clock import from_micros
from fireline.errors import InputError, Where
from fireline.runbook.sources import Feed
from fireline.runbook.values import Duration
from fireline.sources.pull import Around, Pulled, PullSettings, PullSource
from fireline.sources.pull._growing import At, end_of, grows, is_same, kind_of, slices
from fireline.terms.quarantine import BadRow

KIND = "folder"
FEEDS: tuple[Feed, ...] = ("events", "labels", "changes", "jobs", "signals")
ROWS = 10_000
MOST_FILES = 20_000
GIVEN_UP = 60
"""How many times `settle` a broken file is left alone before it is put aside."""


class Settings(PullSettings):
    """Settings of a folder."""

    path: str = Field(
        min_length=1,
        description="A file, a folder or a pattern such as data/*.jsonl or logs/**/*.parquet; relative to "
        "the runbook. Names that begin with a dot or an underscore are passed over.",
    )
    begin: Literal["oldest", "newest"] = Field(
        default="oldest", description="At the first start: everything there is, or only what comes then."
    )
    settle: Duration = Field(
        default=timedelta(seconds=5),
        description="How long a compressed file, and a last line that does not end, is left alone.",
    )


def opened(settings: Settings, around: Around) -> PullSource:
    """The folder that ``settings`` name."""
    return _Folder(settings, around)


@dataclass
class _Place:
    """The cursor, taken apart: growing files by path; whole files by their stamp; rows of the one begun."""

    growing: dict[str, At] = field(default_factory=dict)
    whole: dict[str, None] = field(default_factory=dict)
    begun: tuple[str, int] | None = None

    @classmethod
    def of(cls, cursor: str) -> _Place:
        if not cursor:
            return cls()
        told = json.loads(cursor)
        begun = told.get("begun")
        return cls(
            {path: At.of(plain) for path, plain in told["growing"].items()},
            dict.fromkeys(str(told["whole"]).split()), (str(begun[0]), int(begun[1])) if begun else None,
        )  # fmt: skip

    def text(self) -> str:
        growing = {path: at.plain() for path, at in sorted(self.growing.items())}
        told = {"growing": growing, "whole": " ".join(self.whole), "begun": self.begun}
        return json.dumps(told, separators=(",", ":"))


class _Folder:
    def __init__(self, settings: Settings, around: Around) -> None:
        self.settings, self.around = settings, around
        self.pattern = str(around.folder / settings.path)
        self._looked: dict[str, tuple[int, int]] = {}

    def pull(self, cursor: str, now: datetime) -> Iterator[Pulled]:
        files = self._files()
        place = _Place.of(cursor)
        if not cursor and self.settings.begin == "newest" and not self.around.trial:
            yield Pulled(self.around.feed, [], self._at_the_end(files).text())
            return
        self._forget_gone(place, files)
        trouble: OSError | None = None
        for path, status in files:
            try:
                yield from self._one(path, status, place, now)
            except OSError as error:  # the others need not wait for it
                trouble = trouble or error
        if trouble is not None:
            raise InputError(
                f"cannot be read: {trouble.strerror or trouble}", where=Where(file=str(trouble.filename)),
                todo="look at its permissions; the other files are read", permanent=False,
            )  # fmt: skip

    def close(self) -> None:
        """Nothing is held open between two pulls."""

    # -- which files -------------------------------------------------------------------------------------

    def _files(self) -> list[tuple[Path, stat_result]]:
        """The files the path names, the oldest first. Raises InputError."""
        root = Path(self.pattern)
        if root.is_dir():
            names = [str(path) for path in root.rglob("*")]
        elif glob.has_magic(self.pattern):
            names = glob.glob(self.pattern, recursive=True)
        else:
            names = [self.pattern]
        found = []
        for path in map(Path, names):
            if any(part.startswith((".", "_")) for part in _below(path, root)) or kind_of(path) is None:
                continue
            try:
                if path.is_file():
                    found.append((path, path.stat()))
            except FileNotFoundError:
                continue
        if len(found) > MOST_FILES:
            raise InputError(
                f"{len(found):,} files fit; the most is {MOST_FILES:,}", where=Where(file=self.pattern),
                todo="move away what was read, or name fewer",
            )  # fmt: skip
        return sorted(found, key=lambda one: (one[1].st_mtime_ns, str(one[0])))

    def _name(self, path: Path) -> str:
        try:
            return str(path.relative_to(self.around.folder))
        except ValueError:
            return str(path)

    def _at_the_end(self, files: Sequence[tuple[Path, stat_result]]) -> _Place:
        place = _Place()
        for path, status in files:
            if grows(path):
                place.growing[self._name(path)] = end_of(path)
            else:
                place.whole[_stamp(self._name(path), status)] = None
        return place

    def _forget_gone(self, place: _Place, files: Sequence[tuple[Path, stat_result]]) -> None:
        """Takes renamed files along, and forgets those that are gone; but not all at once: a folder that is
        away for a moment is empty too."""
        if not files:
            return
        here = {self._name(path): (path, status) for path, status in files}
        inodes = {name: status.st_ino for name, (_, status) in here.items()}
        by_inode = {at.inode: name for name, at in place.growing.items() if inodes.get(name) != at.inode}
        moved: dict[str, At] = {}
        for name, (path, status) in here.items():
            was = by_inode.get(status.st_ino)
            if was is not None and was != name and is_same(path, place.growing[was]):
                moved[name] = place.growing[was]
                by_inode.pop(status.st_ino)
                if was in here:
                    place.growing[was] = At()
        place.growing = {name: at for name, at in place.growing.items() if name in here} | moved
        stamps = {_stamp(name, status) for name, (path, status) in here.items() if not grows(path)}
        place.whole = {stamp: None for stamp in place.whole if stamp in stamps}

    # -- what is in them ---------------------------------------------------------------------------------

    def _one(self, path: Path, status: stat_result, place: _Place, now: datetime) -> Iterator[Pulled]:
        quiet = now - from_micros(status.st_mtime_ns // 1000) >= self.settings.settle or self.around.trial
        if grows(path):
            yield from self._growing(path, status, place, quiet)
        elif _stamp(self._name(path), status) not in place.whole:
            yield from self._whole(path, status, place, now, quiet)

    def _growing(self, path: Path, status: stat_result, place: _Place, quiet: bool) -> Iterator[Pulled]:
        name = self._name(path)
        at = place.growing.get(name, At())
        look = (status.st_size, status.st_mtime_ns)
        if at.offset == status.st_size and at.inode == status.st_ino and self._looked.get(name) == look:
            return
        if at.offset and not is_same(path, at):
            at = At()
        self._looked[name] = look
        try:
            for one in slices(path, at, quiet):
                place.growing[name] = at = one.at
                yield Pulled(self.around.feed, one.table, place.text(), str(path), one.numbers, one.bad)
        except InputError as error:  # its header, or its encoding
            place.growing[name] = end_of(path)
            yield self._aside(path, error.message, error.todo, place)

    def _whole(
        self, path: Path, status: stat_result, place: _Place, now: datetime, quiet: bool
    ) -> Iterator[Pulled]:
        stamp = _stamp(self._name(path), status)
        done = place.begun[1] if place.begun and place.begun[0] == stamp else 0
        if not quiet and path.suffix == ".gz":
            return
        kind = kind_of(path)
        assert kind is not None
        try:
            for table, numbers, bad in _portions(kind.pieces(path), done):
                place.begun = (stamp, numbers[-1] if numbers else done)
                yield Pulled(self.around.feed, table, place.text(), str(path), numbers, bad)
        except InputError as error:
            since = now - from_micros(status.st_mtime_ns // 1000)
            if since < GIVEN_UP * self.settings.settle and not self.around.trial:
                return  # half-written, it seems: it is looked at again
            place.whole[stamp], place.begun = None, None
            yield self._aside(path, error.message, error.todo, place)
            return
        place.whole[stamp], place.begun = None, None
        yield Pulled(self.around.feed, [], place.text(), str(path))

    def _aside(self, path: Path, says: str, todo: str, place: _Place) -> Pulled:
        bad = BadRow(str(path), "broken_file", says, todo)
        return Pulled(self.around.feed, [], place.text(), str(path), bad=(bad,))


def _portions(pieces: Any, done: int) -> Iterator[tuple[pa.Table, list[int], tuple[BadRow, ...]]]:
    """A file's rows behind the first ``done`` records, some thousands at a time."""
    for piece in pieces:
        rows = [int(row) for row in piece.rows]
        skip = sum(row <= done for row in rows)
        bad = tuple(row for row in piece.bad if (row.row or 0) > done)
        for start in range(skip, len(rows), ROWS):
            yield piece.table.slice(start, ROWS), rows[start : start + ROWS], bad
            bad = ()
        if bad:
            yield pa.table({}), [], bad


def _stamp(name: str, status: stat_result) -> str:
    text = f"{name}\x1f{status.st_size}\x1f{status.st_mtime_ns}"
    return blake2b(text.encode(errors="surrogateescape"), digest_size=6).hexdigest()


def _below(path: Path, root: Path) -> tuple[str, ...]:
    return path.relative_to(root).parts if path.is_relative_to(root) and path != root else (path.name,)
