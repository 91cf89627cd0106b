"""Many senders feel for the model's border with copies a hair apart; its twin is a campaign."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from fireline.clock import iso
from fireline.drill.draft import Draft
from fireline.drill.fault import Dose, Fault
from fireline.drill.population import Floats, Ints
from fireline.drill.world import Surge, World
from fireline.terms.cause import CauseKind

TAG = 5


def _apply(world: World, dose: Dose, rng: np.random.Generator) -> World:
    def do(draft: Draft, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        if not len(rows):
            return
        pattern = int(np.flatnonzero(draft.rows["tag"] == 0)[0])
        for name, draws in draft.latents.items():
            draft.move(name, rows, draws[pattern] - draws[rows] + rng.normal(0, 0.03, len(rows)))
        for name, feature in draft.features.items():
            if not feature.numeric:
                draft.true[name][rows] = draft.true[name][pattern]

    until = dose.until or world.end
    return world.with_(
        surges=[Surge(dose.onset, until, dose.amount, TAG, flat=True)],
        effects=[dose.effect("inputs", do, tag=TAG)],
        truth=dose.truth(),
    )


def _campaign(world: World, dose: Dose, rng: np.random.Generator) -> World:
    def join(draft: Draft, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        column = world.columns[0]
        guests = rows[rng.random(len(rows)) < 0.1]
        draft.segments[column.name][guests] = 0

    told = {"at": iso(dose.onset), "kind": "campaign", "what": "television spot", "service": world.service}
    return world.with_(
        surges=[Surge(dose.onset, dose.until or world.end, dose.amount, TAG)],
        effects=[dose.effect("mix", join, tag=TAG)],
        changes=[told],
        truth=dose.truth(),
    )


FAULT = Fault(
    name="near_duplicates",
    doc="For six hours requests that differ by hundredths come from everywhere. Sizes: beside the usual "
    "traffic.",
    apply=_apply,
    family=("drift", "traffic", "score_drift", "injection", "other"),
    cause=CauseKind.ATTACK,
    sizes={"small": 0.05, "medium": 0.3, "large": 1.5},
    lasts=timedelta(hours=6),
)
TWIN = Fault(
    name="big_campaign",
    doc="For a day up to three times as many people come, a tenth more of them from one place; it was "
    "announced.",
    apply=_campaign,
    sizes={"small": 0.5, "medium": 1.0, "large": 2.0},
    lasts=timedelta(hours=24),
)
