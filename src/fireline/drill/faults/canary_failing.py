"""Known questions get wrong answers, or are no longer asked; its twin is one slow canary."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from fireline.drill.fault import Dose, Fault
from fireline.drill.population import Floats, Ints
from fireline.drill.samples import Samples
from fireline.drill.world import World
from fireline.terms.cause import CauseKind


def _apply(world: World, dose: Dose, rng: np.random.Generator) -> World:
    def do(samples: Samples, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        hit = rows[rng.random(len(rows)) < dose.amount * strength]
        if dose.kind == "stopped":
            samples.rows["gone"][hit] = True
            return
        samples.rows["ok"][hit] = 0
        samples.rows["message"][hit] = samples.message("expected a number from 0.2 to 0.4")

    return world.with_(upsets=[dose.upset("canary", do)], truth=dose.truth())


def _slow(world: World, dose: Dose, rng: np.random.Generator) -> World:
    def do(samples: Samples, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        samples.rows["latency"][rows[:1]] *= dose.amount

    return world.with_(upsets=[dose.upset("canary", do)], truth=dose.truth())


FAULT = Fault(
    name="canary_failing",
    doc="A share of the canaries is answered wrongly (kind wrong), or never sent (kind stopped).",
    apply=_apply,
    family=("canary",),
    cause=CauseKind.UNKNOWN,
    sizes={"small": 0.1, "medium": 0.4, "large": 1.0},
    shapes=("step", "ramp"),
    kinds=("wrong", "stopped"),
    needs={"signals": True},
)
TWIN = Fault(
    name="one_slow_canary",
    doc="One canary takes several times as long, and is right.",
    apply=_slow,
    sizes={"small": 2, "medium": 4, "large": 8},
    lasts=timedelta(hours=1),
    needs={"signals": True},
)
