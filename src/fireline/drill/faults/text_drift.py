"""People write of other things, in other tongues, or longer; its twin is a new word or two."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from fireline.clock import iso
from fireline.drill.draft import Draft, Stage, some
from fireline.drill.fault import Dose, Fault
from fireline.drill.population import Floats, Ints
from fireline.drill.prompts import NEW
from fireline.drill.world import World
from fireline.terms.cause import CauseKind


def _apply(world: World, dose: Dose, rng: np.random.Generator) -> World:
    def do(draft: Draft, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        hit = some(draft, rows, dose.amount * strength, rng)
        if dose.kind == "vocabulary":
            draft.extra["slang"][hit] = NEW
        elif dose.kind == "length":
            draft.move("prompt_tokens", hit, 2.0)
        else:
            draft.true["language"][hit] = draft.names["language"].index("fr")

    stage: Stage = "answer" if dose.kind == "vocabulary" else "inputs"
    touched = {"vocabulary": [], "length": ["prompt_tokens"], "language": ["language"]}[dose.kind]
    return world.with_(effects=[dose.effect(stage, do)], truth=dose.truth(touched, column="prompt"))


def _words(world: World, dose: Dose, rng: np.random.Generator) -> World:
    def do(draft: Draft, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        draft.extra["slang"][some(draft, rows, dose.amount, rng)] = NEW

    told = {
        "at": iso(dose.onset),
        "kind": "campaign",
        "what": "a product with a new name",
        "service": world.service,
    }
    return world.with_(effects=[dose.effect("answer", do)], changes=[told], truth=dose.truth())


FAULT = Fault(
    name="text_drift",
    doc="In a share of the prompts: words nobody used before (kind vocabulary), another language (kind "
    "language), or far more of them (kind length).",
    apply=_apply,
    family=("drift",),
    cause=CauseKind.NATURAL_DRIFT,
    sizes={"small": 0.05, "medium": 0.25, "large": 0.8},
    where=("service", "segment"),
    shapes=("step", "ramp"),
    kinds=("language", "length", "vocabulary"),
    needs={"task": "llm"},
)
TWIN = Fault(
    name="new_product_words",
    doc="For two days one prompt in two hundred or so has words that are new; it was announced.",
    apply=_words,
    sizes={"small": 0.002, "medium": 0.005, "large": 0.01},
    lasts=timedelta(hours=48),
    needs={"task": "llm"},
)
