"""Training and ETL runs of a synthetic service, as its scheduler would report them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

import numpy as np

from fireline.clock import iso, parse_time
from fireline.drill.population import chance

Run = dict[str, Any]
Change = Callable[[Run, np.random.Generator], Run | None]


@dataclass(frozen=True)
class JobUpset:
    """What goes differently with the runs of ``job`` that start in [since, until): ``do`` gives the run as
    reported, or None when it is never started."""

    job: str
    since: datetime
    do: Change
    until: datetime | None = None


@dataclass(frozen=True)
class Schedule:
    """A job that runs every so often and usually takes ``minutes``."""

    job: str
    every: timedelta
    offset: timedelta
    minutes: float


SCHEDULES = (
    Schedule("etl", timedelta(hours=1), timedelta(minutes=5), 6.0),
    Schedule("train", timedelta(hours=6), timedelta(hours=2), 40.0),
)
PARAMS = {"learning_rate": 0.05, "trees": 300, "depth": 6}


def job_runs(seed: int, start: datetime, days: float, upsets: tuple[JobUpset, ...]) -> list[Run]:
    """Every run that was reported in the world's life, by the time of its report."""
    end, found = start + timedelta(days=days), []
    for schedule in SCHEDULES:
        begins, number = start + schedule.offset, 0
        while begins < end:
            run: Run | None = _usual(seed, schedule, begins, number)
            for place, upset in enumerate(upsets):
                mine = upset.job == schedule.job and upset.since <= begins
                if run is not None and mine and (upset.until is None or begins < upset.until):
                    run = upset.do(run, chance(seed, "job", place, number))
            found += [run] if run is not None and parse_time(run["at"]) < end else []
            begins, number = begins + schedule.every, number + 1
    return sorted(found, key=lambda run: (run["at"], run["job"]))


def moved(run: Run, by: timedelta) -> Run:
    """The run as it would be reported had it started ``by`` later."""
    times = {key: iso(parse_time(run[key]) + by) for key in ("at", "started", "finished") if run.get(key)}
    return {**run, **times}


def lasting(run: Run, share: float) -> Run:
    """The run as it would be reported had it taken ``share`` of its time."""
    began, ended = parse_time(run["started"]), parse_time(run["finished"])
    done = iso(began + (ended - began) * share)
    return {**run, "at": done, "finished": done}


def digest(*parts: object) -> str:
    """A digest as an artefact store would give it."""
    return "sha256:" + blake2b(" ".join(map(str, parts)).encode(), digest_size=16).hexdigest()


def _usual(seed: int, schedule: Schedule, begins: datetime, number: int) -> Run:
    rng = chance(seed, "run", schedule.job, number)
    ends = begins + timedelta(minutes=round(schedule.minutes * float(rng.lognormal(0, 0.08)), 2))
    run: Run = {
        "at": iso(ends),
        "job": schedule.job,
        "run": f"{schedule.job}-{number + 1}",
        "state": "succeeded",
        "started": iso(begins),
        "finished": iso(ends),
        "rows": int(20_000 * rng.lognormal(0, 0.03)),
        "data_until": iso(begins - timedelta(minutes=10)),
    }
    if schedule.job == "train":
        made = digest(seed, schedule.job, number)
        score = round(0.8 + float(rng.normal(0, 0.004)), 4)
        run |= {
            "digest": made,
            "expected_digest": made,
            "params": dict(PARAMS),
            "evaluation": {"auc": score, "passed": True},
        }
    return run
