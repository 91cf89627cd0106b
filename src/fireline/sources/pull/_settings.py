"""What the settings of sources have in common: no key that nobody knows, and secrets that stand elsewhere."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, ConfigDict
from pydantic_core import PydanticCustomError

from fireline.errors import SettingsError, Where
from fireline.runbook.part import Part
from fireline.terms.quarantine import cut

ENV = "env:"
_HIDDEN = ("password", "passwd", "pwd", "token", "secret", "key")


class PullSettings(Part):
    """A source's own settings; each kind adds its own fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


def _only_named(value: str) -> str:
    if not value.startswith(ENV) or not value.removeprefix(ENV).isidentifier():
        raise PydanticCustomError(
            "secret", "a secret does not stand in a runbook: write env:NAME and export NAME", {}
        )
    return value


def _without_password(value: str) -> str:
    if value.startswith(ENV):
        return _only_named(value)
    if any(True for _ in passwords(value)):
        raise PydanticCustomError(
            "secret",
            "a password does not stand in a runbook: write `url: env:NAME` and export NAME, or leave the "
            "password out and give `password: env:NAME`",
            {},
        )
    return value


Secret = Annotated[str, AfterValidator(_only_named)]
"""A secret, written ``env:NAME``: the environment of the server holds it."""

Address = Annotated[str, AfterValidator(_without_password)]
"""A URL without a password in it, or ``env:NAME`` for one that has."""


def revealed(value: str | None, key: str) -> str | None:
    """What ``value`` says: for ``env:NAME`` what the environment holds. Raises SettingsError where it is
    unset."""
    if value is None or not value.startswith(ENV):
        return value
    name = value.removeprefix(ENV)
    held = os.environ.get(name, "").strip()
    if not held:
        raise SettingsError(
            f"${name} is not set", todo=f"export {name} where the server is started", where=Where(key=key)
        )
    return held


def secrets_of(plain: Mapping[str, Any]) -> tuple[str, ...]:
    """Everything that ``env:NAME`` in ``plain`` stands for, and passwords inside it: never to be shown."""
    found: dict[str, None] = {}
    for value in _texts(plain.values()):
        if value.startswith(ENV):
            held = os.environ.get(value.removeprefix(ENV), "").strip()
            found.update(dict.fromkeys([held, *passwords(held)]))
    return tuple(sorted((one for one in found if one), key=len, reverse=True))


def scrubbed(text: str, secrets: Iterable[str], limit: int = 500) -> str:
    """``text`` on one line, every secret in it blotted out."""
    for one in secrets:
        text = text.replace(one, "***")
    return cut(" ".join(text.split()), limit)


def passwords(url: str) -> Iterator[str]:
    """The passwords that stand in ``url``, as written and as meant."""
    try:
        parts = urlsplit(url)
        held = [parts.password] if parts.password else []
    except ValueError:
        return
    for pair in parts.query.split("&"):
        name, _, value = pair.partition("=")
        if value and any(word in name.lower() for word in _HIDDEN):
            held.append(value)
    for one in held:
        yield one
        if unquote(one) != one:
            yield unquote(one)


def _texts(values: Iterable[Any]) -> Iterator[str]:
    for value in values:
        if isinstance(value, str):
            yield value
        elif isinstance(value, Mapping):
            yield from _texts(value.values())
        elif isinstance(value, (list, tuple)):
            yield from _texts(value)
