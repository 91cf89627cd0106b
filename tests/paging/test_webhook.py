"""Webhooks: signed, and sent to where the settings say and nowhere else."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import json
import socket
import ssl
import time
from http.server import HTTPServer
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fireline.channels import Channel, opened
from fireline.clock import SystemClock
from fireline.errors import ChannelError, SettingsError
from fireline.outgoing import barred
from tests.paging.devices import FOREVER, PEM, SECRET, server_tls, trickler
from tests.paging.receiver import Receiver
from tests.paging.test_contract import KEY, message


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_SECRET", SECRET)


def webhook(url: str, **more: Any) -> Channel:
    plain = {
        "kind": "webhook",
        "url": url,
        "secret_env": "TEST_SECRET",
        "allow_private": True,
        "timeout": "30s",
    }
    return opened("ops", plain | more)


def test_the_payload_is_what_the_guide_says_and_nothing_else(receiver: Receiver) -> None:
    webhook(receiver.url).send(message(), KEY)
    (call,) = receiver.calls
    assert (call.method, call.path) == ("POST", "/hook")
    assert call.json == {
        "key": KEY, "incident": "inc-1", "service": "flights", "kind": "page", "severity": "SEV2",
        "title": "SEV2 flights: AUC fell", "text": "SEV2 flights: AUC fell\nWhy: a deploy.\nGot it?",
        "link": "https://f/incidents/inc-1", "at": "2024-03-18T06:00:00Z",
    }  # fmt: skip
    assert call.headers["idempotency-key"] == KEY
    assert call.headers["content-type"] == "application/json"


def test_the_signature_is_over_the_time_and_the_bytes(receiver: Receiver) -> None:
    webhook(receiver.url).send(message(), KEY)
    (call,) = receiver.calls
    stamp, digest = (part.split("=")[1] for part in call.headers["fireline-signature"].split(","))
    wanted = hmac.new(SECRET.encode(), stamp.encode() + b"." + call.body, hashlib.sha256).hexdigest()
    assert digest == wanted
    assert abs(int(stamp) - SystemClock().now().timestamp()) < 60


def test_unsigned_has_to_be_said_aloud(receiver: Receiver) -> None:
    with pytest.raises(SettingsError, match="no secret to sign with"):
        webhook(receiver.url, secret_env=None)
    webhook(receiver.url, secret_env=None, unsigned=True).send(message(), KEY)
    assert "fireline-signature" not in receiver.calls[0].headers


def test_an_address_that_is_a_secret_is_shown_nowhere(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_URL", receiver.url + "/T0/B0/token")
    channel = webhook("", url_env="TEST_URL")
    receiver.answers = [403]
    with pytest.raises(ChannelError) as refused:
        channel.send(message(), KEY)
    assert receiver.calls[0].path == "/hook/T0/B0/token"
    for shown in (repr(channel), channel.to, str(refused.value)):
        assert "token" not in shown


@pytest.mark.parametrize(
    ("status", "permanent"),
    [(400, True), (401, True), (404, True), (410, True), (408, False), (425, False), (429, False),
     (500, False), (502, False), (503, False)],
)  # fmt: skip
def test_an_answer_is_for_good_or_may_be_tried_again(
    receiver: Receiver, status: int, permanent: bool
) -> None:
    receiver.answers = [status]
    with pytest.raises(ChannelError, match=f"answered {status}") as refused:
        webhook(receiver.url).send(message(), KEY)
    assert refused.value.permanent is permanent


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(receiver: Receiver, status: int) -> None:
    with Receiver() as other:
        receiver.answers = [(status, {"Location": other.url})]
        with pytest.raises(ChannelError, match="points elsewhere") as refused:
            webhook(receiver.url).send(message(), KEY)
        assert refused.value.permanent
        assert other.calls == []


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/x", "https://[::1]/x", "https://10.0.0.7/x", "https://192.168.1.1/x", "https://localhost/x",
        "https://[::ffff:127.0.0.1]/x", "https://[64:ff9b::7f00:1]/x", "https://0.0.0.0/x", "https://100.64.0.1/x",
        "https://169.254.169.254/latest/meta-data", "https://[fe80::1]/x", "https://2130706433/x",
    ],
)  # fmt: skip
def test_nothing_is_sent_into_the_private_network_unless_allowed(url: str) -> None:
    with pytest.raises(ChannelError) as refused:
        webhook(url, allow_private=False).send(message(), KEY)
    assert refused.value.permanent, refused.value
    assert "which is" in str(refused.value)


@pytest.mark.parametrize("url", ["http://169.254.169.254/latest", "http://[fe80::1]/x", "http://0.0.0.0:80/"])
def test_metadata_and_link_local_addresses_are_barred_even_where_private_ones_are_allowed(url: str) -> None:
    with pytest.raises(ChannelError, match="which is"):
        webhook(url).send(message(), KEY)


@given(st.ip_addresses())
def test_what_is_not_global_is_barred_unless_allowed(address: Any) -> None:
    if barred(address, allow_private=False) is None:
        assert address.is_global
    if barred(address, allow_private=True) is not None:
        inner = ipaddress.ip_address(address)
        assert barred(inner, allow_private=False) is not None, "allowing allows more, never less"


def test_a_name_that_answers_differently_the_second_time_leads_nowhere(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: what was checked is what is connected to, and it is looked up once."""
    asked: list[str] = []

    def lookup(host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        address = "93.184.216.34" if len(asked) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    connected: list[Any] = []

    def connect(self: socket.socket, place: Any) -> None:
        connected.append(place)
        raise ConnectionRefusedError(111, "refused")

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    monkeypatch.setattr(socket.socket, "connect", connect)
    channel = webhook(f"https://rebind.example.org:{receiver.port}/hook", allow_private=False)
    with pytest.raises(ChannelError):
        channel.send(message(), KEY)
    assert asked == ["rebind.example.org"]
    assert connected == [("93.184.216.34", receiver.port)]
    assert receiver.calls == []


def test_a_name_with_one_private_address_among_public_ones_is_barred(monkeypatch: pytest.MonkeyPatch) -> None:
    places = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, 443)) for a in ("93.184.216.34", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: places)
    with pytest.raises(ChannelError, match=r"10\.0\.0\.1"):
        webhook("https://mixed.example.org/", allow_private=False).send(message(), KEY)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ftp://example.org/x", "is no web address"),
        ("https:///x", "is no web address"),
        ("https://example.org:99999/x", "is no web address"),
        ("https://exa mple.org/", "is no web address"),
        ("https://example.org/a\r\nX-Evil: 1", "is no web address"),
        ("https://user:pass@example.org/", "has a user or a password in it"),
    ],
)
def test_an_address_that_cannot_be_is_refused_and_not_repeated(url: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said) as refused:
        webhook(url)
    assert "pass@" not in str(refused.value)
    assert "channels.ops.url" in str(refused.value)


def test_unencrypted_is_only_for_your_own_network() -> None:
    with pytest.raises(SettingsError, match="is not encrypted"):
        webhook("http://example.org/x", allow_private=False)


def test_a_receiver_that_trickles_is_cut_off_in_time() -> None:
    with trickler(b"", b"H") as port:
        began = time.monotonic()
        with pytest.raises(ChannelError, match="did not answer within 1 s") as failed:
            webhook(f"http://127.0.0.1:{port}/", timeout="1s").send(message(), KEY)
        assert time.monotonic() - began < FOREVER
        assert not failed.value.permanent


def test_headers_without_end_are_not_waited_for_once_it_said_yes() -> None:
    with trickler(b"HTTP/1.1 200 OK\r\n", b"X-B: 2\r\n") as port:
        began = time.monotonic()
        told = webhook(f"http://127.0.0.1:{port}/", timeout="1s").send(message(), KEY).told
        assert time.monotonic() - began < FOREVER
        assert "answered 200" in told


def test_nobody_listening_may_be_tried_again() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        with pytest.raises(ChannelError, match="cannot be reached") as failed:
            webhook(f"http://127.0.0.1:{probe.getsockname()[1]}/").send(message(), KEY)
    assert not failed.value.permanent


def test_tls_is_checked() -> None:
    with Receiver() as receiver:
        secure(receiver.server)
        url = f"https://127.0.0.1:{receiver.port}/hook"
        with pytest.raises(ChannelError, match="no certificate to trust"):
            webhook(url).send(message(), KEY)
        assert receiver.calls == []
        webhook(url, ca_file=str(PEM)).send(message(), KEY)
        assert [json.loads(call.body)["key"] for call in receiver.calls] == [KEY]


def secure(server: HTTPServer) -> None:
    context: ssl.SSLContext = server_tls()
    server.socket = context.wrap_socket(server.socket, server_side=True)


def test_a_proxy_of_the_environment_is_not_asked(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    webhook(receiver.url).send(message(), KEY)
    assert len(receiver.calls) == 1
