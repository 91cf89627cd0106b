"""A webhook: one signed JSON document per message, posted to an address."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import Field

from fireline.channels import Receipt
from fireline.channels._settings import RemoteSettings, secret
from fireline.channels._text import plain
from fireline.clock import Clock, SystemClock
from fireline.errors import SettingsError, Where
from fireline.outgoing import Target, send, target
from fireline.terms.page import Message

KIND = "webhook"


class Settings(RemoteSettings):
    """A signed JSON POST to an address of yours."""

    kind: Literal["webhook"] = Field(description="`webhook`")
    url: str = Field(default="", description="Where to post to. Not here if the address itself is a secret.")
    url_env: str | None = Field(default=None, description="The environment variable that holds the address.")
    url_file: Path | None = Field(default=None, description="The file that holds the address.")
    secret_env: str | None = Field(
        default=None, description="The environment variable that holds the secret that signs."
    )
    secret_file: Path | None = Field(default=None, description="The file that holds the secret that signs.")
    unsigned: bool = Field(
        default=False, description="Post without a signature: whoever knows the address can forge pages."
    )
    allow_private: bool = Field(
        default=False,
        description="Allow http:// and addresses of this machine and of private networks. Link-local and "
        "metadata addresses stay barred.",
    )
    ca_file: str | None = Field(
        default=None, description="Certificates to trust instead of the system's, in one PEM file."
    )


@dataclass(frozen=True)
class Webhook:
    """A receiver that is posted to."""

    name: str
    target: Target
    secret: bytes | None = field(repr=False)
    timeout: float
    clock: Clock = field(default_factory=SystemClock, repr=False)

    @property
    def to(self) -> str:
        return self.target.said

    def send(self, message: Message, key: str) -> Receipt:
        body = json.dumps({"key": key, **plain(message).as_json()}, sort_keys=True).encode()
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": key,
            "User-Agent": "fireline",
        }
        if self.secret is not None:
            headers["Fireline-Signature"] = signature(self.secret, body, int(self.clock.now().timestamp()))
        status = send(self.target, body, headers, self.timeout)
        return Receipt(f"{self.to} answered {status}")


def signature(secret: bytes, body: bytes, at: int) -> str:
    """The header that proves who sent ``body`` and when (``at``, seconds since 1970).

    >>> signature(b"k", b"{}", 1700000000)[:25]
    't=1700000000,v1=c6ef47340'
    """
    digest = hmac.new(secret, f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


def opened(name: str, settings: Settings) -> Webhook:
    """The webhook called ``name``. Raises SettingsError when its address or secret cannot be used."""
    url = secret(settings.url_env, settings.url_file, "url")
    if bool(url) == bool(settings.url):
        todo = "give `url`, `url_env` or `url_file`, and one of them only"
        raise SettingsError("needs one address", todo=todo, where=Where(key="url"))
    key = secret(settings.secret_env, settings.secret_file, "secret")
    if key is None and not settings.unsigned:
        todo = "name the secret in `secret_env` or `secret_file`, or say `unsigned: true`"
        raise SettingsError("has no secret to sign with", todo=todo, where=Where(key="secret_env"))
    to = target(url or settings.url, settings.allow_private, ca_file=settings.ca_file)
    return Webhook(name, to, key.encode() if key else None, settings.timeout.total_seconds())
