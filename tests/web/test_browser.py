"""The report in a real browser: its script runs under its own policy, and nothing hostile does."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from fireline.web import report
from tests.support import sample_incidents as sample

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")


def dom(path: Path, profile: Path) -> tuple[str, str]:
    quiet = ["--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}"]
    command = [
        BROWSER,
        *quiet,
        "--enable-logging=stderr",
        "--virtual-time-budget=2000",
        "--dump-dom",
        path.as_uri(),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    return done.stdout, done.stderr


def test_the_script_runs_and_the_policy_is_not_broken(tmp_path: Path):
    incident = sample.deploy_incident()[0].as_json()
    incident["timeline"] = [*incident["timeline"], {**incident["timeline"][1], "seq": 99}]
    shown, said = dom(
        report.write(tmp_path / "report.html", [incident], sample.summary()), tmp_path / "profile"
    )
    assert shown.count('data-again="" class="page" hidden=""') == 1  # folded away by the script
    assert "Content Security Policy" not in said
    assert "Uncaught" not in said


def test_hostile_text_runs_nothing(tmp_path: Path):
    page = report.write(
        tmp_path / "report.html", [sample.hostile()], {**sample.summary(), "service": sample.HOSTILE}
    )
    shown, said = dom(page, tmp_path / "profile")
    assert "<script>alert" not in shown
    assert "<img" not in shown
    assert "Uncaught" not in said
