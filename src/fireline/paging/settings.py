"""What a settings file says of reaching people: its channels, who is paged when, the watchdog's address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from fireline.channels import Channel, Pulse, explained, kinds, opened, pulse
from fireline.errors import SettingsError, Where
from fireline.oncall import Paging


@dataclass(frozen=True)
class Configured:
    """What a settings file says of reaching people."""

    channels: Mapping[str, Channel]
    paging: Paging
    pulse: Pulse | None = None


def configured(plain: Mapping[str, Any], file: str | None = None) -> Configured:
    """The `channels:` and `paging:` of a settings file; other keys are somebody else's.

    Raises SettingsError with the key and what to do; no value is repeated.
    """
    named = plain.get("channels") or {}
    if not isinstance(named, Mapping) or not all(isinstance(item, Mapping) for item in named.values()):
        todo = f"write `name: {{kind: ...}}` lines; kinds are {', '.join(sorted(kinds()))}"
        raise SettingsError("is no list of channels", todo=todo, where=Where(file=file, key="channels"))
    channels = {str(name): opened(str(name), item, file) for name, item in named.items()}
    try:
        paging = Paging.model_validate(plain.get("paging") or {})
    except ValidationError as error:
        raise explained(error, "paging", file) from None
    missing = [name for name in paging.names if name not in channels]
    if missing:
        known = ", ".join(channels) or "none"
        todo = f"configure it under `channels:`, or use one of those there are ({known})"
        raise SettingsError(
            f"there is no channel {missing[0]!r}", todo=todo, where=Where(file=file, key="paging")
        )
    return Configured(channels, paging, _pulse(paging, file))


def _pulse(paging: Paging, file: str | None) -> Pulse | None:
    beat = paging.heartbeat
    if beat is None:
        return None
    try:
        return pulse(beat.url, beat.url_env, beat.url_file, beat.allow_private, beat.ca_file)
    except SettingsError as error:
        key = f"paging.heartbeat.{error.where.key if error.where else ''}"
        raise SettingsError(error.message, todo=error.todo, where=Where(file=file, key=key)) from None
