"""What the model calls no longer answers; its twin misses for two minutes."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from fireline.drill.draft import Draft, some
from fireline.drill.fault import Dose, Fault, heavy
from fireline.drill.population import Floats, Ints
from fireline.drill.samples import Samples
from fireline.drill.world import World
from fireline.terms.cause import CauseKind


def _apply(world: World, dose: Dose, rng: np.random.Generator) -> World:
    names = heavy(world, rng, count=3)

    def do(draft: Draft, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        for name in names:
            draft.blank(name, some(draft, rows, dose.amount * strength, np.random.default_rng(world.seed)))

    def fall(draft: Draft, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        hit = some(draft, rows, dose.amount * strength, np.random.default_rng(world.seed))
        draft.extra["rung"][hit] = draft.names["rung"].index("rules")
        draft.rows["latency"][hit] += 250.0

    def fail(samples: Samples, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        hit = rows[rng.random(len(rows)) < dose.amount * strength]
        samples.rows["ok"][hit] = 0
        samples.rows["latency"][hit] = 250.0
        for row in hit:
            key = int(rng.integers(10_000, 99_999))
            samples.rows["message"][row] = samples.message(f"timeout after 250 ms fetching features of {key}")

    return world.with_(
        effects=[dose.effect("pipeline", do), dose.effect("answer", fall)],
        upsets=[dose.upset("call", fail, name="feature-store")],
        truth=dose.truth(names, dependency="feature-store"),
    )


FAULT = Fault(
    name="dependency_down",
    doc="For three hours a share of the calls to the feature store times out: three inputs are missing "
    "there, and the rules answer.",
    apply=_apply,
    family=("null_rate", "error_rate", "resource", "other"),
    cause=CauseKind.INFRASTRUCTURE,
    sizes={"small": 0.05, "medium": 0.25, "large": 0.9},
    shapes=("step", "ramp"),
    lasts=timedelta(hours=3),
    needs={"signals": True, "rungs": True},
)
TWIN = Fault(
    name="dependency_blip",
    doc="For two minutes a few per cent of the calls to the feature store time out.",
    apply=_apply,
    sizes={"small": 0.03, "medium": 0.05, "large": 0.1},
    lasts=timedelta(minutes=2),
    needs={"signals": True, "rungs": True},
)
