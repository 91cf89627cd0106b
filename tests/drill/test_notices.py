"""A fault is noticed by its family's monitors, and its harmless twin wakes nobody: draft, baseline, judge.

The grid plays every pair large in a small world whose reference was learnt once. It is the judge's part of
``bench/worlds.py``, which plays months through the whole loop.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from fireline.cli.sample import read_sample
from fireline.clock import micros, parse_time
from fireline.detect.baseline import Baseline
from fireline.drill.coverage.judging import Bench, Copy, Tallied, count
from fireline.drill.fault import Fault
from fireline.drill.faults import pairs
from fireline.drill.worlds import World, write
from fireline.ingest import log_of
from fireline.reference import take_baseline
from fireline.runbook.draft import draft
from fireline.runbook.load import load
from fireline.runbook.schema import Runbook
from fireline.telemetry.columns import booleans
from fireline.telemetry.dedup import Dedup
from fireline.terms.alert import Alert

SMALL = World(seed=11, days=3.2, reference_days=2.4, per_minute=8, features=5, segments=1, label_hours=2,
              harmless_deploys=0, timezone="UTC")  # fmt: skip
LONG = replace(SMALL, days=15, reference_days=14, per_minute=2, timezone="Europe/Berlin")
"""Clocks change on a Sunday: what is usual then takes two weeks to learn."""
ONSET = timedelta(hours=4)
SOON = timedelta(hours=12)

WAITING = {
    "canary_failing": "judged from signals, which are not counted here",
    "clock_change_bug": "an input that is a function of the local hour is not noticed within a day yet",
    "embedding_drift": "needs a monitor of given vectors",
    "job_trouble": "judged from runs of jobs, which are not counted here",
    "stream_stall": "a recorded log so far out of order is sorted by time: only a live server's clock tells",
    "user_reports": "judged from signals, which are not counted here",
    "win_rate_drop": "a drafted runbook for a language model has no win rate to judge yet",
}
"""Faults that nothing notices here yet, and why. Their twins must be silent all the same."""
SOFTER = {"holiday_dip": "medium"}
"""More than half of the traffic gone pages, announced or not: a person silences such a holiday beforehand."""
KINDS = {"text_drift": "language"}


@dataclass(frozen=True)
class Books:
    """What was agreed on and learnt before anything went wrong."""

    runbook: Runbook
    baseline: Baseline


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory) -> Callable[[World], Books]:
    made: dict[str, Books] = {}

    def of(world: World) -> Books:
        asked = (world.task, world.groups, world.kpi, world.rungs, world.embedding, world.ages, world.hours)
        key = repr((asked, world.base_rate, world.start))
        if key not in made:
            folder = tmp_path_factory.mktemp("books")
            write(replace(world, signals=False), folder)
            events, labels = folder / "events.parquet", folder / "labels.parquet"
            sample = read_sample([events], [labels], world.live_from, world.timezone)
            drafted = draft(
                sample.events, world.service, world.live_from, labels=sample.labels, timezone=world.timezone,
                roles={"time": sample.time}, baseline="b.npz",
            )  # fmt: skip
            path = folder / "runbook.yaml"
            path.write_text(drafted.text, encoding="utf-8")
            made[key] = Books(load(path), take_baseline(path, [events, labels]))
        return made[key]

    return of


def alerts(books: Books, world: World, folder: Path) -> list[Alert]:
    """The alerts of the world's live part."""
    runbook, baseline = books.runbook, books.baseline
    write(replace(world, signals=False), folder)
    log = log_of(runbook, [folder / "events.parquet", folder / "labels.parquet"])
    table = log.events(world.live_from)
    table = table.filter(pa.array(~booleans(table, "late")))
    split = Dedup(runbook.service, runbook.dedup_horizon).split(table)
    copy = Copy(split.kept, split.dropped, log.labels)
    since, until = micros(world.live_from), micros(log.last)
    bench = Bench(runbook, baseline, Tallied(count(baseline.plan, runbook, copy), since, until), since, {})
    return bench.judge(bench.calm, until, copy.versions, cohorts=until - bench.age)


def played(fault: Fault, size: str) -> World:
    moved = fault.name.startswith("clock_change")  # these bring their own onset
    world = fault.fitted(LONG if moved else SMALL)
    shape = "step" if "step" in fault.shapes else None
    onset = None if moved else world.live_from + ONSET
    return fault.play(world, size, kind=KINDS.get(fault.name), shape=shape, onset=onset)


@pytest.mark.parametrize("fault", [f for f, _ in pairs() if f.name not in WAITING], ids=lambda f: f.name)
def test_a_large_fault_is_noticed_by_its_family(fault: Fault, books, tmp_path):
    world = played(fault, "large")
    truth = world.truth
    onset = parse_time(truth["onset"])
    told = alerts(books(world), world, tmp_path)
    mine = [a for a in told if a.finding.family in truth["families"] and a.fired_at > onset]
    assert mine, sorted({a.finding.family for a in told})
    assert min(a.fired_at for a in mine) - onset < SOON
    assert not [a for a in told if a.urgency == "page" and a.fired_at < onset]


@pytest.mark.parametrize("twin", [twin for _, twin in pairs()], ids=lambda twin: twin.name)
def test_its_harmless_twin_wakes_nobody(twin: Fault, books, tmp_path):
    world = played(twin, SOFTER.get(twin.name, "large"))
    paged = [a for a in alerts(books(world), world, tmp_path) if a.urgency == "page"]
    assert not paged, [a.because for a in paged]


def test_what_is_waiting_is_a_fault_there_is():
    assert set(WAITING) | set(KINDS) <= {fault.name for fault, _ in pairs()}
    assert set(SOFTER) <= {twin.name for _, twin in pairs()}
