"""What the settings of channels have in common: a time-out, and secrets that stand elsewhere."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, model_validator

from fireline.channels._text import one_line
from fireline.errors import SettingsError, Where
from fireline.runbook.part import Part
from fireline.runbook.values import Duration


class ChannelSettings(Part):
    """A channel's settings; each kind adds its own."""

    kind: str = Field(description="The kind of channel.")


class RemoteSettings(ChannelSettings):
    """Settings of a channel with somebody at its other end."""

    timeout: Duration = Field(
        default=timedelta(seconds=10),
        description="How long the other side may take before it is tried again.",
    )

    @model_validator(mode="after")
    def _waits(self) -> RemoteSettings:
        if not timedelta(seconds=0.1) <= self.timeout <= timedelta(minutes=1):
            raise ValueError("`timeout` is between 0.1s and 1m: nobody waits longer to be called")
        return self


def secret(env: str | None, file: Path | None, key: str) -> str | None:
    """What ``$env`` or ``file`` holds, without white space around it; None where neither is named.

    ``key`` is the setting's name without its ending, such as ``password``. Raises SettingsError when it
    cannot be read or is empty.
    """
    if env and file:
        raise SettingsError(
            f"both `{key}_env` and `{key}_file` are given",
            todo="leave one out",
            where=Where(key=f"{key}_env"),
        )
    if env:
        value = os.environ.get(env, "").strip()
        if not value:
            todo = f"export {env} where the server is started"
            raise SettingsError(f"${env} is not set", todo=todo, where=Where(key=f"{key}_env"))
        return value
    if file is None:
        return None
    try:
        value = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not text"
        raise SettingsError(
            f"{file} cannot be read: {why}",
            todo="check the path and permissions",
            where=Where(key=f"{key}_file"),
        ) from None
    if not value:
        raise SettingsError(
            f"{file} is empty", todo=f"write the {key} into it", where=Where(key=f"{key}_file")
        )
    return value


def scrubbed(text: str, *secrets: str | None) -> str:
    """``text`` on one line of at most 300 characters, every secret in it blotted out."""
    for one in secrets:
        if one:
            text = text.replace(one, "***")
    return one_line(text)[:300]


def explained(error: ValidationError, key: str, file: str | None = None) -> SettingsError:
    """What is wrong with the settings under ``key``, the first thing first; no value is repeated."""
    said = [_line(detail, key) for detail in error.errors(include_url=False, include_input=False)]
    (where, message), rest = said[0], [f"{at} {words}" for at, words in said[1:]]
    more = f"; also {'; '.join(rest)}" if rest else ""
    return SettingsError(
        message + more, todo="see docs/reference/settings.md", where=Where(file=file, key=where)
    )


def _line(detail: Any, key: str) -> tuple[str, str]:
    at = ".".join([key, *(str(part) for part in detail["loc"])]) if key else ".".join(map(str, detail["loc"]))
    if detail["type"] == "extra_forbidden":
        return at, "is no setting there is"
    if detail["type"] == "missing":
        return at, "is missing"
    return at, str(detail["msg"]).removeprefix("Value error, ")
