"""Users complain; its twin is one who complains five times."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from fireline.clock import MICROS, micros
from fireline.drill.fault import Dose, Fault
from fireline.drill.population import Floats, Ints
from fireline.drill.samples import Samples
from fireline.drill.world import World
from fireline.terms.cause import CauseKind

SAID = "the price is wrong"


def _complaining(world: World, dose: Dose, a_day: float, minutes: float) -> World:
    def do(samples: Samples, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        count = int(rng.poisson(a_day * minutes / 1440))
        for at in np.sort(rng.uniform(0, minutes * 60, count)):
            samples.add(micros(dose.onset) + int(at * MICROS), "report", "report", message=SAID)

    return world.with_(upsets=[dose.upset("report", do)], truth=dose.truth(message=SAID))


def _apply(world: World, dose: Dose, rng: np.random.Generator) -> World:
    span = (dose.until or world.end) - dose.onset
    return _complaining(world, dose, dose.amount * world.per_minute * 1440, span.total_seconds() / 60)


def _one(world: World, dose: Dose, rng: np.random.Generator) -> World:
    def do(samples: Samples, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        for number in range(int(dose.amount)):
            samples.add(micros(dose.onset) + number * 90 * MICROS, "report", "report", message=SAID)

    return world.with_(upsets=[dose.upset("report", do)], truth=dose.truth(message=SAID))


FAULT = Fault(
    name="user_reports",
    doc="For twelve hours a further share of the requests brings a user's report; usual is one in five "
    "hundred.",
    apply=_apply,
    family=("other",),
    cause=CauseKind.UNKNOWN,
    sizes={"small": 0.004, "medium": 0.02, "large": 0.1},
    lasts=timedelta(hours=12),
    needs={"signals": True},
)
TWIN = Fault(
    name="one_angry_user",
    doc="One user reports a few times within minutes.",
    apply=_one,
    sizes={"small": 2, "medium": 3, "large": 5},
    needs={"signals": True},
)
