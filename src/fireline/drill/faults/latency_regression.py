"""Answers take longer; its twin is slow for the first minutes of a deploy."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from fireline.drill.draft import Draft
from fireline.drill.fault import Dose, Fault
from fireline.drill.population import Floats, Ints
from fireline.drill.world import World
from fireline.terms.cause import CauseKind


def _apply(world: World, dose: Dose, rng: np.random.Generator) -> World:
    def do(draft: Draft, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        draft.rows["latency"][rows] *= 1 + (dose.amount - 1) * strength

    return world.with_(effects=[dose.effect("answer", do)], truth=dose.truth())


def _warm(world: World, dose: Dose, rng: np.random.Generator) -> World:
    def do(draft: Draft, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        draft.rows["latency"][rows] *= dose.amount

    first = dose.effect("answer", do, until=dose.onset + timedelta(minutes=3))
    return world.with_(effects=[first], truth=dose.truth())


FAULT = Fault(
    name="latency_regression",
    doc="Every answer takes longer. Sizes: how many times as long.",
    apply=_apply,
    family=("latency",),
    cause=CauseKind.INFRASTRUCTURE,
    sizes={"small": 1.4, "medium": 2.0, "large": 5.0},
    where=("version", "service", "segment"),
    shapes=("step", "ramp"),
)
TWIN = Fault(
    name="cold_start",
    doc="Version B is slow for three minutes, until its caches are warm.",
    apply=_warm,
    sizes={"small": 2.0, "medium": 3.0, "large": 4.0},
    deploys=True,
)
