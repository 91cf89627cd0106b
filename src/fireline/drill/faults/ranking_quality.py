"""The ranker orders badly; its twin shuffles what it holds for equal."""

from __future__ import annotations

import numpy as np

from fireline.drill.draft import Draft
from fireline.drill.fault import Dose, Fault
from fireline.drill.population import Floats, Ints
from fireline.drill.world import World
from fireline.terms.cause import CauseKind


def _apply(world: World, dose: Dose, rng: np.random.Generator) -> World:
    def do(draft: Draft, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        draft.shift_score(rows, dose.amount * strength * rng.standard_normal(len(rows)))

    return world.with_(effects=[dose.effect("score", do)], truth=dose.truth())


FAULT = Fault(
    name="ranking_quality",
    doc="Noise is added to the score that orders the items of a query. Sizes: its standard deviation, in log "
    "odds.",
    apply=_apply,
    family=("accuracy", "auc", "score_drift"),
    cause=CauseKind.DEPLOY,
    sizes={"small": 0.5, "medium": 1.5, "large": 4.0},
    where=("version", "service", "segment"),
    needs={"task": "ranking"},
)
TWIN = Fault(
    name="ties_shuffled",
    doc="Version B breaks ties otherwise: noise of a hundredth in log odds.",
    apply=_apply,
    sizes={"small": 0.005, "medium": 0.01, "large": 0.02},
    deploys=True,
    needs={"task": "ranking"},
)
