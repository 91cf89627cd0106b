"""Sources that a running server pulls from: one file per kind; this listing is the registry.

A kind is a module with ``KIND``, ``FEEDS`` (what its rows may be), ``Settings`` and ``opened`` in it; the
contract suite in ``tests/sources`` runs on it without being told.

What every source promises:

- ``pull`` gives portions of bounded size. What a cursor has passed never comes again, and what stands behind
  it always does: a portion lost with the process is given again from the last cursor that was kept.
- A cursor is text that says all of it. It is opaque to everybody else, and "" is the beginning.
- A row that cannot be read is put aside (``bad``) and takes nothing with it.
- What goes wrong is raised as a FirelineError with what to do, or as whatever the library raises: it is
  tried again later, from the same cursor. Anything a source holds open is let go of in ``close``.
- Packages that a kind needs are imported when it is opened, by ``needed``.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, Protocol

import pyarrow as pa
from pydantic import ValidationError

from fireline.errors import SettingsError, Where
from fireline.runbook.load import RunbookFile
from fireline.runbook.problem import Key, Problem, UnusableRunbook, write_key
from fireline.runbook.sources import Feed, Source
from fireline.sources.pull._settings import Address, PullSettings, Secret, revealed, scrubbed, secrets_of
from fireline.terms.quarantine import BadRow

__all__ = [
    "Address", "Around", "Feed", "Kind", "PullSettings", "PullSource", "Pulled", "Secret", "checked", "kinds",
    "needed", "opened", "portions", "problems", "refuse", "revealed", "scrubbed", "secrets_of",
]  # fmt: skip


@dataclass(frozen=True, eq=False)
class Pulled:
    """One portion of at most some thousands of rows.

    ``cursor`` is where to go on once these rows are on disk; a portion without rows moves it alone.
    ``origin`` says where the rows stand (a file, a partition), ``numbers`` [n] which record of it each row
    is, no two the same; both name a row in quarantine. ``bad`` are rows the source could not read.
    """

    feed: Feed
    rows: pa.Table | Sequence[Mapping[str, Any]]
    cursor: str
    origin: str = ""
    numbers: Sequence[int] | None = None
    bad: tuple[BadRow, ...] = ()

    def __len__(self) -> int:
        return len(self.rows)


class PullSource(Protocol):
    """One source, opened."""

    def pull(self, cursor: str, now: datetime) -> Iterator[Pulled]:
        """What there is behind ``cursor`` at ``now``, in order, portion by portion."""
        ...

    def close(self) -> None:
        """Let go of connections and files; it may be opened again."""
        ...


@dataclass(frozen=True)
class Around:
    """What a source may know of its surroundings. Relative paths start at ``folder``, the runbook's.

    ``trial`` is True where somebody only looks: then nothing waits until it has settled.
    """

    service: str
    name: str
    feed: Feed
    folder: Path = field(default_factory=Path)
    trial: bool = False


class Kind(Protocol):
    """A kind of source: its file."""

    KIND: str
    FEEDS: tuple[Feed, ...]
    Settings: type[PullSettings]

    def opened(self, settings: Any, around: Around) -> PullSource:
        """The source that ``settings`` describe. Raises SettingsError; need not reach the other side yet."""
        ...


@cache
def kinds() -> Mapping[str, Kind]:
    """Every kind there is, by the name that runbooks call it."""
    names = sorted(module.name for module in iter_modules(__path__) if not module.name.startswith("_"))
    modules: list[Any] = [import_module(f"{__name__}.{name}") for name in names]
    return {module.KIND: module for module in modules}


def needed(module: str, install: str) -> Any:
    """The package ``module``. Raises SettingsError that says what to install where it is missing."""
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise SettingsError(f"this source needs {error.name}", todo=f"pip install {install}") from None


def opened(source: Source, around: Around) -> PullSource:
    """``source`` as its runbook declares it. Raises SettingsError with the key; no value is repeated."""
    kind = kinds().get(source.kind)
    settings = checked(source) if kind is not None else None
    if kind is None or isinstance(settings, list) or settings is None:
        key, says, todo = _faults(source)[0]
        raise SettingsError(says, todo=todo, where=Where(key=f"sources.{source.name}.{write_key(key)}"))
    return kind.opened(settings, around)


@contextmanager
def portions(source: PullSource, cursor: str, now: datetime) -> Iterator[Iterator[Pulled]]:
    """What ``source.pull`` gives, ended properly by whoever stops before its end."""
    found = source.pull(cursor, now)
    try:
        yield found
    finally:
        if isinstance(found, Generator):
            found.close()


def checked(source: Source) -> PullSettings | list[tuple[Key, str]]:
    """The kind's settings in ``source``, or what is wrong with them: (key, what) for each."""
    try:
        return kinds()[source.kind].Settings.model_validate(dict(source.own))
    except ValidationError as error:
        return [_said(detail) for detail in error.errors(include_url=False, include_input=False)]


def problems(file: RunbookFile) -> list[Problem]:
    """What is wrong with the sources that ``file`` declares, each with its line."""
    return [
        Problem(
            "error", str(file.path), file.line("sources", at, *key), write_key(("sources", at, *key)), says,
            todo,
        )
        for at, source in enumerate(file.runbook.sources)
        for key, says, todo in _faults(source)
    ]  # fmt: skip


def refuse(file: RunbookFile) -> None:
    """Raise UnusableRunbook where anything is wrong with the sources of ``file``."""
    if found := problems(file):
        raise UnusableRunbook(found)


def _faults(source: Source) -> list[tuple[Key, str, str]]:
    kind = kinds().get(source.kind)
    if kind is None:
        near = get_close_matches(source.kind, kinds(), 1)
        todo = f"did you mean {near[0]}?" if near else f"use one of: {', '.join(sorted(kinds()))}"
        return [(("kind",), f"{source.kind!r} is no kind of source", todo)]
    found: list[tuple[Key, str, str]] = []
    if source.feed not in kind.FEEDS:
        says = f"a source of kind {source.kind} does not bring {source.feed}"
        found.append((("feed",), says, f"use one of: {', '.join(kind.FEEDS)}"))
    settings = checked(source)
    if isinstance(settings, list):
        known = tuple(kind.Settings.model_fields)
        found += [(key, says, _todo(says, key, known)) for key, says in settings]
    return found


def _todo(says: str, key: Key, known: Sequence[str]) -> str:
    if not says.startswith("no such key"):
        return "see docs/reference/sources.md"
    near = get_close_matches(str(key[-1]), known, 1)
    return f"did you mean `{near[0]}`?" if near else f"known here: {', '.join(known)}"


def _said(detail: Any) -> tuple[Key, str]:
    key = tuple(detail["loc"])
    if detail["type"] == "extra_forbidden":
        return key, "no such key"
    if detail["type"] == "missing":
        return key, "is missing"
    return key, str(detail["msg"]).removeprefix("Value error, ")
