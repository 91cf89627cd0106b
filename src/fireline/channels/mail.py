"""Mail by SMTP: one message per page, one thread per incident."""

from __future__ import annotations

import smtplib
import ssl
from dataclasses import dataclass, field
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from pathlib import Path
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, model_validator

from fireline.channels import Receipt
from fireline.channels._settings import RemoteSettings, scrubbed, secret
from fireline.channels._text import plain
from fireline.clock import Clock, SystemClock, parse_time
from fireline.errors import ChannelError, SettingsError, Where
from fireline.runbook.values import OneOrMore
from fireline.terms.page import Message

KIND = "mail"
PORTS = {"starttls": 587, "tls": 465, "none": 25}


class Settings(RemoteSettings):
    """Mail through your SMTP server."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    kind: Literal["mail"] = Field(description="`mail`")
    host: str = Field(min_length=1, description="The SMTP server.")
    port: int | None = Field(
        default=None, ge=1, le=65535, description="Its port; 587 for starttls, 465 for tls, 25 for none."
    )
    tls: Literal["starttls", "tls", "none"] = Field(
        default="starttls",
        description="starttls: encrypted after a plain greeting, or not sent at all; tls: encrypted from the "
        "start; none: readable on the way, for a relay on this machine.",
    )
    ca_file: str | None = Field(
        default=None, description="Certificates to trust instead of the system's, in one PEM file."
    )
    user: str | None = Field(default=None, description="The name to log in with.")
    password_env: str | None = Field(
        default=None, description="The environment variable that holds the password."
    )
    password_file: Path | None = Field(default=None, description="The file that holds the password.")
    sender: str = Field(
        alias="from", description="Whom the mail is from, such as `Fireline <fireline@example.org>`."
    )
    to: Annotated[tuple[str, ...], OneOrMore] = Field(
        min_length=1, description="Whom it goes to: one address or a list."
    )

    @model_validator(mode="after")
    def _fits(self) -> Settings:
        for text in (self.sender, *self.to):
            address(text)
        if self.user and self.tls == "none":
            raise ValueError("a password is never sent unencrypted: use `tls: starttls` or `tls: tls`")
        if bool(self.user) != bool(self.password_env or self.password_file):
            raise ValueError("`user` and a password (`password_env` or `password_file`) go together")
        return self


@dataclass(frozen=True)
class Mail:
    """A mailbox, or several, behind one SMTP server."""

    name: str
    settings: Settings
    password: str | None = field(repr=False)
    tls: ssl.SSLContext | None = field(default=None, repr=False)
    clock: Clock = field(default_factory=SystemClock, repr=False)

    @property
    def to(self) -> str:
        return ", ".join(address(text).addr_spec for text in self.settings.to)

    def send(self, message: Message, key: str) -> Receipt:
        mail = self._written(plain(message), key)
        sender, to = address(self.settings.sender).addr_spec, [address(t).addr_spec for t in self.settings.to]
        try:
            smtp = self._connected()
            try:
                refused = smtp.send_message(mail, sender, to)
            finally:
                _leave(smtp)
        except (smtplib.SMTPException, OSError, ValueError) as error:
            raise self._said(error) from None
        if refused:
            return Receipt(f"{self.settings.host} took it, but not for {', '.join(sorted(refused))}")
        return Receipt(f"{self.settings.host} took it for {self.to}")

    def _written(self, message: Message, key: str) -> EmailMessage:
        """The mail: its id is the key, and the incident is the thread it belongs to."""
        domain = address(self.settings.sender).domain
        thread = f"<{_word(message.incident)}@{domain}>"
        mail = EmailMessage(policy=SMTP)
        mail["From"] = address(self.settings.sender)
        mail["To"] = [address(text) for text in self.settings.to]
        mail["Subject"] = message.title
        mail["Message-ID"] = f"<{_word(key)}@{domain}>"
        mail["In-Reply-To"] = thread
        mail["References"] = thread
        mail["Date"] = format_datetime(parse_time(message.at) if message.at else self.clock.now())
        mail["Auto-Submitted"] = "auto-generated"
        mail["Fireline-Key"] = _word(key)
        mail.set_content(message.text + "\n")
        return mail

    def _connected(self) -> smtplib.SMTP:
        at, seconds = self.settings, self.settings.timeout.total_seconds()
        port = at.port or PORTS[at.tls]
        if at.tls == "tls":
            smtp: smtplib.SMTP = smtplib.SMTP_SSL(at.host, port, timeout=seconds, context=self.tls)
        else:
            smtp = smtplib.SMTP(at.host, port, timeout=seconds)
        try:
            if at.tls == "starttls":
                smtp.starttls(context=self.tls)
            if at.user and self.password:
                smtp.login(at.user, self.password)
        except BaseException:
            smtp.close()
            raise
        return smtp

    def _said(self, error: Exception) -> ChannelError:
        host = self.settings.host
        if isinstance(error, smtplib.SMTPNotSupportedError):
            todo = "say `tls: none` if the way there is your own machine"
            return ChannelError(f"{host} does not offer what `tls` or `user` asks for", todo=todo)
        if isinstance(error, smtplib.SMTPRecipientsRefused):
            codes = [code for code, _ in error.recipients.values()]
            whom = ", ".join(sorted(error.recipients))
            return ChannelError(f"{host} takes nothing for {whom}", permanent=min(codes, default=500) >= 500)
        if isinstance(error, smtplib.SMTPResponseException):
            reply = error.smtp_error
            words = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else str(reply)
            said = scrubbed(f"{host} answered {error.smtp_code} {words}", self.password, self.settings.user)
            return ChannelError(said, permanent=error.smtp_code >= 500)
        if isinstance(error, TimeoutError) or "timed out" in str(error):  # smtplib wraps it as a broken line
            waited = self.settings.timeout.total_seconds()
            return ChannelError(f"{host} did not answer within {waited:g} s", permanent=False)
        if isinstance(error, ssl.SSLCertVerificationError):
            said = f"{host} has no certificate to trust: {error.verify_message}"
            return ChannelError(said, todo="name its authority in `ca_file`", permanent=False)
        return ChannelError(f"{host} cannot be reached: {type(error).__name__}", permanent=False)


def _leave(smtp: smtplib.SMTP) -> None:
    """Say goodbye; what goes wrong now does not make the mail unsent."""
    try:
        smtp.quit()
    except (smtplib.SMTPException, OSError):
        smtp.close()


def _word(text: str) -> str:
    """``text`` as it may stand in a header's angle brackets."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "-._") else "-" for c in text)


def address(text: str) -> Address:
    """The address in ``text``, with or without a name before it. Raises ValueError when it is none.

    >>> address("Fireline <fireline@example.org>").addr_spec
    'fireline@example.org'
    """
    name, spec = parseaddr(text)
    try:
        if not text.isprintable() or not spec.isascii():
            raise ValueError
        found = Address(display_name=name, addr_spec=spec)
    except (ValueError, IndexError, HeaderParseError):
        raise ValueError("not a mail address: write name@example.org") from None
    if not found.domain or not found.username:
        raise ValueError("not a mail address: write name@example.org")
    return found


def opened(name: str, settings: Settings) -> Mail:
    """The mail channel called ``name``. Raises SettingsError when its password or certificates cannot be
    read."""
    password = secret(settings.password_env, settings.password_file, "password")
    tls = None
    if settings.tls != "none":
        try:
            tls = ssl.create_default_context(cafile=settings.ca_file)
        except (OSError, ssl.SSLError):
            todo = "name a PEM file that can be read"
            raise SettingsError("is no file of certificates", todo=todo, where=Where(key="ca_file")) from None
    return Mail(name, settings, password, tls)
