"""A fault is noticed by its family's monitors, and its harmless twin wakes nobody: draft, baseline, judge.

The grid plays every pair large in a small world whose reference was learnt once. It is the judge's part of
``bench/worlds.py``, which plays months through the whole loop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from fireline.cli.sample import read_sample
from fireline.clock import micros, parse_time
from fireline.detect.baseline import Baseline
from fireline.detect.grouping import Desk
from fireline.detect.jobs import broken, findings
from fireline.drill.coverage.judging import Bench, Copy, Tallied, count
from fireline.drill.fault import Fault
from fireline.drill.faults import pairs
from fireline.drill.worlds import World, write
from fireline.ingest import log_of, signals_log
from fireline.reference import take_baseline
from fireline.runbook.draft import draft
from fireline.runbook.load import load
from fireline.runbook.schema import Job, Runbook
from fireline.telemetry.columns import booleans
from fireline.telemetry.dedup import Dedup
from fireline.telemetry.runs import read_runs
from fireline.telemetry.signals import NO_SIGNALS
from fireline.telemetry.tally import tally_signals
from fireline.terms.alert import Alert

SMALL = World(seed=11, days=3.2, reference_days=2.4, per_minute=8, features=5, segments=1, label_hours=2,
              harmless_deploys=0, timezone="UTC")  # fmt: skip
LONG = replace(SMALL, days=16.5, reference_days=14, per_minute=2, timezone="Europe/Berlin")
"""Clocks change on a Sunday: what is usual then takes two weeks to learn."""
ONSET = timedelta(hours=4)
SOON = timedelta(hours=12)

OWED = (Job(name="train"),)
"""What a team writes of its training job; a draft names none."""
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
        asked = (world.task, world.groups, world.kpi, world.rungs, world.embedding, world.ages,
                 world.arrivals, world.hours, world.signals, world.jobs)  # fmt: skip
        key = repr((asked, world.base_rate, world.start))
        if key not in made:
            folder = tmp_path_factory.mktemp("books")
            write(world, folder)
            events, labels = folder / "events.parquet", folder / "labels.parquet"
            sample = read_sample([events], [labels], world.live_from, world.timezone)
            drafted = draft(
                sample.events, world.service, world.live_from, labels=sample.labels, timezone=world.timezone,
                roles={"time": sample.time}, baseline="b.npz",
            )  # fmt: skip
            path = folder / "runbook.yaml"
            path.write_text(drafted.text, encoding="utf-8")
            runbook = load(path)
            if world.jobs:
                runbook = runbook.model_copy(update={"jobs": OWED})
            made[key] = Books(
                runbook, take_baseline(path, [events, labels], signals=signals(runbook, folder))
            )
        return made[key]

    return of


def signals(runbook: Runbook, folder: Path) -> pa.Table:
    """The canonical signals of a world that has any."""
    file = folder / "signals.jsonl"
    return signals_log(runbook, [file])[0] if file.exists() else NO_SIGNALS


def troubles(runbook: Runbook, world: World, file: Path, until: datetime) -> list[Alert]:
    """What is told of runs of jobs from the world's live part on."""
    if not file.exists():
        return []
    runs, bad = read_runs(file, runbook.service, runbook.timezone)
    assert not bad
    broke = [one for one in broken(runs, runbook.jobs, world.live_from, until) if one.at > world.live_from]
    desk = Desk(runbook, {})
    return [told for one in findings(broke, runbook.jobs) if (told := desk.hear(one, set(desk.told)))]


def alerts(books: Books, world: World, folder: Path) -> list[Alert]:
    """The alerts of the world's live part."""
    runbook, baseline = books.runbook, books.baseline
    write(world, folder)
    log = log_of(runbook, [folder / "events.parquet", folder / "labels.parquet"])
    table = log.events(world.live_from)
    table = table.filter(pa.array(~booleans(table, "late")))
    split = Dedup(runbook.service, runbook.dedup_horizon).split(table)
    copy = Copy(split.kept, split.dropped, log.labels)
    since, until = micros(world.live_from), micros(log.last)
    rows = count(baseline.plan, runbook, copy)
    rows += tally_signals(baseline.plan, signals(runbook, folder))
    bench = Bench(runbook, baseline, Tallied(rows, since, until), since, {})
    told = bench.judge(bench.calm, until, copy.versions, cohorts=until - bench.age)
    return [*told, *troubles(runbook, world, folder / "jobs.jsonl", log.last)]


def played(fault: Fault, size: str) -> World:
    moved = fault.name.startswith("clock_change")  # these bring their own onset
    world = fault.fitted(LONG if moved else SMALL)
    shape = "step" if "step" in fault.shapes else None
    onset = None if moved else world.live_from + ONSET
    return fault.play(world, size, kind=KINDS.get(fault.name), shape=shape, onset=onset)


def thinned(found: Iterable[Fault]) -> list[Any]:
    """Every second one in each run, the others in the soak: each kind's own fault is played in its contract
    suite as well."""
    return [pytest.param(one, marks=pytest.mark.soak) if at % 2 else one for at, one in enumerate(found)]


@pytest.mark.parametrize("fault", thinned(f for f, _ in pairs()), ids=lambda f: f.name)
def test_a_large_fault_is_noticed_by_its_family(fault: Fault, books, tmp_path):
    world = played(fault, "large")
    truth = world.truth
    onset = parse_time(truth["onset"])
    assert onset + SOON <= world.end, "the world ends before the fault can be noticed"
    told = alerts(books(world), world, tmp_path)
    mine = [a for a in told if a.finding.family in truth["families"] and a.fired_at > onset]
    assert mine, sorted({a.finding.family for a in told})
    assert min(a.fired_at for a in mine) - onset < SOON
    assert not [a for a in told if a.urgency == "page" and a.fired_at < onset]


@pytest.mark.parametrize("twin", thinned(twin for _, twin in pairs()), ids=lambda twin: twin.name)
def test_its_harmless_twin_wakes_nobody(twin: Fault, books, tmp_path):
    world = played(twin, SOFTER.get(twin.name, "large"))
    paged = [a for a in alerts(books(world), world, tmp_path) if a.urgency == "page"]
    assert not paged, [a.because for a in paged]


def test_what_is_played_otherwise_is_a_fault_there_is():
    assert set(KINDS) <= {fault.name for fault, _ in pairs()}
    assert set(SOFTER) <= {twin.name for _, twin in pairs()}
