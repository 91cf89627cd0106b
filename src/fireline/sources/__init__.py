"""Where logs come from: one file per kind of file. The listing of this package is the registry.

A kind is a module with ``suffixes`` (the ends of the file names it reads) and
``pieces(path, *, only=None) -> Iterator[Piece]``. Sources that a running server pulls from are in ``pull``.
"""

from __future__ import annotations

import glob
import importlib
import pkgutil
from collections.abc import Container, Iterable, Iterator
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Protocol

from fireline.errors import InputError, Where
from fireline.terms.piece import Piece


class Source(Protocol):
    """A kind of file."""

    suffixes: tuple[str, ...]

    def pieces(self, path: Path, *, only: Container[str] | None = None) -> Iterator[Piece]:
        """The file's rows in order; see the kinds."""
        ...


@cache
def kinds() -> dict[str, Source]:
    """Every kind by its name."""
    found = pkgutil.iter_modules(__path__)
    names = sorted(m.name for m in found if not m.name.startswith("_") and not m.ispkg)
    return {name: importlib.import_module(f"{__name__}.{name}") for name in names}


def suffixes() -> dict[str, Source]:
    """Which kind reads files whose names end so."""
    return {suffix: kind for kind in kinds().values() for suffix in kind.suffixes}


def kind_of(path: Path) -> Source | None:
    """The kind that reads ``path``, going by its name; the longest end wins."""
    known = suffixes()
    fitting = [end for end in known if path.name.lower().endswith(end)]
    return known[max(fitting, key=len)] if fitting else None


def read(path: Path, *, only: Container[str] | None = None) -> Iterator[Piece]:
    """The pieces of ``path``. Raises InputError for a file of no known kind."""
    kind = kind_of(path)
    if kind is None:
        raise _unknown(path)
    return kind.pieces(path, only=only)


def find(paths: Iterable[str | Path]) -> tuple[list[Path], list[str]]:
    """The files that ``paths`` (files, folders, patterns) name, each once and in order, and notes on those
    passed over.

    Folders are searched through; names that begin with a dot or an underscore are passed over. Raises
    InputError for a path that leads to nothing.
    """
    files: dict[Path, None] = {}
    notes: list[str] = []
    for given in paths:
        path = Path(given)
        for one in _expand(path):
            found, passed = _of(one, named=one == path)
            files.update(dict.fromkeys(found))
            notes += passed
    return list(files), notes


def _expand(path: Path) -> list[Path]:
    if path.exists():
        return [path]
    text = str(path)
    if glob.has_magic(text):
        found = [Path(name) for name in sorted(glob.glob(text, recursive=True))]
        if found:
            return found
        raise InputError(f"no file fits the pattern {text}", todo="look at the folder, and quote the pattern")
    raise _missing(path)


def _missing(path: Path) -> InputError:
    folder = path.parent
    near = (
        get_close_matches(path.name, sorted(p.name for p in folder.iterdir()), 1, 0.5)
        if folder.is_dir()
        else []
    )
    todo = f"did you mean {folder / near[0]}?" if near else "look at the path"
    return InputError("there is no such file or folder", where=Where(file=str(path)), todo=todo)


def _of(path: Path, named: bool) -> tuple[list[Path], list[str]]:
    if not path.is_dir():
        if kind_of(path) is not None:
            return [path], []
        if named:
            raise _unknown(path)
        return [], [f"{path}: passed over, no log by its name"]
    inner = sorted(p for p in path.rglob("*") if p.is_file() and not _hidden(p.relative_to(path)))
    found = [p for p in inner if kind_of(p) is not None]
    if not found:
        todo = f"expected files that end in {', '.join(sorted(suffixes()))}"
        raise InputError("the folder holds no log", where=Where(file=str(path)), todo=todo)
    return found, [f"{p}: passed over, no log by its name" for p in inner if kind_of(p) is None]


def _hidden(path: Path) -> bool:
    return any(part.startswith((".", "_")) for part in path.parts)


def _unknown(path: Path) -> InputError:
    return InputError(
        "no kind of log by its name", where=Where(file=str(path)),
        todo=f"give the file one of these ends: {', '.join(sorted(suffixes()))}",
    )  # fmt: skip
