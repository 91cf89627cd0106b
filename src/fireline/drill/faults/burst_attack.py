"""A few sources send near-copies at all hours; its twin is a campaign that brings more of the usual
people."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from fireline.clock import iso
from fireline.drill.draft import Draft
from fireline.drill.fault import Dose, Fault
from fireline.drill.population import Floats, Ints
from fireline.drill.world import Surge, World
from fireline.terms.cause import CauseKind

SOURCES = 3
TAG = 1


def _apply(world: World, dose: Dose, rng: np.random.Generator) -> World:
    until = dose.until or world.end
    names = [f"probe-{number + 1}" for number in range(SOURCES)]

    def send(draft: Draft, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        codes = np.array([draft.name_code("source", name) for name in names])
        draft.rows["source"][rows] = codes[rng.integers(0, SOURCES, len(rows))]
        for column in draft.segments.values():
            column[rows] = column[0]

    def copy(draft: Draft, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        pattern = np.flatnonzero(draft.rows["tag"] == 0)[:SOURCES]  # three people's requests, replayed
        who = pattern[draft.rows["source"][rows] % SOURCES]
        for name, draws in draft.latents.items():
            draft.move(name, rows, draws[who] - draws[rows] + rng.normal(0, 0.02, len(rows)))
        for name, feature in draft.features.items():
            if not feature.numeric:
                draft.true[name][rows] = draft.true[name][who]

    def succeed(draft: Draft, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        draft.rows["logit"][rows] = 2.0  # what they want is what the model was to catch

    return world.with_(
        surges=[Surge(dose.onset, until, dose.amount, TAG, flat=True)],
        effects=[
            dose.effect("mix", send, tag=TAG),
            dose.effect("inputs", copy, tag=TAG),
            dose.effect("truth", succeed, tag=TAG),
        ],
        truth=dose.truth(sources=names),
    )


def _campaign(world: World, dose: Dose, rng: np.random.Generator) -> World:
    until = dose.until or world.end
    told = {
        "at": iso(dose.onset),
        "kind": "campaign",
        "what": "newspaper advertisement",
        "service": world.service,
    }
    return world.with_(
        surges=[Surge(dose.onset, until, dose.amount, TAG)], changes=[told], truth=dose.truth()
    )


FAULT = Fault(
    name="burst_attack",
    doc="Three sources send near-copies of three requests day and night alike for two hours, and get what "
    "they want.",
    apply=_apply,
    family=("traffic", "drift"),
    cause=CauseKind.ATTACK,
    sizes={"small": 0.5, "medium": 2.0, "large": 8.0},
    lasts=timedelta(hours=2),
)
TWIN = Fault(
    name="campaign",
    doc="For two days more people come than usual, of the usual kind; it was announced.",
    apply=_campaign,
    sizes={"small": 0.2, "medium": 0.5, "large": 0.5},
    lasts=timedelta(hours=48),
)
