"""The world turns and the same inputs mean something else; its twin is the odds' usual slow wander, a little
wider."""

from __future__ import annotations

import numpy as np

from fireline.drill.draft import Draft
from fireline.drill.fault import Dose, Fault
from fireline.drill.population import Floats, Ints
from fireline.drill.world import World
from fireline.terms.cause import CauseKind


def _apply(world: World, dose: Dose, rng: np.random.Generator) -> World:
    turned = world.model.turned(world.seed)

    def do(draft: Draft, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        columns = {name: column[rows] for name, column in {**draft.true, **draft.segments}.items()}
        away = turned.logit(columns) - draft.model.logit(columns)
        draft.shift_truth(rows, dose.amount * strength * away)

    return world.with_(effects=[dose.effect("truth", do)], truth=dose.truth())


def _wander(world: World, dose: Dose, rng: np.random.Generator) -> World:
    def do(draft: Draft, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        days = draft.calendar.days[rows]
        draft.shift_truth(rows, dose.amount * np.sin(2 * np.pi * (days - days[0]) / 5))

    return world.with_(effects=[dose.effect("truth", do)], truth=dose.truth())


FAULT = Fault(
    name="concept_drift",
    doc="Inputs and scores stay as they were; the law of the labels moves towards another one.",
    apply=_apply,
    family=("auc", "calibration"),
    cause=CauseKind.CONCEPT_DRIFT,
    sizes={"small": 0.15, "medium": 0.4, "large": 0.8},
    where=("service", "segment"),
    shapes=("ramp", "step"),
)
TWIN = Fault(
    name="odds_wander",
    doc="The odds of a positive label swing by a few per cent over five days.",
    apply=_wander,
    sizes={"small": 0.01, "medium": 0.02, "large": 0.03},
)
