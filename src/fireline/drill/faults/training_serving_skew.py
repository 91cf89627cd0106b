"""Serving computes an input otherwise than training did, and the log does not show it; its twin rounds."""

from __future__ import annotations

import numpy as np

from fireline.drill.draft import Draft
from fireline.drill.fault import Dose, Fault, heavy
from fireline.drill.population import Floats, Ints
from fireline.drill.world import World
from fireline.terms.cause import CauseKind


def _apply(world: World, dose: Dose, rng: np.random.Generator) -> World:
    names = heavy(world, rng, count=2)

    def do(draft: Draft, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        for name in names:
            term, seen = draft.model.terms[name], draft.seen[name][rows]
            draft.shift_score(rows, dose.amount * strength * term.read(seen))

    def log(draft: Draft, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        for name in names:
            draft.put(name, rows, draft.seen[name][rows] * (1 + dose.amount * strength))

    effect = dose.effect("pipeline", log) if dose.kind == "logged" else dose.effect("score", do)
    families = ["drift", *FAULT.family] if dose.kind == "logged" else list(FAULT.family)
    return world.with_(effects=[effect], truth=dose.truth(names, family=families[0], families=families))


def _rounded(world: World, dose: Dose, rng: np.random.Generator) -> World:
    name = heavy(world, rng)[0]

    def do(draft: Draft, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        term, seen = draft.model.terms[name], draft.seen[name][rows]
        draft.shift_score(rows, term.read(seen.astype(np.float16).astype(np.float64)) - term.read(seen))

    return world.with_(effects=[dose.effect("score", do)], truth=dose.truth([name]))


FAULT = Fault(
    name="training_serving_skew",
    doc="Two inputs are scaled in serving otherwise than in training: the log is right, the model reads "
    "something else. Logged: the log has it too. Sizes: how much more they weigh than they should.",
    apply=_apply,
    family=("score_drift", "auc", "calibration"),
    cause=CauseKind.DEPLOY,
    sizes={"small": 0.3, "medium": 1.0, "large": 2.5},
    where=("version", "service"),
    kinds=("", "logged"),
)
TWIN = Fault(
    name="half_precision",
    doc="Version B reads an input in half precision.",
    apply=_rounded,
    deploys=True,
)
