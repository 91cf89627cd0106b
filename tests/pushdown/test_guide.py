"""The guide past one machine: its commands run as written, and its table of gaps is the data's."""

import re
import shlex
from pathlib import Path

import pytest

from fireline.cli.entry import main
from fireline.drill.faults import faults
from fireline.drill.worlds import World, write
from fireline.telemetry.counters import counters
from fireline.telemetry.pushdown.dialects import dialects
from fireline.telemetry.pushdown.gaps import EVERY, GAPS, table, uncounted
from fireline.terms.plan import Layout
from tests.support import logs

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "outgrow-one-machine.md"
WORLD = World(
    days=11, reference_days=9, per_minute=2, features=3, segments=1, service="pricing", timezone="UTC"
)


def test_the_guides_commands_run_in_its_order(tmp_path, monkeypatch, capsys):
    write(faults()["outage"].play(WORLD, "large"), tmp_path)
    (tmp_path / "sample.parquet").symlink_to(tmp_path / "events.parquet")
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```console\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.S)
    said = [shlex.split(line[2:])[1:] for block in blocks for line in block.splitlines()]
    assert len(said) == 5
    for command in said:
        assert main(command) == 0, (command, capsys.readouterr().err)
    assert "only counts came in" in Path("out/report.html").read_text(encoding="utf-8")


def test_the_guide_prints_the_gaps_as_they_are():
    assert table() in GUIDE.read_text(encoding="utf-8")


def test_gaps_are_of_engines_there_are():
    assert {gap.engine for gap in GAPS} <= {EVERY, *dialects()}


@pytest.mark.parametrize("name", ["something else", *counters()])
def test_layouts_of_counters_are_named_as_not_counted(name):
    plan = logs.plan()
    assert uncounted(plan) == []
    further = type(plan)(**{**plan.__dict__, "extras": (Layout(name, (), {}),)})
    assert list(uncounted(further)) == [name]
