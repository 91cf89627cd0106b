"""More answers are toxic, or refused; its twin is a two-minute blip of them."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from fireline.drill.draft import Draft, some
from fireline.drill.fault import Dose, Fault
from fireline.drill.population import Floats, Ints
from fireline.drill.world import World
from fireline.terms.cause import CauseKind


def _apply(world: World, dose: Dose, rng: np.random.Generator) -> World:
    flag = dose.kind

    def do(draft: Draft, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        draft.flags[flag][some(draft, rows, dose.amount * strength, rng)] = True

    told = dose.truth(flag=flag)
    if told["family"]:
        told |= {"family": f"{flag}_rate", "families": [f"{flag}_rate"]}
    return world.with_(effects=[dose.effect("answer", do)], truth=told)


FAULT = Fault(
    name="unsafe_answers",
    doc="A further share of the answers is flagged toxic (kind toxic) or a refusal (kind refusal).",
    apply=_apply,
    family=("toxic_rate", "refusal_rate"),
    cause=CauseKind.UNKNOWN,
    sizes={"small": 0.004, "medium": 0.02, "large": 0.1},
    where=("service", "segment", "version"),
    shapes=("step", "ramp"),
    kinds=("toxic", "refusal"),
)
TWIN = Fault(
    name="flag_blip",
    doc="For two minutes a few per cent of the answers are flagged.",
    apply=_apply,
    sizes={"small": 0.02, "medium": 0.04, "large": 0.05},
    kinds=("toxic", "refusal"),
    lasts=timedelta(minutes=2),
)
