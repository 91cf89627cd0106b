"""People are called at the time it happens, also where a drill's clock runs faster than the wires."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from fireline.errors import SettingsError
from fireline.live.calling import calls
from fireline.terms.timeline import EntryKind
from tests.paging.receiver import Call, Receiver
from tests.support.living import BEGIN, Living

Make = Callable[..., Living]


def settings(folder: Path, url: str) -> Path:
    place = folder / "config.yaml"
    place.write_text(
        f"channels:\n  desk: {{kind: webhook, url: '{url}', allow_private: true, timeout: 5s,"
        f" secret_env: TEST_SECRET}}\npaging:\n  steps:\n    - {{channels: [desk]}}\n"
    )
    return place


def test_a_page_lands_before_the_drills_clock_moves_on(
    living: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_SECRET", "s" * 40)
    one = living()
    one.play(BEGIN + timedelta(hours=1), traffic=one.guarded())

    def slow(call: Call) -> None:
        time.sleep(0.5)  # a wire that takes its time

    with Receiver(before=slow) as desk:
        place = settings(tmp_path, desk.url)
        one.running.after_beat.append(calls(one.running, place, "http://127.0.0.1:8700"))
        while not one.store.incidents():
            one.play(one.clock.now() + timedelta(minutes=12), traffic=one.guarded("B"))
        opened = one.incident.opened_at
        count = one.running.news.count
        one.to(one.clock.now() + timedelta(minutes=12))
        (paged, *_) = one.entries(EntryKind.PAGED)
        assert paged.at == opened
        assert len(desk.calls) >= 1
        assert one.running.news.count > count


def test_settings_that_cannot_be_used_say_which(living: Make, tmp_path: Path) -> None:
    one = living()
    place = tmp_path / "config.yaml"
    for text, part in (
        ("- a list", "no settings"), ("channels: {a: {kind: pigeon}}", "pigeon"),
        ("channels: [", "cannot be read"), ("paging: {steps: [{channels: [desk]}]}", "desk"),
    ):  # fmt: skip
        place.write_text(text)
        with pytest.raises(SettingsError, match=part) as caught:
            calls(one.running, place, "")
        assert caught.value.todo
    with pytest.raises(SettingsError, match="cannot be read"):
        calls(one.running, tmp_path / "none.yaml", "")
