"""The log is delivered more than once; its twin delivers a stretch of it late."""

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
        for _ in range(int(np.ceil(dose.amount))):
            again = some(draft, rows, min(dose.amount, 1.0) * strength, rng)
            draft.deliver_again(again, (rng.exponential(25, len(again)) * MICROS).astype(np.int64))

    return world.with_(effects=[dose.effect("delivery", do)], truth=dose.truth())


def _backfill(world: World, dose: Dose, rng: np.random.Generator) -> World:
    def do(draft: Draft, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        late = some(draft, rows, dose.amount, rng)
        draft.rows["arrival"][late] += 6 * 3600 * MICROS

    return world.with_(effects=[dose.effect("delivery", do)], truth=dose.truth())


FAULT = Fault(
    name="duplicate_storm",
    doc="For three hours a share of the events arrives twice within a minute or so (large: three times).",
    apply=_apply,
    family=("duplicates",),
    cause=CauseKind.UPSTREAM_DATA,
    sizes={"small": 0.05, "medium": 0.4, "large": 2.0},
    lasts=timedelta(hours=3),
)
TWIN = Fault(
    name="backfill",
    doc="A share of two hours' events arrives in one batch six hours late, complete and correct.",
    apply=_backfill,
    sizes={"small": 0.05, "medium": 0.1, "large": 0.3},
    lasts=timedelta(hours=2),
)
