"""What a person does in a room: a form's command, the same as the API's, and the answer beside the button."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fireline import commands
from fireline.errors import FirelineError, StateError
from fireline.terms.incident import Incident

if TYPE_CHECKING:
    from fireline.live.running import Running

LONGEST = 10_000


@dataclass(frozen=True)
class Failed:
    """A command that was refused: which form gave it, what was typed there, why not and what to do."""

    key: str
    text: str
    message: str
    todo: str


def _measured(command: Callable[..., Incident]) -> Callable[..., Incident]:
    def give(running: Running, incident: str, by: str, form: Mapping[str, str]) -> Incident:
        measure = form.get("measure") or None
        return command(running.store, running.clock, incident, measure, by, form.get("text", "").strip())

    return give


def _plain(command: Callable[..., Incident]) -> Callable[..., Incident]:
    def give(running: Running, incident: str, by: str, form: Mapping[str, str]) -> Incident:
        return command(running.store, running.clock, incident, by, form.get("text", "").strip())

    return give


def _role(running: Running, incident: str, by: str, form: Mapping[str, str]) -> Incident:
    return commands.take_role(running.store, running.clock, incident, by, form.get("role", ""))


def _move(running: Running, incident: str, by: str, form: Mapping[str, str]) -> Incident:
    to, text = form.get("to", ""), form.get("text", "").strip()
    return commands.move(running.store, running.clock, incident, by, to, text, form.get("into") or None)


COMMANDS: Mapping[str, Callable[..., Incident]] = {
    "ack": _plain(commands.ack),
    "note": _plain(commands.note),
    "approve": _measured(commands.approve),
    "deny": _measured(commands.deny),
    "undo": _measured(commands.undo),
    "keep": _measured(commands.keep),
    "free": _measured(commands.free),
    "resolve": _plain(commands.resolve),
    "waive": _plain(commands.waive),
    "approve_review": _plain(commands.approve_review),
    "role": _role,
    "move": _move,
}


def give(running: Running, incident: str, command: str, by: str, form: Mapping[str, str]) -> None:
    """Do what the form says. Raises StateError or another FirelineError with what to do instead."""
    found = COMMANDS.get(command)
    if found is None:
        raise StateError(f"there is no command {command!r}", todo=f"use one of: {', '.join(COMMANDS)}")
    if len(form.get("text", "")) > LONGEST:
        raise StateError(f"that is longer than {LONGEST:,} letters", todo="say it shorter, and link the rest")
    found(running, incident, by, form)


def refused(form: Mapping[str, str], command: str, error: FirelineError) -> Failed:
    """The refusal as the page shows it, with what was typed."""
    return Failed(form.get("key") or command, form.get("text", ""), error.message, error.todo)
