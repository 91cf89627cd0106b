"""A new version that raises on some requests; its twin are short blips of errors that come and go."""

from __future__ import annotations

import numpy as np

from fireline.drill.draft import Draft, some
from fireline.drill.fault import Dose, Fault, blips
from fireline.drill.population import Floats, Ints
from fireline.drill.world import World
from fireline.terms.cause import CauseKind


def _apply(world: World, dose: Dose, rng: np.random.Generator) -> World:
    def do(draft: Draft, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        draft.rows["status"][some(draft, rows, dose.amount * strength, rng)] = 500

    return world.with_(effects=[dose.effect("answer", do)], truth=dose.truth())


def _blips(world: World, dose: Dose, rng: np.random.Generator) -> World:
    def do(draft: Draft, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        draft.rows["status"][some(draft, rows, dose.amount, rng)] = 500

    return blips(world, dose, rng, "answer", do)


FAULT = Fault(
    name="deploy_errors",
    doc="Version B answers a share of the requests with status 500.",
    apply=_apply,
    family=("error_rate",),
    cause=CauseKind.DEPLOY,
    sizes={"small": 0.01, "medium": 0.04, "large": 0.2},
    where=("version",),
)
TWIN = Fault(
    name="error_blips",
    doc="Every other day or so, two minutes with a few per cent of errors that nobody would get up for.",
    apply=_blips,
    sizes={"small": 0.02, "medium": 0.05, "large": 0.1},
)
