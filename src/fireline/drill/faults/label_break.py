"""The label job breaks while the service is well; its twin brings labels a few hours later over two days."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from fireline.clock import MICROS
from fireline.drill.draft import Draft, some
from fireline.drill.fault import Dose, Fault
from fireline.drill.population import Floats, Ints
from fireline.drill.world import World
from fireline.terms.cause import CauseKind


def _apply(world: World, dose: Dose, rng: np.random.Generator) -> World:
    def do(draft: Draft, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        hit = some(draft, rows, dose.amount * strength, rng)
        if dose.kind == "lost":
            draft.rows["label_time"][hit] = -1
        else:
            draft.rows["label"][hit] = 0

    told = dose.truth()
    if dose.kind == "lost":
        told |= {"family": "label_coverage", "families": ["label_coverage"]}
    return world.with_(effects=[dose.effect("labels", do)], truth=told)


def _slow(world: World, dose: Dose, rng: np.random.Generator) -> World:
    def do(draft: Draft, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        draft.rows["label_time"][rows] += int(dose.amount * 3600 * MICROS)

    return world.with_(effects=[dose.effect("labels", do)], truth=dose.truth())


FAULT = Fault(
    name="label_break",
    doc="From the onset on, a share of the labels that arrive is 0 whatever the truth (kind flipped), or "
    "never arrives "
    "(kind lost). The onset is of label times; inputs and scores are untouched.",
    apply=_apply,
    family=("auc", "calibration"),
    cause=CauseKind.LABEL_PIPELINE,
    sizes={"small": 0.3, "medium": 0.6, "large": 1.0},
    shapes=("step", "ramp"),
    kinds=("flipped", "lost"),
)
TWIN = Fault(
    name="slow_labels",
    doc="Labels due within two days come some hours later than usual.",
    apply=_slow,
    sizes={"small": 1.0, "medium": 3.0, "large": 6.0},
    lasts=timedelta(hours=48),
)
