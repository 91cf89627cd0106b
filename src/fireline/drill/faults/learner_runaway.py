"""An online learner walks away from its checkpoint; its twin goes back to one."""

from __future__ import annotations

import numpy as np

from fireline.drill.draft import Draft
from fireline.drill.fault import Dose, Fault
from fireline.drill.population import Floats, Ints
from fireline.drill.samples import Samples
from fireline.drill.world import World
from fireline.terms.cause import CauseKind


def _apply(world: World, dose: Dose, rng: np.random.Generator) -> World:
    def do(draft: Draft, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        raw = draft.model.logit({n: c[rows] for n, c in {**draft.seen, **draft.segments}.items()})
        lean = raw - draft.model.intercept if dose.kind == "diverging" else np.ones(len(rows))
        draft.shift_score(rows, dose.amount * strength * lean)

    def norm(samples: Samples, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        samples.rows["value"][rows] *= 1 + dose.amount * strength

    def loss(samples: Samples, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        samples.rows["value"][rows] += 0.3 * dose.amount * strength

    return world.with_(
        effects=[dose.effect("score", do)],
        upsets=[
            dose.upset("gauge", norm, name="learner_weight_norm"),
            dose.upset("gauge", loss, name="learner_loss"),
        ],
        truth=dose.truth(),
    )


def _checkpoint(world: World, dose: Dose, rng: np.random.Generator) -> World:
    def do(draft: Draft, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        draft.shift_score(rows, 0.02)

    def updates(samples: Samples, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        samples.rows["value"][rows[:3]] = 0.0

    return world.with_(
        effects=[dose.effect("score", do)],
        upsets=[dose.upset("gauge", updates, name="learner_updates")],
        truth=dose.truth(),
    )


FAULT = Fault(
    name="learner_runaway",
    doc="An online learner's weights grow beyond their checkpoint (kind diverging), or its bias follows its "
    "own answers (kind feedback); its gauges show it. Sizes: how far, beside the checkpoint's weights.",
    apply=_apply,
    family=("score_drift", "calibration", "resource", "other"),
    cause=CauseKind.UNKNOWN,
    sizes={"small": 0.2, "medium": 0.7, "large": 2.0},
    shapes=("ramp", "step"),
    kinds=("diverging", "feedback"),
    needs={"signals": True},
)
TWIN = Fault(
    name="checkpoint_restored",
    doc="The learner goes back to its checkpoint: no updates for three minutes, scores a hair apart.",
    apply=_checkpoint,
    needs={"signals": True},
)
