"""For every kind of channel the real thing at its other end: it receives, refuses, hangs and breaks."""

from __future__ import annotations

import email
import email.policy
import logging
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from fireline.channels.log import LOGGER
from tests.paging.receiver import Receiver
from tests.support.listening import free_port

SECRET = "s3cr3t-and-nobody-else"
PASSWORD = "hunter2-hunter2"
ENVIRONMENT = {"TEST_SECRET": SECRET, "TEST_PASSWORD": PASSWORD}
Settings = dict[str, Any]
PEM = Path(__file__).parent / "tls" / "loopback.pem"
"""A key and its certificate for 127.0.0.1, made for these tests and trusted by nothing else."""


def server_tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(PEM)
    return context


class Device(Protocol):
    """``settings`` lead to it; ``received`` is the text of all it got. ``refuse`` makes it say no for good,
    ``fail`` that it may be tried again; False where the kind cannot."""

    settings: Settings
    secrets: tuple[str, ...]

    def received(self) -> list[str]: ...

    def refuse(self) -> bool: ...

    def fail(self) -> bool: ...


@dataclass
class WebhookDevice:
    receiver: Receiver
    secrets: tuple[str, ...] = (SECRET,)

    @property
    def settings(self) -> Settings:
        return {
            "kind": "webhook", "url": self.receiver.url, "secret_env": "TEST_SECRET", "allow_private": True,
            "timeout": "30s",
        }  # fmt: skip

    def received(self) -> list[str]:
        return [f"{call.headers['idempotency-key']}\n{call.json['text']}" for call in self.receiver.calls]

    def refuse(self) -> bool:
        self.receiver.answers = [403]
        return True

    def fail(self) -> bool:
        self.receiver.answers = [503]
        return True


@dataclass
class AppriseDevice(WebhookDevice):
    secrets: tuple[str, ...] = ("hook-token",)

    @property
    def settings(self) -> Settings:
        return {"kind": "apprise", "urls_env": "TEST_URLS"}

    @property
    def url(self) -> str:
        return f"json://127.0.0.1:{self.receiver.port}/hook-token"

    def received(self) -> list[str]:
        return [f"{c.json['title']}\n{c.json['message']}" for c in self.receiver.calls]

    def refuse(self) -> bool:
        return False  # Apprise does not tell the one from the other


class Mailbox:
    """An SMTP server's handler: keeps what it takes, and says no with ``code`` when told to."""

    def __init__(self) -> None:
        self.mails: list[Envelope] = []
        self.code = ""
        self.logins: list[tuple[str, str]] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.code:
            return f"{self.code} not here {PASSWORD}"
        self.mails.append(envelope)
        return "250 OK"

    def login(
        self, server: Any, session: Any, envelope: Any, mechanism: str, data: LoginPassword
    ) -> AuthResult:
        self.logins.append((data.login.decode(), data.password.decode()))
        return AuthResult(success=data.password == PASSWORD.encode(), handled=False)


@dataclass
class MailDevice:
    mailbox: Mailbox
    port: int
    secrets: tuple[str, ...] = (PASSWORD,)

    @property
    def settings(self) -> Settings:
        return {
            "kind": "mail", "host": "127.0.0.1", "port": self.port, "tls": "starttls", "ca_file": str(PEM),
            "timeout": "30s", "user": "fireline", "password_env": "TEST_PASSWORD",
            "from": "Fireline <fireline@example.org>", "to": ["ada@example.org", "kim@example.org"],
        }  # fmt: skip

    def received(self) -> list[str]:
        found = []
        for envelope in self.mailbox.mails:
            assert isinstance(envelope.content, bytes)
            mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
            found.append(
                f"{mail['Message-ID']}\n{mail['Subject']}\n{mail.get_content()}".replace("\r\n", "\n")
            )
        return found

    def refuse(self) -> bool:
        self.mailbox.code = "554"
        return True

    def fail(self) -> bool:
        self.mailbox.code = "451"
        return True


@dataclass
class LogDevice:
    records: list[str] = field(default_factory=list)
    secrets: tuple[str, ...] = ()
    settings: Settings = field(default_factory=lambda: {"kind": "log"})

    def received(self) -> list[str]:
        return self.records

    def refuse(self) -> bool:
        return False

    def fail(self) -> bool:
        return False


@contextmanager
def mail_server(**more: Any) -> Iterator[tuple[Mailbox, int]]:
    mailbox = Mailbox()
    if more.pop("wants_login", False):
        more |= {"authenticator": mailbox.login, "auth_required": True}
    more = {"hostname": "127.0.0.1", "port": free_port(), "ready_timeout": 60, **more}
    controller = Controller(mailbox, **more)
    controller.start()
    try:
        yield mailbox, controller.port
    finally:
        controller.stop()


@contextmanager
def webhook() -> Iterator[Device]:
    with Receiver() as receiver:
        yield WebhookDevice(receiver)


@contextmanager
def apprise() -> Iterator[Device]:
    with Receiver() as receiver:
        yield AppriseDevice(receiver)


@contextmanager
def mail() -> Iterator[Device]:
    with mail_server(tls_context=server_tls(), require_starttls=True, wants_login=True) as (mailbox, port):
        yield MailDevice(mailbox, port)


@contextmanager
def log() -> Iterator[Device]:
    device = LogDevice()
    handler = logging.Handler()
    handler.emit = lambda record: device.records.append(record.getMessage())  # type: ignore[method-assign]
    LOGGER.addHandler(handler)
    try:
        yield device
    finally:
        LOGGER.removeHandler(handler)


DEVICES = {"webhook": webhook, "apprise": apprise, "mail": mail, "log": log}


FOREVER = 30.0
"""Seconds a trickler goes on: who is told to wait one second has waited for nobody who took less."""


@contextmanager
def trickler(first: bytes, then: bytes = b"x", every: float = 0.2) -> Iterator[int]:
    """The port of a server that answers a little at a time, for ever: every read of it succeeds."""
    stop = threading.Event()
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while not stop.is_set():
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                try:
                    connection.sendall(first)
                    end = time.monotonic() + FOREVER
                    while not stop.is_set() and time.monotonic() < end:
                        time.sleep(every)
                        connection.sendall(then)
                except OSError:
                    continue

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield int(listening.getsockname()[1])
    finally:
        stop.set()
        listening.close()
