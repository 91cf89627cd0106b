"""Most hosts' logs stop arriving while the service works; its twin delivers a few rows a day late."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from fireline.clock import MICROS, micros
from fireline.drill.draft import Draft, some
from fireline.drill.fault import Dose, Fault
from fireline.drill.population import Floats, Ints
from fireline.drill.world import World
from fireline.terms.cause import CauseKind


def _apply(world: World, dose: Dose, rng: np.random.Generator) -> World:
    hours = dose.amount

    def do(draft: Draft, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        mine = draft.rows["host"][rows] > 0
        held = rows[mine & (draft.rows["time"][rows] < micros(dose.onset) + int(hours * 3_600 * MICROS))]
        draft.rows["arrival"][held] = micros(dose.onset) + int(hours * 3_600 * MICROS) + np.arange(len(held))

    return world.with_(effects=[dose.effect("delivery", do)], truth=dose.truth())


def _old(world: World, dose: Dose, rng: np.random.Generator) -> World:
    def do(draft: Draft, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        late = some(draft, rows, dose.amount, rng)
        draft.rows["arrival"][late] += 30 * 3_600 * MICROS

    return world.with_(effects=[dose.effect("delivery", do)], truth=dose.truth())


FAULT = Fault(
    name="stream_stall",
    doc="For some hours the events of one host only arrive, then the others' all at once. Sizes: hours.",
    apply=_apply,
    family=("freshness", "traffic"),
    cause=CauseKind.INFRASTRUCTURE,
    sizes={"small": 0.5, "medium": 2, "large": 8},
    lasts=timedelta(hours=9),
    needs={"arrivals": True},
)
TWIN = Fault(
    name="old_rows",
    doc="A share of six hours' rows arrives more than a day late, between the new ones.",
    apply=_old,
    sizes={"small": 0.02, "medium": 0.05, "large": 0.1},
    lasts=timedelta(hours=6),
    needs={"arrivals": True},
)
