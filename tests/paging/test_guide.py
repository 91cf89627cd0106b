"""The guide is what happens, and the reference is whole."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from fireline.channels import opened
from fireline.paging import configured
from tests.paging.devices import SECRET
from tests.paging.receiver import Receiver
from tests.paging.test_contract import KEY, message

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "guides" / "get-paged.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    found = re.search(rf"```{language}(?: [^\n]*)?\n(.*?)```", GUIDE, re.S)
    assert found is not None
    return found[1]


def test_the_settings_of_the_guide_can_be_used_as_written(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "FIRELINE_WEBHOOK_SECRET": SECRET, "FIRELINE_MAIL_PASSWORD": "p", "FIRELINE_CHAT_URLS": "ntfy://topic",
        "FIRELINE_HEARTBEAT_URL": "https://hc.example.org/uuid",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    found = configured(yaml.safe_load(block("yaml")), "fireline.yaml")
    assert sorted(found.channels) == ["chat", "mail", "ops"]
    assert [step.channels for step in found.paging.steps] == [("ops",), ("mail", "chat")]
    assert found.pulse is not None


def test_the_guides_code_tells_a_genuine_page_from_a_forged_one(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_SECRET", SECRET)
    plain = {"kind": "webhook", "url": receiver.url, "secret_env": "TEST_SECRET", "allow_private": True}
    opened("ops", plain).send(message(), KEY)
    (call,) = receiver.calls
    scope: dict[str, Any] = {}
    exec(block("python"), scope)
    is_genuine = scope["is_genuine"]
    header = call.headers["fireline-signature"]
    assert is_genuine(header, call.body, SECRET)
    assert not is_genuine(header, call.body + b" ", SECRET)
    assert not is_genuine(header, call.body, "another secret")
    assert not is_genuine(header, call.body, SECRET, tolerance=-1), "too old"
    later = re.sub(r"t=\d+", lambda t: f"t={int(t[0][2:]) + 1}", header)
    assert not is_genuine(later, call.body, SECRET), "the time is signed too"
    for nonsense in ("", "t=x,v1=y", "v1=abc", "t=1", "t=1,v1=é"):
        assert not is_genuine(nonsense, call.body, SECRET)


def test_the_guides_payload_has_the_keys_of_a_real_one(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_SECRET", SECRET)
    plain = {"kind": "webhook", "url": receiver.url, "secret_env": "TEST_SECRET", "allow_private": True}
    opened("ops", plain).send(message(), KEY)
    assert sorted(json.loads(block("json"))) == sorted(receiver.calls[0].json)


def test_the_guides_page_is_one_that_is_sent() -> None:
    golden = (ROOT / "tests" / "paging" / "golden" / "page.txt").read_text(encoding="utf-8")
    assert block("text") == golden


def test_the_reference_is_made_from_the_settings() -> None:
    spec = importlib.util.spec_from_file_location("settings_page", ROOT / "scripts" / "settings_page.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    page = (ROOT / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")
    assert page == script.page(), "make it anew: python scripts/settings_page.py docs/reference/settings.md"
