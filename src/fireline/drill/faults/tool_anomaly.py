"""The model calls another tool than it should; its twin calls one a little more in a sale."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from fireline.drill.draft import Draft, some
from fireline.drill.fault import Dose, Fault
from fireline.drill.population import Floats, Ints
from fireline.drill.world import World
from fireline.terms.cause import CauseKind


def _towards(tool: str, world: World, dose: Dose) -> World:
    def do(draft: Draft, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        hit = some(draft, rows, dose.amount * strength, rng)
        draft.extra["tool"][hit] = draft.names["tool"].index(tool)

    return world.with_(effects=[dose.effect("answer", do)], truth=dose.truth(tool=tool))


def _apply(world: World, dose: Dose, rng: np.random.Generator) -> World:
    return _towards("send_mail", world, dose)


def _sale(world: World, dose: Dose, rng: np.random.Generator) -> World:
    return _towards("order_status", world, dose)


FAULT = Fault(
    name="tool_anomaly",
    doc="A further share of the answers calls the mail tool.",
    apply=_apply,
    family=("drift", "other", "schema"),
    cause=CauseKind.UNKNOWN,
    sizes={"small": 0.01, "medium": 0.08, "large": 0.5},
    where=("service", "segment", "version"),
    shapes=("step", "ramp"),
    needs={"task": "llm"},
)
TWIN = Fault(
    name="sale_questions",
    doc="For two days a few per cent more of the answers look an order up.",
    apply=_sale,
    sizes={"small": 0.01, "medium": 0.02, "large": 0.03},
    lasts=timedelta(hours=48),
    needs={"task": "llm"},
)
