"""After daylight saving an input that tells the hour is wrong; its twin stays right."""

from __future__ import annotations

import numpy as np

from fireline.clock import parse_time
from fireline.drill.draft import Draft
from fireline.drill.fault import Dose, Fault
from fireline.drill.faults.mix_drift import TWIN as CLOCKS
from fireline.drill.population import Floats, Ints
from fireline.drill.world import World
from fireline.terms.cause import CauseKind


def _apply(world: World, dose: Dose, rng: np.random.Generator) -> World:
    def do(draft: Draft, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        hour = draft.extra["local_hour"]
        hour[rows] = (hour[rows] - dose.amount) % 24

    world = CLOCKS.apply(world, dose, rng)
    assert world.truth is not None
    changed = parse_time(world.truth["onset"])
    return world.with_(effects=[dose.effect("answer", do, since=changed)])


FAULT = Fault(
    name="clock_change_bug",
    doc="Clocks go forward, and the input that tells the local hour does not follow. Sizes: hours off.",
    apply=_apply,
    family=("drift",),
    cause=CauseKind.UPSTREAM_DATA,
    sizes={"small": 1, "medium": 2, "large": 6},
    needs={"hours": True},
)
TWIN = Fault(
    name="clock_change_right",
    doc="Clocks go forward, and the input that tells the local hour follows.",
    apply=CLOCKS.apply,
    needs={"hours": True},
)
