"""The guide past one machine: its commands run as written, and its table of gaps is the data's."""

import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest

from fireline.cli.entry import main
from fireline.clock import ManualClock, micros, parse_time
from fireline.drill.faults import faults
from fireline.drill.worlds import World, write
from fireline.live.book import open_books
from fireline.live.running import Running
from fireline.store import Store
from fireline.telemetry.counters import counters
from fireline.telemetry.pushdown.dialects import dialects
from fireline.telemetry.pushdown.further import further
from fireline.telemetry.pushdown.gaps import EVERY, GAPS, table, uncounted
from fireline.terms.plan import Layout
from fireline.web.app import create_app
from fireline.web.auth import Access
from tests.support import logs
from tests.support.listening import listening

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
    assert len(said) == 7
    for command in said[:5]:
        assert main(command) == 0, (command, capsys.readouterr().err)
    assert "only counts came in" in Path("out/report.html").read_text(encoding="utf-8")
    written = re.findall(r"```yaml\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.S)
    with Path("runbook.yaml").open("a", encoding="utf-8") as runbook:
        runbook.write("\n" + written[0])
    with served(Path("runbook.yaml"), tmp_path / "state", WORLD.live_from) as (running, url):
        running.move_clock(parse_time("2026-01-14T07:05:00Z"))
        for command in said[5:]:
            assert main([*command, *(["--url", url] if command[0] == "send" else [])]) == 0
        running.beat()
        assert running.pulses["pricing"].judged == micros(parse_time("2026-01-14T07:00:00Z"))
        assert main([*said[6], "--url", url]) == 0
        assert "was there already" in capsys.readouterr().out
        assert main(["doctor", "--service", "pricing", "--url", url]) in (0, 1)
        assert "they end" in capsys.readouterr().out


@contextmanager
def served(book: Path, folder: Path, now: datetime) -> Iterator[tuple[Running, str]]:
    """A server on a drill clock, and its address."""
    folder.mkdir()
    with Store.open(folder / "fireline.sqlite") as store:
        running = Running(store, folder, open_books([book]), ManualClock(now))
        running.start()
        app = create_app(running, Access(open_on_loopback=True), begin=False)
        try:
            with listening(app) as url:
                yield running, url
        finally:
            running.stop()


def test_the_guide_prints_the_gaps_as_they_are():
    assert table() in GUIDE.read_text(encoding="utf-8")


def test_gaps_are_of_engines_there_are():
    assert {gap.engine for gap in GAPS} <= {EVERY, *dialects()}


@pytest.mark.parametrize("name", ["something else", *counters()])
def test_layouts_that_no_sql_counts_are_named(name):
    plan = logs.plan()
    assert uncounted(plan) == []
    more = type(plan)(**{**plan.__dict__, "extras": (Layout(name, (), {}),)})
    signals = name in counters() and counters()[name].feed == "signals"
    assert list(uncounted(more)) == ([] if name in further() or signals else [name])
