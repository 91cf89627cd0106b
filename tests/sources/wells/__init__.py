"""For every kind of source the real thing at its other end: one file a kind, named like the kind's."""

from __future__ import annotations

import importlib
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from fireline.runbook.sources import Source
from fireline.sources.pull import Pulled


class Well(Protocol):
    """``source`` declares it. ``secret`` is a text that must never be shown, "" where the kind has none."""

    source: Source
    secret: str

    def pour(self, first: int, count: int) -> None:
        """Rows number ``first``, ``first + 1``, ... are written at the other end."""
        ...

    def ids(self, portion: Pulled) -> list[int]:
        """Which of the numbered rows ``portion`` holds."""
        ...

    def spoil(self) -> bool:
        """A row that nobody can read is written; False where the kind knows none."""
        ...

    def away(self) -> bool:
        """The other end is gone; False where the kind cannot lose it."""
        ...

    def back(self) -> None:
        """It is there again, with all that was poured."""
        ...


def well(kind: str, folder: Path) -> AbstractContextManager[Well]:
    """A well of ``kind`` that lives in ``folder``. Skips where the real part cannot be had."""
    try:
        module: Any = importlib.import_module(f"{__name__}.{kind}")
    except ModuleNotFoundError:
        raise AssertionError(f"the kind {kind} needs its well in tests/sources/wells/{kind}.py") from None
    made: AbstractContextManager[Well] = module.well(folder)
    return made
