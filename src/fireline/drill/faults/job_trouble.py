"""A training job goes wrong; its twin is a retrain as it should be."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from fireline.clock import iso, parse_time
from fireline.drill.fault import Dose, Fault
from fireline.drill.jobs import JobUpset, Run, digest, lasting, moved
from fireline.drill.world import World
from fireline.terms.cause import CauseKind

KINDS = ("failed", "late", "short", "digest", "params", "gate", "old_data")


def _wrong(kind: str, amount: float, run: Run) -> Run:
    if kind == "failed":
        return {**lasting(run, 0.4), "state": "failed", "error": "OutOfMemory: 31.7 of 32.0 GB in use"}
    if kind == "late":
        return moved(run, timedelta(hours=5 * amount))
    if kind == "short":
        return {**lasting(run, 0.3 / amount), "rows": int(run["rows"] * 0.3 / amount)}
    if kind == "digest":
        return {**run, "digest": digest("another", run["run"])}
    if kind == "params":
        return {**run, "params": {**run["params"], "learning_rate": 0.5 * amount}}
    if kind == "gate":
        return {key: value for key, value in run.items() if key != "evaluation"}
    return {**run, "data_until": iso(parse_time(run["data_until"]) - timedelta(days=10 * amount))}


def _apply(world: World, dose: Dose, rng: np.random.Generator) -> World:
    def do(run: Run, rng: np.random.Generator) -> Run:
        return _wrong(dose.kind, dose.amount, run)

    upset = JobUpset("train", dose.onset, do, dose.until)
    return world.with_(job_upsets=[upset], truth=dose.truth(job="train"))


def _retrain(world: World, dose: Dose, rng: np.random.Generator) -> World:
    def do(run: Run, rng: np.random.Generator) -> Run:
        slower = lasting(run, dose.amount)
        score = round(run["evaluation"]["auc"] + 0.004, 4)
        return {**slower, "evaluation": {"auc": score, "passed": True}}

    upset = JobUpset("train", dose.onset, do, dose.onset + timedelta(hours=7))
    return world.with_(job_upsets=[upset], truth=dose.truth(job="train"))


FAULT = Fault(
    name="job_trouble",
    doc="From the onset on training runs fail, start late, end too soon, give another artefact than was "
    "recorded (kind digest), leave their declared parameters (kind params), skip the evaluation gate (kind "
    "gate), or learn from old data (kind old_data).",
    apply=_apply,
    family=("job",),
    cause=CauseKind.DEPLOY,
    sizes={"small": 1.0, "medium": 2.0, "large": 4.0},
    kinds=KINDS,
    needs={"jobs": True},
)
TWIN = Fault(
    name="retrain",
    doc="A scheduled retrain takes a tenth longer and gives a model as good as the last.",
    apply=_retrain,
    sizes={"small": 1.05, "medium": 1.1, "large": 1.15},
    deploys=True,
    needs={"jobs": True},
)
