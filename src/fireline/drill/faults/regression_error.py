"""A regression is off, or noisier; its twin is a week a little less sure."""

from __future__ import annotations

import numpy as np

from fireline.drill.draft import Draft
from fireline.drill.fault import Dose, Fault
from fireline.drill.population import Floats, Ints
from fireline.drill.world import World
from fireline.terms.cause import CauseKind


def _apply(world: World, dose: Dose, rng: np.random.Generator) -> World:
    def do(draft: Draft, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        luck = np.ones(len(rows)) if dose.kind == "bias" else rng.standard_normal(len(rows))
        draft.shift_truth(rows, dose.amount * strength * luck)

    return world.with_(effects=[dose.effect("truth", do)], truth=dose.truth())


FAULT = Fault(
    name="regression_error",
    doc="What is predicted comes out otherwise: all higher (kind bias), or with more noise (kind noise). "
    "Sizes in tens of the target's unit; the usual error is 6.",
    apply=_apply,
    family=("accuracy", "calibration"),
    cause=CauseKind.CONCEPT_DRIFT,
    sizes={"small": 0.15, "medium": 0.5, "large": 1.2},
    where=("service", "segment"),
    shapes=("step", "ramp"),
    kinds=("bias", "noise"),
    needs={"task": "regression"},
)
TWIN = Fault(
    name="less_sure",
    doc="The target has a hair more noise: the error grows by less than one in a hundred.",
    apply=_apply,
    sizes={"small": 0.03, "medium": 0.05, "large": 0.08},
    kinds=("noise",),
    needs={"task": "regression"},
)
