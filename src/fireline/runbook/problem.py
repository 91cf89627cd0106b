"""A problem of a runbook: how grave, where, what is wrong, and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from fireline.errors import RunbookError, Where

Level = Literal["error", "warning", "hint"]
LEVELS: tuple[Level, ...] = ("error", "warning", "hint")
Key = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem; ``line`` counts from 1 and is None only when there is no text to point into."""

    level: Level
    file: str
    line: int | None
    key: str
    says: str
    todo: str = ""

    def __str__(self) -> str:
        spot = f"{self.file}:{self.line}" if self.line is not None else self.file
        key = f"`{self.key}`: " if self.key else ""
        return f"{spot}: {key}{self.says}" + (f" -> {self.todo}" if self.todo else "")


class UnusableRunbook(RunbookError):
    """A runbook that cannot be used; ``problems`` lists everything that is wrong with it, in file order."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda p: (p.line or 0, p.key)))
        first = self.problems[0]
        many = f"{len(self.problems)} problems\n" if len(self.problems) > 1 else ""
        super().__init__(
            many + "\n".join(map(str, self.problems)),
            where=Where(file=first.file) if many else None,
        )


def write_key(key: Iterable[str | int]) -> str:
    """A path of keys as people write it.

    >>> write_key(("decisions", 0, "when"))
    'decisions[0].when'
    """
    text = ""
    for part in key:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text
