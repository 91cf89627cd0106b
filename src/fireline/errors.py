"""Errors a person can act on: what is wrong, where, and what to do next."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Where:
    """The place a message is about: any of file, line (1-based), row (1-based) and key."""

    file: str | None = None
    line: int | None = None
    row: int | None = None
    key: str | None = None

    def __str__(self) -> str:
        spot = self.file or ""
        if self.line is not None:
            spot += f":{self.line}" if spot else f"line {self.line}"
        if self.row is not None:
            spot += f" row {self.row}" if spot else f"row {self.row}"
        if self.key:
            spot += f" {self.key}" if spot else self.key
        return spot.strip()


class FirelineError(Exception):
    """What went wrong, where, and what to do next; ``permanent`` False means: the same again may succeed."""

    def __init__(
        self, message: str, *, todo: str = "", where: Where | None = None, permanent: bool = True
    ) -> None:
        self.message, self.todo, self.where, self.permanent = message, todo, where, permanent
        head = f"{where}: " if where and str(where) else ""
        super().__init__(f"{head}{message}" + (f" -> {todo}" if todo else ""))


class InputError(FirelineError):
    """An event log, label log or change log that cannot be read as given."""


class RunbookError(FirelineError):
    """A runbook that cannot be used as written."""


class StoreError(FirelineError):
    """The journal or another table refused or failed."""


class MeasureInFlight(StoreError):
    """Another measure is in flight for this service: one change at a time."""


class StateError(FirelineError):
    """An entry that the incident's state does not allow."""


class SettingsError(FirelineError):
    """Settings of the server that cannot be used as written."""


class ChannelError(FirelineError):
    """A message that a channel could not deliver."""
