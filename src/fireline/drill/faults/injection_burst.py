"""A few sources try to talk the model out of its orders; its twin is a prompt that goes around."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from fireline.clock import iso
from fireline.drill.draft import Draft, some
from fireline.drill.fault import Dose, Fault
from fireline.drill.population import Floats, Ints
from fireline.drill.prompts import ORDER
from fireline.drill.world import Surge, World
from fireline.terms.cause import CauseKind

SOURCES = 3
TAG = 4


def _apply(world: World, dose: Dose, rng: np.random.Generator) -> World:
    names = [f"probe-{number + 1}" for number in range(SOURCES)]

    def send(draft: Draft, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        codes = np.array([draft.name_code("source", name) for name in names])
        draft.rows["source"][rows] = codes[rng.integers(0, SOURCES, len(rows))]

    def ask(draft: Draft, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        draft.extra["slang"][rows] = ORDER
        draft.extra["words_of"][rows] = draft.rows["id"][rows] % 9
        caught = some(draft, rows, 0.8, rng)
        draft.flags[dose.kind][caught] = True

    until = dose.until or world.end
    return world.with_(
        surges=[Surge(dose.onset, until, dose.amount, TAG, flat=True)],
        effects=[dose.effect("mix", send, tag=TAG), dose.effect("answer", ask, tag=TAG)],
        truth=dose.truth(sources=names, flag=dose.kind),
    )


def _goes_around(world: World, dose: Dose, rng: np.random.Generator) -> World:
    def ask(draft: Draft, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        draft.extra["words_of"][rows] = 17

    until = dose.until or world.end
    told = {
        "at": iso(dose.onset),
        "kind": "campaign",
        "what": "a prompt goes around",
        "service": world.service,
    }
    return world.with_(
        surges=[Surge(dose.onset, until, dose.amount, TAG)],
        effects=[dose.effect("answer", ask, tag=TAG)],
        changes=[told],
        truth=dose.truth(),
    )


FAULT = Fault(
    name="injection_burst",
    doc="For three hours three sources send near-copies of orders to the machine; four in five are flagged. "
    "Sizes: how many times the usual traffic they add.",
    apply=_apply,
    family=("injection", "traffic"),
    cause=CauseKind.ATTACK,
    sizes={"small": 0.02, "medium": 0.2, "large": 2.0},
    kinds=("injection", "jailbreak"),
    lasts=timedelta(hours=3),
    needs={"task": "llm"},
)
TWIN = Fault(
    name="prompt_goes_around",
    doc="For three hours many people try the same harmless prompt; it was announced.",
    apply=_goes_around,
    sizes={"small": 0.1, "medium": 0.3, "large": 0.5},
    lasts=timedelta(hours=3),
    needs={"task": "llm"},
)
