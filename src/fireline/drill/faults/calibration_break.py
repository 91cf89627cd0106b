"""Scores mean something else than they did; its twin is a version recalibrated by a hair."""

from __future__ import annotations

import numpy as np

from fireline.drill.draft import Draft
from fireline.drill.fault import Dose, Fault
from fireline.drill.population import Floats, Ints
from fireline.drill.world import World
from fireline.terms.cause import CauseKind


def _apply(world: World, dose: Dose, rng: np.random.Generator) -> World:
    def do(draft: Draft, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        draft.shift_score(rows, dose.amount * strength)

    return world.with_(effects=[dose.effect("score", do)], truth=dose.truth())


FAULT = Fault(
    name="calibration_break",
    doc="Every score's log odds are too high by the same amount: who ranks above whom is unchanged.",
    apply=_apply,
    family=("calibration", "score_drift"),
    cause=CauseKind.UNKNOWN,
    sizes={"small": 0.3, "medium": 0.7, "large": 1.5},
    where=("service", "segment", "version"),
    shapes=("step", "ramp"),
)
TWIN = Fault(
    name="recalibrated_deploy",
    doc="A retrained version's log odds lie 0.02 higher than before.",
    apply=_apply,
    sizes={"small": 0.01, "medium": 0.02, "large": 0.02},
    deploys=True,
)
