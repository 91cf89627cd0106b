"""Mail: one thread per incident, the key as its id, encrypted, and no header of anybody else's making."""

from __future__ import annotations

import email
import email.policy
import time
from email.message import EmailMessage
from typing import Any

import pytest

from fireline.channels import Channel, opened
from fireline.errors import ChannelError, SettingsError
from tests.paging.devices import FOREVER, PASSWORD, PEM, Mailbox, mail_server, server_tls, trickler
from tests.paging.test_contract import KEY, message


@pytest.fixture(autouse=True)
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_PASSWORD", PASSWORD)


def mail(at: int, **more: Any) -> Channel:
    plain = {
        "kind": "mail", "host": "127.0.0.1", "port": at, "tls": "none", "timeout": "30s",
        "from": "fireline@example.org", "to": "ada@example.org",
    }  # fmt: skip
    return opened("mail", plain | more)


def only(mailbox: Mailbox) -> EmailMessage:
    (envelope,) = mailbox.mails
    assert isinstance(envelope.content, bytes)
    found = email.message_from_bytes(envelope.content, policy=email.policy.default)
    assert isinstance(found, EmailMessage)
    return found


def test_one_incident_is_one_thread_and_the_key_is_the_id() -> None:
    with mail_server() as (mailbox, port):
        mail(port).send(message(), KEY)
        found = only(mailbox)
    assert found["Message-ID"] == f"<{KEY}@example.org>"
    assert found["References"] == found["In-Reply-To"] == "<inc-1@example.org>"
    assert found["Auto-Submitted"] == "auto-generated"
    assert found["Subject"] == "SEV2 flights: AUC fell"
    assert found["Date"] == "Mon, 18 Mar 2024 06:00:00 +0000"


@pytest.mark.parametrize(
    "evil", ["a\r\nBcc: evil@example.org", "a\nBcc: evil@example.org", "a\rBcc: evil@example.org"]
)
def test_a_title_cannot_become_a_header(evil: str) -> None:
    with mail_server() as (mailbox, port):
        mail(port).send(
            message(evil, "x\n.\nMAIL FROM:<evil@example.org>"), f"{KEY}>\r\nBcc: evil@example.org"
        )
        found = only(mailbox)
    assert found["Bcc"] is None
    assert found["Subject"] == "a Bcc: evil@example.org"
    assert mailbox.mails[0].rcpt_tos == ["ada@example.org"]
    assert "MAIL FROM" in found.get_content(), "a line with a dot alone ends no mail"


def test_a_long_title_in_any_script_survives() -> None:
    title = "SEV1 расписание: погрешность 上昇 " + "é" * 40
    with mail_server() as (mailbox, port):
        mail(port).send(message(title), KEY)
        assert only(mailbox)["Subject"] == title


def test_the_password_goes_over_tls_only() -> None:
    login = {"user": "fireline", "password_env": "TEST_PASSWORD"}
    with pytest.raises(SettingsError, match="never sent unencrypted"):
        mail(25, **login)
    with mail_server(tls_context=server_tls(), require_starttls=True, wants_login=True) as (mailbox, port):
        mail(port, tls="starttls", ca_file=str(PEM), **login).send(message(), KEY)
        assert only(mailbox)["Fireline-Key"] == KEY
        assert mailbox.logins == [("fireline", PASSWORD)]
        with pytest.raises(ChannelError, match="no certificate to trust"):
            mail(port, tls="starttls", **login).send(message(), KEY)


def test_a_wrong_password_is_for_good_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_PASSWORD", "wrong-and-secret")
    with mail_server(tls_context=server_tls(), require_starttls=True, wants_login=True) as (_, port):
        login = {"user": "fireline", "password_env": "TEST_PASSWORD"}
        channel = mail(port, tls="starttls", ca_file=str(PEM), **login)
        with pytest.raises(ChannelError, match="535") as refused:
            channel.send(message(), KEY)
    assert refused.value.permanent
    assert "wrong-and-secret" not in str(refused.value)


def test_a_server_without_encryption_gets_nothing() -> None:
    with mail_server() as (mailbox, port):
        with pytest.raises(ChannelError, match="does not offer") as refused:
            mail(port, tls="starttls").send(message(), KEY)
        assert refused.value.permanent
        assert mailbox.mails == []


@pytest.mark.parametrize(("code", "permanent"), [("554", True), ("451", False)])
def test_the_servers_no_is_for_good_or_not(code: str, permanent: bool) -> None:
    with mail_server() as (mailbox, port):
        mailbox.code = code
        with pytest.raises(ChannelError, match=code) as refused:
            mail(port).send(message(), KEY)
        assert refused.value.permanent is permanent


def test_who_is_refused_is_told_and_the_others_get_it_once() -> None:
    class Picky(Mailbox):
        async def handle_RCPT(
            self, server: Any, session: Any, envelope: Any, address: str, options: Any
        ) -> str:
            if address.startswith("gone"):
                return "550 no such user"
            envelope.rcpt_tos.append(address)
            return "250 OK"

    with mail_server() as (mailbox, port):
        mailbox.__class__ = Picky
        receipt = mail(port, to=["ada@example.org", "gone@example.org"]).send(message(), KEY)
        assert "not for gone@example.org" in receipt.told
        assert mailbox.mails[0].rcpt_tos == ["ada@example.org"]
        with pytest.raises(ChannelError, match=r"takes nothing for gone@example\.org") as refused:
            mail(port, to="gone@example.org").send(message(), KEY)
        assert refused.value.permanent


def test_a_goodbye_that_fails_makes_nothing_unsent() -> None:
    class Rude(Mailbox):
        async def handle_QUIT(self, server: Any, session: Any, envelope: Any) -> str:
            return "421 go away"

    with mail_server() as (mailbox, port):
        mailbox.__class__ = Rude
        assert mail(port).send(message(), KEY)
        assert len(mailbox.mails) == 1


def test_a_server_that_says_nothing_is_left_in_time() -> None:
    with trickler(b"", b"") as port:
        began = time.monotonic()
        with pytest.raises(ChannelError, match="did not answer within 1 s") as failed:
            mail(port, timeout="1s").send(message(), KEY)
        assert time.monotonic() - began < FOREVER
        assert not failed.value.permanent


@pytest.mark.parametrize(
    ("more", "key"),
    [
        ({"to": []}, "channels.mail.to"),
        ({"to": ["nobody"]}, "channels.mail"),
        ({"to": ["a@b.org\r\nBcc: evil@example.org"]}, "channels.mail"),
        ({"from": "a@"}, "channels.mail"),
        ({"port": 0}, "channels.mail.port"),
        ({"user": "fireline"}, "channels.mail"),
        ({"password_env": "TEST_PASSWORD"}, "channels.mail"),
        ({"tls": "maybe"}, "channels.mail.tls"),
        ({"timeout": "2h"}, "channels.mail"),
        ({"tls": "tls", "ca_file": "/nowhere.pem"}, "channels.mail.ca_file"),
    ],
)
def test_settings_that_cannot_be_are_refused_by_their_key(more: dict[str, Any], key: str) -> None:
    with pytest.raises(SettingsError) as refused:
        mail(25, **more)
    assert key in str(refused.value)
    assert refused.value.todo
