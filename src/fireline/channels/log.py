"""The server's own log: for a first look, and where nothing else is configured. It wakes nobody."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from fireline.channels import Receipt
from fireline.channels._settings import ChannelSettings
from fireline.channels._text import plain
from fireline.terms.page import Message

KIND = "log"
LOGGER = logging.getLogger("fireline.pages")


class Settings(ChannelSettings):
    """The server's own log. It wakes nobody."""

    kind: Literal["log"] = Field(description="`log`")


@dataclass(frozen=True)
class Log:
    """Writes messages where the server writes."""

    name: str
    to: str = "the server's log"

    def send(self, message: Message, key: str) -> Receipt:
        """Write it, indented, so that no line of it can pass for a line of the log."""
        LOGGER.warning("%s", "\n    ".join([*plain(message).text.splitlines(), key]))
        return Receipt("written into the server's log")


def opened(name: str, settings: Settings) -> Log:
    """The channel called ``name``."""
    return Log(name)
