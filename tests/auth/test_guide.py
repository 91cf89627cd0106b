"""The guide says what is so: its commands run as written, its numbers and answers are the server's."""

from __future__ import annotations

import io
import re
import shlex
from pathlib import Path

import pytest

from fireline.cli.entry import main
from fireline.store import Store
from fireline.store.people import People
from fireline.terms.people import LEVELS, SCOPES
from fireline.web.auth import Access
from fireline.web.auth.access import MIB
from fireline.web.auth.gate import STALE
from fireline.web.auth.passwords import SHORTEST, Guesses

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs/guides/who-may-do-what.md").read_text(encoding="utf-8")


def test_its_commands_run_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```console\n(.*?)```", GUIDE, re.S)
    lines = [shlex.split(line)[2:] for block in blocks for line in block.splitlines()]
    told = [words for words in lines if words[0] in ("user", "token")]
    assert len(told) == len(lines) - 1 == 11, "all but `serve`"
    for words in told:
        monkeypatch.setattr("sys.stdin", io.StringIO("correct horse battery staple\n"))
        assert main(words) == 0, (words, capsys.readouterr().err)
    with Store.open("fireline-data/fireline.sqlite") as store:
        people = People(store)
        assert [(one.name, one.role, one.disabled) for one in people.users()] == [
            ("ada", "admin", False),
            ("grace", "admin", False),
        ]
        assert [one.name for one in people.tokens() if one.revoked_at is None] == ["prometheus"]


def test_its_numbers_are_the_servers() -> None:
    access = Access()
    assert f"at least {SHORTEST} characters" in GUIDE
    assert (access.idle_hours, access.session_hours) == (12, 7 * 24)
    assert "ends after 12 hours without use, and after a week in any case" in GUIDE.replace("\n", " ")
    assert (Guesses.PAIR, Guesses.WINDOW.total_seconds(), STALE.total_seconds()) == (5, 15 * 60, 10)
    sizes = {path: limit // MIB for path, limit in access.max_bodies.items()}
    otlp = {f"/v1/otlp/v1/{what}": 8 for what in ("traces", "logs", "metrics")}
    told = {"/v1/changes": 8, "/v1/reports": 8, "/v1/jobs": 8, **otlp}
    large = {f"/v1/{kind}": 64 for kind in ("events", "counts", "labels", "signals")}
    assert sizes == {**large, **told}
    assert (
        "64 MiB (events, counts, labels, signals), 8 MiB (changes, reports, jobs, OpenTelemetry) or 1 MiB"
        in GUIDE
    )


@pytest.mark.parametrize("word", [*LEVELS, *SCOPES])
def test_it_names_every_role_and_scope(word: str) -> None:
    assert f"`{word}`" in GUIDE
