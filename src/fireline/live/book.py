"""A service as its runbook tells it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from fireline.detect.baseline import Baseline
from fireline.errors import InputError, Where
from fireline.runbook.load import read
from fireline.runbook.schema import Runbook
from fireline.sources.pull import refuse


@dataclass(frozen=True)
class Book:
    """A service as its runbook tells it, with what was usual: read when the server starts, and again when
    another baseline is in force."""

    runbook: Runbook
    baseline: Baseline
    path: Path
    text: str


def open_books(paths: Iterable[Path]) -> list[Book]:
    """The runbooks with their baselines. Raises RunbookError and InputError, with what to do."""
    books = []
    for path in paths:
        file = read(path)
        refuse(file)
        runbook = file.runbook
        place = path.parent / runbook.reference.baseline
        if not place.exists():
            raise InputError(
                "the runbook's baseline is missing", where=Where(file=str(place)),
                todo="take one with `fireline init`, or copy the one that belongs to this runbook",
            )  # fmt: skip
        books.append(Book(runbook, Baseline.load(place), path, path.read_text(encoding="utf-8")))
    names = [book.runbook.service for book in books]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(
            f"two runbooks are about the service {twice[0]}", todo="give one runbook for each service"
        )
    return books
