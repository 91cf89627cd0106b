"""The table of `fireline coverage` on a narrow terminal: no answer is cut off."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from fireline.cli import coverage, screen


@pytest.mark.parametrize("width", [80, 100, 140])
def test_no_answer_is_cut_off_on_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    written = io.StringIO()
    console = Console(file=written, width=width)
    monkeypatch.setattr(screen, "out", lambda: console)
    told = SimpleNamespace(page=None, first=SimpleNamespace(after=2100.0, by="null rate of trip.distance_m"))
    row = SimpleNamespace(
        harm=SimpleNamespace(group="Inputs"), name="stuck feature (features.trip.distance_m)",
        sizes=[told] * 3, woke=None,
    )  # fmt: skip
    found: Any = SimpleNamespace(rows=[row])
    console.print(coverage._table(found))
    text = written.getvalue()
    assert "…" not in text
    assert text.count("ticket 35 min") == 3
    assert "silent" in text
