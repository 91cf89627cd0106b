"""The whole of Fireline on synthetic services with a known truth: draft, baseline, replay, and what came of
it.

    python -m bench worlds                                   every set
    python -m bench worlds --sets healthy --seeds 30         service-months without a fault
    python -m bench worlds --sets faults --faults bad_deploy,outage --jobs 2

Sets: ``healthy`` months with a harmless deploy, in which everything is watched (`_months.py`), ``twins`` of
every fault, ``faults`` (each size, scope and kind), ``changes`` (faults whose deploy nobody announced, and
faults beside five innocent changes). One line a world as it ends, with every alarm of a faultless one, and at
last one table. What is right, and what is not, is read off ``incidents.json`` and the world's truth only.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
import traceback
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from bench._months import agreed, month, optional, trained_on
from fireline.cli.sample import read_sample
from fireline.clock import parse_time
from fireline.drill.faults import faults, twins
from fireline.drill.worlds import World, write
from fireline.ingest import signals_log
from fireline.reference import take_baseline
from fireline.replay import run
from fireline.runbook.draft import draft
from fireline.runbook.load import load
from fireline.telemetry.changes import read_changes

HARMLESS_CAUSES = {"natural_drift", "label_pipeline", "unknown", "concept_drift"}
SLACK = timedelta(minutes=15)


@dataclass(frozen=True)
class Trial:
    """One world to play: ``fault`` None is a healthy month."""

    seed: int
    fault: str | None = None
    size: str = "medium"
    where: str | None = None
    kind: str | None = None
    announced: bool = True
    innocents: int = 0
    reference: float = 14.0
    live: float = 6.5
    per_minute: float = 5.0

    @property
    def name(self) -> str:
        said = [self.fault or f"healthy {month(self.seed, 1, 1, 1).task}"]
        said += ["all kinds" if self.fault is None and optional(self.seed) else ""]
        if self.fault:
            said += [self.size, self.where or "", self.kind or ""]
        said += ["silent" if not self.announced else "", f"+{self.innocents}" if self.innocents else ""]
        return " ".join(part for part in said if part) + f" #{self.seed}"

    def world(self) -> World:
        """The world, with the fault in it; a healthy month has everything that can be watched."""
        if self.fault is None:
            return month(self.seed, self.reference, self.live, self.per_minute)
        plain = World(
            seed=self.seed, days=self.reference + self.live, reference_days=self.reference,
            per_minute=self.per_minute, features=6, segments=2, announced=self.announced,
            innocents=self.innocents,
        )  # fmt: skip
        one = {**faults(), **twins()}[self.fault]
        world = one.fitted(plain)
        return one.play(world, self.size, where=self.where, kind=self.kind)  # type: ignore[arg-type]


@dataclass
class Told:
    """What a replay said of a world, beside the truth."""

    trial: Trial
    seconds: float = 0.0
    error: str = ""
    incidents: int = 0
    paged: int = 0
    false_pages: int = 0
    measures: list[str] = field(default_factory=list)
    found: bool = False
    delay: float | None = None
    onset: bool | None = None
    cause: str = ""
    right_cause: bool | None = None
    right_measure: bool | None = None
    slice: bool | None = None
    families: list[str] = field(default_factory=list)
    because: str = ""
    alarms: list[str] = field(default_factory=list)
    monitors: int = 0

    def line(self) -> str:
        """One line for people."""
        delay = f"{self.delay:6.1f}h" if self.delay is not None else "      -"
        marks = "".join(
            _mark(v) for v in (self.found, self.onset, self.right_cause, self.right_measure, self.slice)
        )
        return (
            f"{self.trial.name:<42} {marks} inc {self.incidents} paged {self.paged} false "
            f"{self.false_pages}{delay} "
            f"{self.cause:<15} {','.join(self.measures) or 'none':<14} {' '.join(self.families)[:70]} "
            f"{self.error}"
            f" ({self.monitors} monitors, {self.seconds:.0f} s)"
            + "".join(f"\n    {said}" for said in self.alarms)
        )


def _mark(value: bool | None) -> str:
    return "." if value is None else "+" if value else "x"


def play(trial: Trial, keep: Path | None = None) -> Told:
    """Draft, baseline and replay of one world in a folder of its own."""
    began = time.perf_counter()
    told = Told(trial)
    with tempfile.TemporaryDirectory() as scratch:
        folder = keep / trial.name.replace(" ", "_") if keep else Path(scratch)
        try:
            truth, incidents = _replayed(trial, folder)
            judge(told, truth, incidents)
        except Exception as error:  # one world's failure is a line of the table, not the end of the run
            told.error = f"{type(error).__name__}: {error}"
            traceback.print_exc()
    told.seconds = time.perf_counter() - began
    return told


def _replayed(trial: Trial, folder: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    world = trial.world()
    log = write(world, folder)
    events, labels = folder / "events.parquet", folder / "labels.parquet"
    signals = [path for path in (folder / "signals.jsonl",) if path.exists()]
    jobs = next((path for path in (folder / "jobs.jsonl",) if path.exists()), None)
    sample = read_sample([events], [labels], world.live_from, world.timezone)
    changes, _ = read_changes(folder / "changes.jsonl", world.service, world.timezone)
    book = folder / "runbook.yaml"
    training = trained_on(events, world.live_from, folder) if trial.fault is None else None
    drafted = draft(
        sample.events, world.service, world.live_from, labels=sample.labels, changes=changes,
        timezone=world.timezone, roles={"time": sample.time}, baseline="runbook.baseline.npz",
        training=training,
    )  # fmt: skip
    text = drafted.text if trial.fault else agreed(drafted.text, trial.seed)
    book.write_text(text, encoding="utf-8")
    sampled = signals_log(load(book), signals)[0] if signals else None
    take_baseline(book, [events, labels], signals=sampled)
    changed = folder / "changes.jsonl"
    run(book, [events, labels], out=folder / "out", changes=changed, signals=signals, jobs=jobs)
    incidents = json.loads((folder / "out" / "incidents.json").read_text(encoding="utf-8"))
    summary = json.loads((folder / "out" / "summary.json").read_text(encoding="utf-8"))
    return {**log.truth, "ends": world.end, "monitors": summary["monitors"]["judged"]}, incidents


def judge(told: Told, truth: dict[str, Any], incidents: list[dict[str, Any]]) -> None:
    """Fills in ``told``. An incident is the fault's when it paged (or, failing that, alerted) after the onset
    with a family that fits; every other paged incident is a false page."""
    incidents = [i for i in incidents if i["state"] != "merged"]
    told.incidents = len(incidents)
    told.monitors = truth["monitors"]
    told.alarms = [_said(a) for i in incidents for a in i["alerts"]] if truth["harmless"] else []
    told.paged = sum(_pages(i) != [] for i in incidents)
    told.measures = [m["action"] for i in incidents for m in i["measures"]]
    told.families = sorted(
        {f"{a['family']}{'!' if a['urgency'] == 'page' else ''}" for i in incidents for a in i["alerts"]}
    )
    if truth["harmless"]:
        told.false_pages = told.paged
        told.right_measure = not told.measures
        told.because = "; ".join(a["family"] for i in incidents for a in _pages(i)[:1])
        return
    began = parse_time(truth["onset"])
    mine = [i for i in incidents if _is_of(i, truth, began)]
    paged = [i for i in mine if _pages(i)]
    told.found = bool(mine)
    told.false_pages = told.paged - len(paged[:1])
    if not mine:
        told.right_measure = not told.measures
        return
    main = min(paged or mine, key=lambda i: i["opened_at"])
    alerts = [parse_time(a["fired_at"]) for a in main["alerts"] if parse_time(a["fired_at"]) >= began]
    told.delay = (min(alerts) - began).total_seconds() / 3600 if alerts else None
    earliest, latest = (parse_time(t) for t in main["onset"]) if main["onset"] else (None, None)
    ramp = timedelta(hours=truth.get("ramp_hours") or 0)
    told.onset = earliest is not None and earliest - SLACK <= began + ramp and began <= latest + SLACK
    top = next((c for c in main["causes"] if not c.get("rejected")), {"cause": "none"})
    told.cause, told.because = top["cause"], top.get("because", "")
    told.right_cause = top["cause"] == truth["cause"]
    told.right_measure = _measured_right(truth, main, incidents)
    if truth["segment"]:
        ((column, value),) = truth["segment"].items()
        told.slice = bool(main["slice"]) and main["slice"].get(column) == value


def _is_of(incident: dict[str, Any], truth: dict[str, Any], began: datetime) -> bool:
    """Whether the incident has an alert after the onset, of a family the fault should raise."""
    fits = set(truth["families"])
    return any(a["family"] in fits and parse_time(a["fired_at"]) >= began for a in incident["alerts"])


def _said(alert: dict[str, Any]) -> str:
    """One alert of a faultless world, for whoever has to find its cause."""
    about = alert["feature"] or alert["series"]
    scope = alert["version"] or alert["segment"] or "service"
    return (
        f"{alert['urgency']} {alert['fired_at']} {alert['monitor']} {about} of {scope}, "
        f"evidence {alert['evidence']:.2f}"
    )


def _pages(incident: dict[str, Any]) -> list[dict[str, Any]]:
    return [a for a in incident["alerts"] if a["urgency"] == "page"]


def _measured_right(truth: dict[str, Any], main: dict[str, Any], incidents: list[dict[str, Any]]) -> bool:
    """A bad version is taken back to the one before it, and nothing else is; other causes never roll back,
    and those that no measure helps against ask for none."""
    asked = [m for i in incidents for m in i["measures"]]
    back = [m for m in asked if m["action"] in ("rollback", "route_share")]
    if truth["cause"] == "deploy":
        return (
            bool(back)
            and all(m["params"].get("to") == truth["former"] for m in back)
            and bool(main["measures"])
        )
    return not (asked if truth["cause"] in HARMLESS_CAUSES else back)


def trials(sets: Iterable[str], seeds: int, only: set[str], first: int = 0) -> Iterator[Trial]:
    """The worlds to play, in order."""
    for name in sets:
        if name == "healthy":
            yield from (
                Trial(seed, reference=28, live=30, per_minute=4) for seed in range(first, first + seeds)
            )
        elif name == "twins":
            for twin in twins().values():
                if not only or twin.name in only:
                    yield from (Trial(200 + seed, twin.name, "medium") for seed in range(min(seeds, 2)))
        elif name == "faults":
            yield from (t for t in _faults() if not only or t.fault in only)
        else:
            yield from (t for t in _changes() if not only or t.fault in only)


def _faults() -> Iterator[Trial]:
    seed = 100
    for fault in faults().values():
        for where in fault.where:
            for kind in fault.kinds:
                for size in ("medium", "large"):
                    seed += 1
                    yield Trial(seed, fault.name, size, where, kind)


def _changes() -> Iterator[Trial]:
    seed = 300
    for name, size, where in (
        ("bad_deploy", "large", "version"),
        ("deploy_errors", "medium", "version"),
        ("null_jump", "large", "version"),
        ("null_jump", "large", "service"),
        ("outage", "large", None),
        ("label_break", "large", None),
        ("mix_drift", "large", "service"),
        ("unit_change", "large", "service"),
        ("stuck_feature", "large", "version"),
    ):
        seed += 1
        yield Trial(seed, name, size, where, announced=False)
        yield Trial(seed, name, size, where, innocents=5)


def table(all_told: list[Told]) -> str:
    """The counts of each set of worlds, and every world that went wrong."""
    lines = []
    calm = [t for t in all_told if t.trial.fault is None]
    faultless = [t for t in all_told if t.trial.fault in twins()]
    hurt = [t for t in all_told if t.trial.fault in faults()]
    for name, part in (("healthy months", calm), ("twins", faultless)):
        if part:
            pages = sum(t.false_pages for t in part)
            days = sum(t.trial.live for t in part if not t.error)
            lines.append(
                f"{name}: {len(part)} worlds, {days:g} service-days, {pages} false pages, most in one "
                f"{max(t.false_pages for t in part)},"
                f" measures in {sum(bool(t.measures) for t in part)}, tickets "
                f"{sum(t.incidents - t.paged for t in part)}"
            )
    for fault in faults():
        part = [t for t in hurt if t.trial.fault == fault]
        if part:
            delays = sorted(t.delay for t in part if t.delay is not None)
            middle = f"{delays[len(delays) // 2]:.1f} h" if delays else "-"
            lines.append(
                f"{fault:<18} {len(part)} worlds: found {_of(t.found for t in part)}, paged "
                f"{_of(t.paged > 0 for t in part)},"
                f" one incident {_of(t.paged <= 1 for t in part)}, delay {middle}, onset "
                f"{_of(t.onset for t in part)},"
                f" cause {_of(t.right_cause for t in part)}, measure {_of(t.right_measure for t in part)},"
                f" slice {_of(t.slice for t in part)}"
            )
    return "\n".join(lines)


def _of(values: Iterable[bool | None]) -> str:
    known = [v for v in values if v is not None]
    return f"{sum(known)}/{len(known)}" if known else "-"


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--sets", default="healthy,twins,faults,changes")
    ask.add_argument("--seeds", type=int, default=6)
    ask.add_argument("--first", type=int, default=0, help="the first seed of the healthy months")
    ask.add_argument("--faults", default="")
    ask.add_argument(
        "--only", default="", help="words that a world's name must hold, such as 'large version'"
    )
    ask.add_argument("--jobs", type=int, default=2)
    ask.add_argument("--keep", type=Path, help="keep each world's files there")
    said = ask.parse_args()
    os.nice(5)
    only = {name for name in said.faults.split(",") if name}
    words = said.only.split()
    chosen = [
        t
        for t in trials(said.sets.split(","), said.seeds, only, said.first)
        if not set(words) - set(t.name.split())
    ]
    told = []
    with ProcessPoolExecutor(said.jobs) as pool:
        for done in as_completed([pool.submit(play, trial, said.keep) for trial in chosen]):
            told.append(done.result())
            print(told[-1].line(), flush=True)
    print("\n" + table(sorted(told, key=lambda t: t.trial.name)))


if __name__ == "__main__":
    main()
