"""`fireline slo status` and its guide: the commands of the page run as they are written."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from fireline.cli import slo
from fireline.cli.entry import main
from fireline.detect.promise import LEAST
from fireline.drill.faults import faults
from fireline.drill.worlds import World, write
from fireline.runbook.schema import Runbook
from fireline.terms.budget import ErrorBudget
from fireline.terms.indicator import INDICATORS
from fireline.terms.slo import BURN_RULES, FEWEST_SLICES
from tests.support.quality_town import columns_of, runbook

PAGE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "promise-and-budget.md"
TEXT = PAGE.read_text(encoding="utf-8")
COMMANDS = [
    line.removeprefix("$ fireline ") for block in re.findall(r"```console\n(.*?)```", TEXT, re.S)
    for line in block.splitlines()
]  # fmt: skip
WORLD = World(
    days=10, reference_days=8, per_minute=0.8, features=2, segments=1, service="pricing", timezone="UTC"
)
Output = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log with an outage, and the runbook that `fireline init` drafts for it."""
    folder = tmp_path_factory.mktemp("promised")
    write(faults()["deploy_errors"].play(WORLD, "large"), folder)
    named = [str(folder / name) for name in ("events.parquet", "labels.parquet", "runbook.yaml")]
    drafted = ["init", named[0], "--labels", named[1], "--service", "pricing", "--until", "2026-01-09", "-q"]
    assert main([*drafted, "-o", named[2]]) == 0
    return folder


def test_the_guides_commands_run_in_its_order(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    """The log holds an outage: a promise is broken, which the exit code says."""
    monkeypatch.chdir(place)
    log, then, server, export, take = COMMANDS
    assert main(shlex.split(log)) in (0, 1)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["objective", "budget", "left", "1h/5m", "6h/30m", "1d/2h", "3d/6h", "verdict"]
    assert lines[1].startswith("availability ")
    assert main(shlex.split(then)) in (0, 1)
    told = [ErrorBudget.of_json(one) for one in json.loads(capsys.readouterr().out)]
    assert [one.slo for one in told] == ["availability", "speed", "quality"]
    assert told[0].as_json() == ErrorBudget.of_json(told[0].as_json()).as_json()
    assert main(shlex.split(server)) == 2  # none runs here; tests/cli/test_incidents.py asks one
    assert main(shlex.split(export)) == 0
    assert main(shlex.split(take)) == 0


def test_the_exit_code_says_whether_a_promise_is_broken_or_burns_fast(place: Path, capsys: Output) -> None:
    options = ["slo", "status", str(place / "runbook.yaml"), "--events", str(place / "events.parquet"), "-q"]
    text = (place / "runbook.yaml").read_text()
    truth = json.loads((place / "truth.json").read_text())
    assert main([*options, "--at", truth["onset"]]) == 0
    before = capsys.readouterr().out
    assert re.search(r"availability +\d+\.\d % .* kept", before)
    assert "quality: " in before
    strict = place / "strict.yaml"
    strict.write_text(re.sub(r"(indicator: availability, objective: )[\d.]+", r"\g<1>0.9999", text))
    assert main([*options[:2], str(strict), *options[3:], "--json"]) == 1
    assert json.loads(capsys.readouterr().out)[0]["verdict"] == "broken"


def test_what_cannot_be_asked_says_what_to_do(place: Path, capsys: Output) -> None:
    book, events = str(place / "runbook.yaml"), str(place / "events.parquet")
    assert main(["slo", "status", book, "--at", "2026-01-09"]) == 2
    assert "a server tells how it stands now" in capsys.readouterr().err
    assert main(["slo", "status", book, "--events", events, "--at", "2020-01-01", "-q"]) == 2
    assert "a later --at" in capsys.readouterr().err
    latency = place / "latency.yaml"
    text = (place / "runbook.yaml").read_text()
    latency.write_text(re.sub(r"(indicator: latency.*?threshold: )\d+", r"\g<1>9000000", text))
    main(["check", str(latency)])
    assert "speed cannot be measured: latency is counted up to" in capsys.readouterr().out
    (place / "bare").mkdir()
    bare = place / "bare" / "runbook.yaml"
    bare.write_text((place / "runbook.yaml").read_text())
    assert main(["slo", "status", str(bare), "--events", events, "-q"]) == 2
    assert "the baseline is missing" in capsys.readouterr().err


def test_a_runbook_without_promises_is_told(monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    monkeypatch.setattr(slo, "_asked", lambda *about: [])
    assert main(["slo", "status", "pricing"]) == 0
    assert "promises nothing yet" in capsys.readouterr().out


@pytest.mark.parametrize("block", re.findall(r"```yaml\n(.*?)```", TEXT, re.S))
def test_the_guides_parts_of_a_runbook_are_accepted(block: str) -> None:
    plain: dict[str, Any] = {**runbook("binary", **columns_of("binary")).plain(), **yaml.safe_load(block)}
    plain["columns"] |= {"status": "status", "latency_ms": "latency_ms"}
    assert Runbook.from_plain(plain)


def test_the_guide_tells_the_rules_and_indicators_there_are() -> None:
    assert [name for name in INDICATORS if f"`{name}`" not in TEXT] == []
    for rule in BURN_RULES:
        long, short = rule.name.split(" / ")
        assert f"| {long} and {short} | {rule.rate:g} | a {rule.urgency} |" in TEXT
    assert f"{LEAST} events" in TEXT
    assert FEWEST_SLICES == 3
    assert "fewer than three" in TEXT
