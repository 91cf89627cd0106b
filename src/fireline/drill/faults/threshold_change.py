"""The score is as before and the line between yes and no is elsewhere; its twin moves it by a hair."""

from __future__ import annotations

import numpy as np

from fireline.clock import iso
from fireline.drill.draft import Draft
from fireline.drill.fault import Dose, Fault
from fireline.drill.population import Floats, Ints
from fireline.drill.world import World
from fireline.terms.cause import CauseKind


def _apply(world: World, dose: Dose, rng: np.random.Generator) -> World:
    def do(draft: Draft, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        column = draft.extra.get("threshold", np.ones(draft.size))
        column[rows] = 1 - dose.amount
        draft.extra["threshold"] = column

    told = {"at": iso(dose.onset), "kind": "config", "what": "decision threshold", "service": world.service}
    return world.with_(effects=[dose.effect("answer", do)], changes=[told], truth=dose.truth())


FAULT = Fault(
    name="threshold_change",
    doc="The decision threshold drops by a share of itself: scores rank as before, predictions are wrong "
    "more often.",
    apply=_apply,
    family=("accuracy",),
    cause=CauseKind.DEPLOY,
    sizes={"small": 0.3, "medium": 0.6, "large": 0.95},
    where=("service", "segment"),
)
TWIN = Fault(
    name="threshold_nudge",
    doc="The decision threshold drops by a hundredth of itself or two.",
    apply=_apply,
    sizes={"small": 0.01, "medium": 0.02, "large": 0.03},
)
