"""Answers give away personal data; its twin are two-minute blips of the scorer."""

from __future__ import annotations

import numpy as np

from fireline.drill.draft import Draft, some
from fireline.drill.fault import Dose, Fault, blips
from fireline.drill.population import Floats, Ints
from fireline.drill.world import World
from fireline.terms.cause import CauseKind


def _apply(world: World, dose: Dose, rng: np.random.Generator) -> World:
    def do(draft: Draft, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        draft.flags["pii"][some(draft, rows, dose.amount * strength, rng)] = True

    return world.with_(effects=[dose.effect("answer", do)], truth=dose.truth(flag="pii"))


def _blips(world: World, dose: Dose, rng: np.random.Generator) -> World:
    def do(draft: Draft, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        draft.flags["pii"][some(draft, rows, dose.amount, rng)] = True

    return blips(world, dose, rng, "answer", do)


FAULT = Fault(
    name="pii_leak",
    doc="A further share of the answers holds personal data.",
    apply=_apply,
    family=("pii",),
    cause=CauseKind.UNKNOWN,
    sizes={"small": 0.004, "medium": 0.02, "large": 0.1},
    where=("service", "segment", "version"),
    shapes=("step", "ramp"),
    needs={"task": "llm"},
)
TWIN = Fault(
    name="pii_blips",
    doc="Every other day or so, two minutes in which the scorer sees personal data in a few per cent of the "
    "answers.",
    apply=_blips,
    sizes={"small": 0.02, "medium": 0.05, "large": 0.1},
    needs={"task": "llm"},
)
