"""Hosts whose clocks are wrong; its twin are clocks that are a second off."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from fireline.clock import MICROS
from fireline.drill.draft import Draft
from fireline.drill.fault import Dose, Fault
from fireline.drill.population import Floats, Ints
from fireline.drill.world import World
from fireline.terms.cause import CauseKind


def _skewed(world: World, dose: Dose, hosts: int) -> World:
    def do(draft: Draft, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        wrong = rows[draft.rows["host"][rows] < hosts]
        draft.rows["time"][wrong] += int(dose.amount * MICROS)

    names = [f"host-{number + 1}" for number in range(hosts)]
    return world.with_(effects=[dose.effect("delivery", do)], truth=dose.truth(hosts=names))


def _apply(world: World, dose: Dose, rng: np.random.Generator) -> World:
    return _skewed(world, dose, max(1, world.hosts * 3 // 4))


def _jitter(world: World, dose: Dose, rng: np.random.Generator) -> World:
    return _skewed(world, dose, 2)


FAULT = Fault(
    name="clock_skew",
    doc="Three quarters of the hosts write times that lie ahead, for six hours. Sizes: seconds.",
    apply=_apply,
    family=("freshness", "traffic", "schema", "other"),
    cause=CauseKind.INFRASTRUCTURE,
    sizes={"small": 120, "medium": 1_800, "large": 10_800},
    lasts=timedelta(hours=6),
)
TWIN = Fault(
    name="clock_jitter",
    doc="Two hosts' clocks are a second or so ahead.",
    apply=_jitter,
    sizes={"small": 0.5, "medium": 1, "large": 2},
)
