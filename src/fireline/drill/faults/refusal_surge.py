"""A stricter policy refuses what it should not; its twin refuses a hair more."""

from __future__ import annotations

import numpy as np

from fireline.clock import iso
from fireline.drill.draft import Draft, some
from fireline.drill.fault import Dose, Fault
from fireline.drill.population import Floats, Ints
from fireline.drill.world import World
from fireline.terms.cause import CauseKind


def _apply(world: World, dose: Dose, rng: np.random.Generator) -> World:
    def do(draft: Draft, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        hit = some(draft, rows, dose.amount * strength, rng)
        draft.flags["refusal"][hit] = True
        draft.extra["answer_tokens"][hit] = 14.0

    told = {
        "at": iso(dose.onset),
        "kind": "config",
        "what": "safety policy set to strict",
        "service": world.service,
    }
    return world.with_(effects=[dose.effect("answer", do)], changes=[told], truth=dose.truth(flag="refusal"))


FAULT = Fault(
    name="refusal_surge",
    doc="After a policy change a further share of the answers is a short refusal.",
    apply=_apply,
    family=("refusal_rate", "drift"),
    cause=CauseKind.DEPLOY,
    sizes={"small": 0.01, "medium": 0.05, "large": 0.3},
    where=("service", "segment"),
    needs={"task": "llm"},
)
TWIN = Fault(
    name="policy_wording",
    doc="After a change of the policy's wording one answer in a thousand more is a refusal.",
    apply=_apply,
    sizes={"small": 0.0005, "medium": 0.001, "large": 0.0015},
    needs={"task": "llm"},
)
