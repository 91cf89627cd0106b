"""Upstream stops filling some inputs; its twin lets the usual gaps wander a little."""

from __future__ import annotations

import numpy as np

from fireline.drill.draft import Draft, some
from fireline.drill.fault import Dose, Fault, heavy
from fireline.drill.population import Floats, Ints
from fireline.drill.world import World
from fireline.terms.cause import CauseKind


def _apply(world: World, dose: Dose, rng: np.random.Generator) -> World:
    names = heavy(world, rng, count=int(rng.integers(1, 4)))

    def do(draft: Draft, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        for name in names:
            draft.blank(name, some(draft, rows, dose.amount * strength, rng))

    return world.with_(effects=[dose.effect("pipeline", do)], truth=dose.truth(names))


def _wander(world: World, dose: Dose, rng: np.random.Generator) -> World:
    gaps = {f.name: f.nulls for f in world.inputs if f.nulls}

    def do(draft: Draft, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        swing = 0.5 + 0.5 * np.sin(2 * np.pi * draft.calendar.days[rows] / 3)
        for name, usual in gaps.items():
            draft.blank(name, some(draft, rows, dose.amount * usual * swing, rng))

    return world.with_(effects=[dose.effect("pipeline", do)], truth=dose.truth(sorted(gaps)))


FAULT = Fault(
    name="null_jump",
    doc="One to three inputs that matter are missing in a share of the rows.",
    apply=_apply,
    family=("null_rate",),
    cause=CauseKind.UPSTREAM_DATA,
    sizes={"small": 0.05, "medium": 0.2, "large": 0.7},
    where=("service", "segment", "version"),
    shapes=("step", "ramp"),
)
TWIN = Fault(
    name="null_wander",
    doc="The inputs that always have gaps have up to a tenth more of them, in waves of three days.",
    apply=_wander,
    sizes={"small": 0.05, "medium": 0.1, "large": 0.1},
)
