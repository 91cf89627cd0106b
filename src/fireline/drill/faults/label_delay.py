"""Labels come days later than they used to; its twin brings an hour's at once."""

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
        late = some(draft, rows, dose.amount, rng)
        draft.rows["label_time"][late] += 14 * 86_400 * MICROS

    return world.with_(effects=[dose.effect("labels", do)], truth=dose.truth())


def _batch(world: World, dose: Dose, rng: np.random.Generator) -> World:
    def do(draft: Draft, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        hour = 3_600 * MICROS
        draft.rows["label_time"][rows] = -(-draft.rows["label_time"][rows] // hour) * hour

    return world.with_(effects=[dose.effect("labels", do)], truth=dose.truth())


FAULT = Fault(
    name="label_delay",
    doc="From the onset on a share of the labels comes a fortnight late (the onset is of label times).",
    apply=_apply,
    family=("label_coverage",),
    cause=CauseKind.LABEL_PIPELINE,
    sizes={"small": 0.2, "medium": 0.5, "large": 0.95},
)
TWIN = Fault(
    name="hourly_labels",
    doc="For two days labels come in one batch at the full hour.",
    apply=_batch,
    lasts=timedelta(hours=48),
)
