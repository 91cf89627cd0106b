"""Channels: how people are reached. One file per kind; this listing is the registry.

A channel delivers one message and says whether it arrived. It decides nothing: whom to call and when is
the planner's, trying again is the pager's. A new kind is a new file here with ``KIND``, ``Settings`` and
``opened`` in it; the contract suite in ``tests/paging`` runs on it without being told.

What every channel promises:

- ``send`` delivers once or raises ChannelError; ``permanent`` False where trying again may do. It comes back
  within the channel's time-out, a few times over at worst.
- ``key`` goes along where the receiver can see it, and is the same when the same message is sent again.
- Secrets come from the environment or from files, are read when the channel is opened, and stand in no
  ``repr``, no error and no ``to``.
- What a message says stays text: it ends no header, no line of a protocol and no terminal's state.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, Protocol

from pydantic import ValidationError

from fireline.channels._pulse import Pulse, pulse
from fireline.channels._settings import ChannelSettings, explained
from fireline.errors import SettingsError, Where
from fireline.terms.page import Message

__all__ = ["Channel", "Kind", "Pulse", "Receipt", "explained", "kinds", "opened", "pulse"]


@dataclass(frozen=True, slots=True)
class Receipt:
    """That a message was taken by whoever carries it on; ``told`` says by whom, in words."""

    told: str


class Channel(Protocol):
    """One configured way to reach people. ``to`` says whom, in words and without secrets."""

    name: str
    to: str

    def send(self, message: Message, key: str) -> Receipt:
        """Deliver ``message`` once per ``key``, as far as the receiver can tell.

        Raises ChannelError; ``permanent`` False where trying again may do.
        """
        ...


class Kind(Protocol):
    """A kind of channel: its file."""

    KIND: str
    Settings: type[ChannelSettings]

    def opened(self, name: str, settings: Any) -> Channel:
        """The channel called ``name``. Raises SettingsError when a secret cannot be read."""
        ...


@cache
def kinds() -> Mapping[str, Kind]:
    """Every kind there is, by the name that settings call it."""
    names = sorted(module.name for module in iter_modules(__path__) if not module.name.startswith("_"))
    modules: list[Any] = [import_module(f"{__name__}.{name}") for name in names]
    return {module.KIND: module for module in modules}


def opened(name: str, plain: Mapping[str, Any], file: str | None = None) -> Channel:
    """The channel called ``name`` as ``plain`` configures it; ``file`` is where that stands.

    Raises SettingsError with the key and what to do; values are never repeated, one may be a password in the
    wrong place.
    """
    key = f"channels.{name}"
    word = plain.get("kind")
    known = kinds()
    if word not in known:
        close = get_close_matches(str(word), known, n=1)
        raise SettingsError(
            f"is no kind of channel: {word!r}" if word else "does not say its kind",
            todo=f"did you mean {close[0]}?" if close else f"use one of: {', '.join(sorted(known))}",
            where=Where(file=file, key=f"{key}.kind"),
        )
    kind = known[str(word)]
    try:
        settings = kind.Settings.model_validate(plain)
    except ValidationError as error:
        raise explained(error, key, file) from None
    try:
        return kind.opened(name, settings)
    except SettingsError as error:
        below = f".{error.where.key}" if error.where and error.where.key else ""
        raise SettingsError(error.message, todo=error.todo, where=Where(file=file, key=key + below)) from None
