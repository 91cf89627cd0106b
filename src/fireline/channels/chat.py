"""Everything else: Slack, Teams, Telegram, ntfy, SMS gateways and a hundred more, through Apprise."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from fireline.channels import Receipt
from fireline.channels._settings import RemoteSettings, secret
from fireline.channels._text import plain
from fireline.errors import ChannelError, SettingsError, Where
from fireline.terms.page import Message, PageKind

KIND = "apprise"
TONE = {PageKind.UPDATE: "info", PageKind.RESOLVED: "success"}


class Settings(RemoteSettings):
    """Any service that Apprise knows: Slack, Teams, Telegram, ntfy, SMS gateways and many more."""

    kind: Literal["apprise"] = Field(description="`apprise`")
    urls_env: str | None = Field(
        default=None,
        description="The environment variable that holds the Apprise addresses, apart by spaces. They are "
        "secrets: whoever knows one can write there. When one of several fails, all are tried again, so give "
        "each a channel of its own.",
    )
    urls_file: Path | None = Field(default=None, description="The file that holds them, one a line.")


@dataclass(frozen=True)
class Chat:
    """One or several services, all of which must take the message."""

    name: str
    to: str
    sender: Any = field(repr=False)

    def send(self, message: Message, key: str) -> Receipt:
        """Deliver it. Apprise does not say why something failed, so it is always worth another try.

        ``key`` stands in the last line: most of these services know no idempotency key.
        """
        message = plain(message)
        body = f"{message.text.partition(chr(10))[2].strip()}\n{key}".strip()
        tone = TONE.get(PageKind(message.kind), "failure")
        try:
            done = self.sender.notify(
                title=message.title, body=body, notify_type=tone, body_format="text", interpret_escapes=False
            )
        except (OSError, ValueError, TypeError) as error:
            raise ChannelError(f"{self.to} failed: {type(error).__name__}", permanent=False) from None
        if not done:
            todo = "try the address with the `apprise` command"
            raise ChannelError(f"{self.to} did not take it", todo=todo, permanent=False)
        return Receipt(f"{self.to} took it")


def opened(name: str, settings: Settings) -> Chat:
    """The channel called ``name``. Raises SettingsError without Apprise, or when an address is none."""
    text = secret(settings.urls_env, settings.urls_file, "urls")
    if text is None:
        todo = "name the addresses in `urls_env` or `urls_file`"
        raise SettingsError("has no addresses", todo=todo, where=Where(key="urls_env"))
    try:
        apprise = importlib.import_module("apprise")
    except ImportError:
        raise SettingsError("needs Apprise", todo="pip install apprise", where=Where(key="kind")) from None
    sender = apprise.Apprise()
    for number, url in enumerate(text.split(), 1):
        one = apprise.Apprise.instantiate(url)
        if one is None:
            todo = "see https://github.com/caronc/apprise/wiki"
            said = f"address {number} is none that Apprise knows"
            raise SettingsError(said, todo=todo, where=Where(key="urls_env"))
        one.socket_connect_timeout = one.socket_read_timeout = settings.timeout.total_seconds()
        sender.add(one)
    services = sorted({str(one.service_name) for one in sender})
    return Chat(name, ", ".join(services), sender)
