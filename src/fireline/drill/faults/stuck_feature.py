"""An input freezes at its last value; its twin freezes for three minutes."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from fireline.drill.draft import Draft, some
from fireline.drill.fault import Dose, Fault, heavy
from fireline.drill.population import Floats, Ints, value
from fireline.drill.world import World
from fireline.terms.cause import CauseKind


def _apply(world: World, dose: Dose, rng: np.random.Generator) -> World:
    names = heavy(world, rng, shapes=("normal", "lognormal"))
    feature = next(f for f in world.inputs if f.name == names[0])
    last = float(value(feature, rng.normal(0, 0.5, 1))[0])

    def do(draft: Draft, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        draft.put(names[0], some(draft, rows, dose.amount * strength, rng), last)

    return world.with_(effects=[dose.effect("pipeline", do)], truth=dose.truth(names, value=last))


FAULT = Fault(
    name="stuck_feature",
    doc="An input repeats one old value in a share of the rows: a cache that is no longer filled.",
    apply=_apply,
    family=("drift", "auc"),
    cause=CauseKind.UPSTREAM_DATA,
    sizes={"small": 0.1, "medium": 0.4, "large": 1.0},
    where=("service", "segment", "version"),
    shapes=("step", "ramp"),
)
TWIN = Fault(
    name="short_freeze",
    doc="An input repeats one value for three minutes.",
    apply=_apply,
    lasts=timedelta(minutes=3),
)
