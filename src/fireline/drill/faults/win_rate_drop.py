"""Answers please fewer people; its twin is a slow week."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from fireline.drill.draft import Draft, some
from fireline.drill.fault import Dose, Fault
from fireline.drill.population import Floats, Ints
from fireline.drill.world import World
from fireline.terms.cause import CauseKind


def _apply(world: World, dose: Dose, rng: np.random.Generator) -> World:
    def do(draft: Draft, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        lost = some(draft, rows, dose.amount * strength, rng)
        draft.rows["label"][lost] = 0

    return world.with_(effects=[dose.effect("labels", do)], truth=dose.truth())


FAULT = Fault(
    name="win_rate_drop",
    doc="A share of the answers that would have been called helpful is not (labels; the onset is of label "
    "times).",
    apply=_apply,
    family=("accuracy", "calibration"),
    cause=CauseKind.UNKNOWN,
    sizes={"small": 0.2, "medium": 0.5, "large": 0.9},
    shapes=("step", "ramp"),
    needs={"task": "llm", "base_rate": 0.6},
)
TWIN = Fault(
    name="slow_week",
    doc="For a day and a half one helpful answer in a hundred or so is not called so.",
    apply=_apply,
    sizes={"small": 0.005, "medium": 0.01, "large": 0.015},
    lasts=timedelta(hours=36),
    needs={"task": "llm", "base_rate": 0.6},
)
