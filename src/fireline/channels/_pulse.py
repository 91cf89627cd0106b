"""The dead-man's switch: asks one address, again and again, for as long as there is life."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fireline.channels._settings import secret
from fireline.errors import SettingsError, Where
from fireline.outgoing import Target, send, target

TIMEOUT = 10.0


@dataclass(frozen=True)
class Pulse:
    """An address that a watchdog listens at."""

    target: Target

    @property
    def to(self) -> str:
        """Who listens, without the path."""
        return self.target.said

    def beat(self) -> None:
        """Ask once. Raises ChannelError."""
        send(self.target, None, {"User-Agent": "fireline"}, TIMEOUT, method="GET")


def pulse(
    url: str = "",
    url_env: str | None = None,
    url_file: Path | None = None,
    allow_private: bool = False,
    ca_file: str | None = None,
) -> Pulse:
    """The pulse that these settings mean. Raises SettingsError when the address cannot be used."""
    found = secret(url_env, url_file, "url")
    if bool(found) == bool(url):
        todo = "give `url`, `url_env` or `url_file`, and one of them only"
        raise SettingsError("needs one address", todo=todo, where=Where(key="url"))
    return Pulse(target(found or url, allow_private, ca_file=ca_file))
