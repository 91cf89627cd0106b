"""Some hosts fail; its twin is one host restarted with its traffic moved away."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from fireline.drill.draft import Draft, some
from fireline.drill.fault import Dose, Fault
from fireline.drill.population import Floats, Ints
from fireline.drill.world import World
from fireline.terms.cause import CauseKind


def _apply(world: World, dose: Dose, rng: np.random.Generator) -> World:
    hosts = np.sort(rng.choice(world.hosts, max(1, world.hosts // 4), replace=False))

    def do(draft: Draft, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        hit = np.isin(draft.rows["host"][rows], hosts)
        rows, strength = rows[hit], strength[hit]
        slower = rng.lognormal(0, 0.3, len(rows)) * (2 + 18 * dose.amount)
        draft.rows["latency"][rows] *= 1 + (slower - 1) * strength
        draft.rows["status"][some(draft, rows, dose.amount * strength, rng)] = 503

    names = [f"host-{host + 1}" for host in hosts]
    return world.with_(effects=[dose.effect("answer", do)], truth=dose.truth(hosts=names))


def _restart(world: World, dose: Dose, rng: np.random.Generator) -> World:
    def do(draft: Draft, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        moved = rows[draft.rows["host"][rows] == 0]
        draft.rows["host"][moved] = rng.integers(1, world.hosts, len(moved)) if world.hosts > 1 else 0

    return world.with_(effects=[dose.effect("mix", do)], truth=dose.truth(hosts=["host-1"]))


FAULT = Fault(
    name="outage",
    doc="A quarter of the hosts becomes slow and answers a share of its requests with status 503, for 90 "
    "minutes.",
    apply=_apply,
    family=("latency", "error_rate"),
    cause=CauseKind.INFRASTRUCTURE,
    sizes={"small": 0.05, "medium": 0.25, "large": 0.8},
    shapes=("step", "ramp"),
    lasts=timedelta(minutes=90),
)
TWIN = Fault(
    name="host_restart",
    doc="One host is drained for five minutes and the others take its traffic.",
    apply=_restart,
    lasts=timedelta(minutes=5),
)
