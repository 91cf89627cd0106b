"""An input comes in another unit; its twin is the same input rounded."""

from __future__ import annotations

import numpy as np

from fireline.drill.draft import Draft, some
from fireline.drill.fault import Dose, Fault, heavy
from fireline.drill.population import Floats, Ints
from fireline.drill.world import World
from fireline.terms.cause import CauseKind


def _apply(world: World, dose: Dose, rng: np.random.Generator) -> World:
    names = heavy(world, rng, shapes=("lognormal",))

    def do(draft: Draft, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        hit = some(draft, rows, strength, rng)
        draft.put(names[0], hit, draft.seen[names[0]][hit] * dose.amount)

    return world.with_(effects=[dose.effect("pipeline", do)], truth=dose.truth(names))


def _round(world: World, dose: Dose, rng: np.random.Generator) -> World:
    names = heavy(world, rng, shapes=("lognormal",))

    def do(draft: Draft, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        exact = draft.seen[names[0]][rows]
        step = 10.0 ** (np.floor(np.log10(exact)) - 2)
        draft.put(names[0], rows, np.round(exact / step) * step)

    return world.with_(effects=[dose.effect("pipeline", do)], truth=dose.truth(names))


FAULT = Fault(
    name="unit_change",
    doc="A skewed input is multiplied: kilometres for miles, cents for tens, thousandths.",
    apply=_apply,
    family=("drift", "range", "score_drift"),
    cause=CauseKind.UPSTREAM_DATA,
    sizes={"small": 1.609, "medium": 10.0, "large": 1000.0},
    where=("service", "segment", "version"),
    shapes=("step", "ramp"),
)
TWIN = Fault(name="rounding", doc="A skewed input is rounded to three significant digits.", apply=_round)
