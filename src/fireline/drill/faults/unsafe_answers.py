"""More answers are toxic, or refused; its twin are two-minute blips of them."""

from __future__ import annotations

import numpy as np

from fireline.drill.draft import Do, Draft, some
from fireline.drill.fault import Dose, Fault, blips
from fireline.drill.population import Floats, Ints
from fireline.drill.world import World
from fireline.terms.cause import CauseKind


def _flagged(flag: str, share: float) -> Do:
    def do(draft: Draft, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        draft.flags[flag][some(draft, rows, share * strength, rng)] = True

    return do


def _apply(world: World, dose: Dose, rng: np.random.Generator) -> World:
    family = f"{dose.kind}_rate"
    truth = dose.truth(flag=dose.kind, family=family, families=[family])
    return world.with_(effects=[dose.effect("answer", _flagged(dose.kind, dose.amount))], truth=truth)


def _blips(world: World, dose: Dose, rng: np.random.Generator) -> World:
    return blips(world, dose, rng, "answer", _flagged(dose.kind, dose.amount))


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
    name="flag_blips",
    doc="Every other day or so, two minutes in which a few per cent of the answers are flagged.",
    apply=_blips,
    sizes={"small": 0.02, "medium": 0.05, "large": 0.1},
    kinds=("toxic", "refusal"),
)
