"""A category is renamed upstream; its twin loses a value that hardly ever came."""

from __future__ import annotations

import numpy as np

from fireline.drill.draft import Draft, some
from fireline.drill.fault import Dose, Fault, heavy
from fireline.drill.population import Floats, Ints
from fireline.drill.world import World
from fireline.terms.cause import CauseKind


def _apply(world: World, dose: Dose, rng: np.random.Generator) -> World:
    name = heavy(world, rng, shapes=("category",))[0]
    old = next(f for f in world.inputs if f.name == name).values[0]
    new = f"{old}_v2"

    def do(draft: Draft, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        having = draft.seen[name][rows] == draft.names[name].index(old)
        share = dose.amount * strength[having]
        draft.put(name, some(draft, rows[having], share, rng), draft.name_code(name, new))

    return world.with_(effects=[dose.effect("pipeline", do)], truth=dose.truth([name], old=old, new=new))


def _rare(world: World, dose: Dose, rng: np.random.Generator) -> World:
    feature = min((f for f in world.inputs if not f.numeric), key=lambda f: min(f.shares))
    last = len(feature.values) - 1

    def do(draft: Draft, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        gone = rows[draft.seen[feature.name][rows] == last]
        draft.put(feature.name, gone, last - 1)

    truth = dose.truth([feature.name], old=feature.values[-1], new=feature.values[-2])
    return world.with_(effects=[dose.effect("pipeline", do)], truth=truth)


FAULT = Fault(
    name="category_change",
    doc="The commonest value of a category comes under a new name in a share of its rows; at full share it "
    "vanishes.",
    apply=_apply,
    family=("schema", "drift"),
    cause=CauseKind.UPSTREAM_DATA,
    sizes={"small": 0.05, "medium": 0.3, "large": 1.0},
    where=("service", "segment", "version"),
    shapes=("step", "ramp"),
)
TWIN = Fault(
    name="rare_category_gone",
    doc="The rarest value of a category, about one row in a hundred, is folded into the next rarest.",
    apply=_rare,
)
