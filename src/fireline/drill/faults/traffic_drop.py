"""Requests stop coming; its twin is an announced holiday."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from fireline.clock import iso
from fireline.drill.draft import Draft, some
from fireline.drill.fault import Dose, Fault
from fireline.drill.population import Floats, Ints
from fireline.drill.world import World
from fireline.terms.cause import CauseKind


def _apply(world: World, dose: Dose, rng: np.random.Generator) -> World:
    def do(draft: Draft, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        draft.drop(some(draft, rows, dose.amount * strength, rng))

    return world.with_(effects=[dose.effect("mix", do)], truth=dose.truth())


def _holiday(world: World, dose: Dose, rng: np.random.Generator) -> World:
    told = {"at": iso(dose.onset), "kind": "holiday", "what": "public holiday", "service": world.service}
    return _apply(world.with_(changes=[told]), dose, rng)


FAULT = Fault(
    name="traffic_drop",
    doc="A share of the requests no longer arrives for six hours; large is silence.",
    apply=_apply,
    family=("traffic", "freshness"),
    cause=CauseKind.INFRASTRUCTURE,
    sizes={"small": 0.4, "medium": 0.75, "large": 1.0},
    where=("service", "segment"),
    shapes=("step", "ramp"),
    lasts=timedelta(hours=6),
)
TWIN = Fault(
    name="holiday_dip",
    doc="For a day people stay away; it was announced.",
    apply=_holiday,
    sizes={"small": 0.25, "medium": 0.4, "large": 0.55},
    lasts=timedelta(hours=24),
)
