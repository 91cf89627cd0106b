"""The treatment arm earns less; its twin is payday, in both arms."""

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
        if dose.kind == "arm":
            rows, strength = _treated(draft, rows, strength)
        lost = some(draft, rows, dose.amount * strength, rng)
        draft.extra["outcome"][lost] = 0.0

    return world.with_(effects=[dose.effect("answer", do)], truth=dose.truth(arm="treatment"))


def _treated(draft: Draft, rows: Ints, strength: Floats) -> tuple[Ints, Floats]:
    hit = draft.extra["arm"][rows] == draft.names["arm"].index("treatment")
    return rows[hit], strength[hit]


def _payday(world: World, dose: Dose, rng: np.random.Generator) -> World:
    def do(draft: Draft, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        draft.extra["outcome"][rows] = np.round(draft.extra["outcome"][rows] * (1 + dose.amount), 2)

    told = {"at": iso(dose.onset), "kind": "holiday", "what": "payday", "service": world.service}
    return world.with_(effects=[dose.effect("answer", do)], changes=[told], truth=dose.truth())


FAULT = Fault(
    name="kpi_drop",
    doc="A share of the treatment arm's purchases is lost (kind arm), or of everybody's (kind all).",
    apply=_apply,
    family=("kpi",),
    cause=CauseKind.UNKNOWN,
    sizes={"small": 0.05, "medium": 0.2, "large": 0.6},
    where=("service", "segment"),
    kinds=("arm", "all"),
    needs={"kpi": True},
)
TWIN = Fault(
    name="payday",
    doc="For a day everybody spends a little more, in both arms; it was announced.",
    apply=_payday,
    sizes={"small": 0.03, "medium": 0.06, "large": 0.1},
    lasts=timedelta(hours=24),
    needs={"kpi": True},
)
