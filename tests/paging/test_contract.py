"""What every kind of channel promises, asked of every one of them against the real other end."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from typing import Any

import pytest

from fireline.channels import Channel, kinds, opened
from fireline.errors import ChannelError, SettingsError
from fireline.terms.page import Message
from tests.paging.devices import DEVICES, ENVIRONMENT, FOREVER, AppriseDevice, Device, MailDevice, trickler

KEY = "page-0123456789abcdef"
HOSTILE = "AUC fell\r\nBcc: evil@example.org\n\x1b[31m<b>@everyone</b> {{7*7}} \u202e"


def message(title: str = "SEV2 flights: AUC fell", more: str = "Why: a deploy.\nGot it?") -> Message:
    return Message(
        "inc-1", "flights", "page", title, f"{title}\n{more}", "SEV2", "https://f/incidents/inc-1",
        "2024-03-18T06:00:00Z",
    )  # fmt: skip


@pytest.fixture(params=sorted(kinds()))
def device(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Device]:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    assert request.param in DEVICES, "a new kind needs its device in tests/paging/devices.py"
    with DEVICES[request.param]() as ready:
        if isinstance(ready, AppriseDevice):
            monkeypatch.setenv("TEST_URLS", ready.url)
        yield ready


@pytest.fixture
def channel(device: Device) -> Channel:
    return opened("ops", device.settings)


def test_a_message_arrives_once_whole_and_with_its_key(channel: Channel, device: Device) -> None:
    receipt = channel.send(message(), KEY)
    (got,) = device.received()
    for part in ("SEV2 flights: AUC fell", "Why: a deploy.", "Got it?", KEY):
        assert part in got
    assert receipt.told


def test_sent_again_it_carries_the_same_key(channel: Channel, device: Device) -> None:
    channel.send(message(), KEY)
    channel.send(message(), KEY)
    one, other = device.received()
    assert one == other


def test_what_a_message_says_stays_text(channel: Channel, device: Device) -> None:
    channel.send(message(HOSTILE, HOSTILE), KEY)
    (got,) = device.received()
    assert "AUC fell" in got
    assert [c for c in got if not c.isprintable() and c != "\n"] == []
    if isinstance(device, MailDevice):
        assert [envelope.rcpt_tos for envelope in device.mailbox.mails] == [list(device.settings["to"])]


def test_a_refusal_is_for_good(channel: Channel, device: Device) -> None:
    if not device.refuse():
        pytest.skip("this kind is never refused for good")
    with pytest.raises(ChannelError) as refused:
        channel.send(message(), KEY)
    assert refused.value.permanent


def test_a_failure_may_be_tried_again(channel: Channel, device: Device) -> None:
    if not device.fail():
        pytest.skip("this kind does not fail")
    with pytest.raises(ChannelError) as failed:
        channel.send(message(), KEY)
    assert not failed.value.permanent
    for secret in device.secrets:
        assert secret not in str(failed.value)


def test_secrets_are_shown_nowhere(
    channel: Channel, device: Device, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, logger="fireline"):
        channel.send(message(), KEY)
        if device.fail():
            with pytest.raises(ChannelError) as failed:
                channel.send(message(), KEY)
            assert all(secret not in str(failed.value) for secret in device.secrets)
    for secret in device.secrets:
        assert secret not in repr(channel)
        assert secret not in channel.to
        assert all(secret not in record.getMessage() for record in caplog.records)
    assert channel.to


def test_a_setting_nobody_knows_is_refused_by_its_key_and_its_value_is_not_repeated(device: Device) -> None:
    with pytest.raises(SettingsError) as refused:
        opened("ops", {**device.settings, "pasword": "hunter2"}, "fireline.yaml")
    assert "fireline.yaml channels.ops.pasword: is no setting there is" in str(refused.value)
    assert "hunter2" not in str(refused.value)
    assert refused.value.todo


def test_a_secret_that_is_not_there_is_named(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    names = {key: value for key, value in device.settings.items() if key.endswith("_env")}
    if not names:
        pytest.skip("this kind has no secret")
    for key, name in names.items():
        monkeypatch.delenv(name)
        with pytest.raises(SettingsError) as refused:
            opened("ops", device.settings)
        assert f"channels.ops.{key}" in str(refused.value)
        assert f"${name} is not set" in str(refused.value)


@pytest.mark.parametrize(
    ("plain", "said"),
    [
        ({}, "does not say its kind"),
        ({"kind": "webhok"}, "did you mean webhook?"),
        ({"kind": "carrier-pigeon-of-old"}, "use one of: apprise, log, mail, webhook"),
    ],
)
def test_a_kind_that_is_none_is_refused_with_what_there_is(plain: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        opened("ops", plain)


def test_who_never_answers_is_left_in_time(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    if device.settings["kind"] == "log":
        pytest.skip("nobody is at the other end")
    with trickler(b"", b"") as port:
        monkeypatch.setenv("TEST_URLS", f"json://127.0.0.1:{port}/hook-token")
        more = {"webhook": {"url": f"http://127.0.0.1:{port}/"}, "mail": {"port": port}}
        kind = device.settings["kind"]
        channel = opened("ops", {**device.settings, "timeout": "1s", **more.get(kind, {})})
        began = time.monotonic()
        with pytest.raises(ChannelError) as failed:
            channel.send(message(), KEY)
        assert time.monotonic() - began < FOREVER
        assert not failed.value.permanent
