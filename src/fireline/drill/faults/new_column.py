"""A column appears that nobody mapped; its twin shows up for two minutes at a time, while somebody looks into
something."""

from __future__ import annotations

import numpy as np

from fireline.drill.draft import Do, Draft, some
from fireline.drill.fault import Dose, Fault, blips
from fireline.drill.population import Floats, Ints
from fireline.drill.world import World
from fireline.terms.cause import CauseKind


def _filled(name: str, share: float) -> Do:
    def do(draft: Draft, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        column = draft.extra.get(name, np.full(draft.size, np.nan))
        hit = some(draft, rows, share * strength, rng)
        column[hit] = np.round(rng.lognormal(1, 0.5, len(hit)), 2)
        draft.extra[name] = column

    return do


def _there(world: World, dose: Dose, name: str) -> World:
    """The world with an empty column from its start on: a log's columns are the same in all its rows."""
    return world.with_(effects=[dose.effect("answer", _filled(name, 0.0), since=world.start, until=None)])


def _apply(world: World, dose: Dose, rng: np.random.Generator) -> World:
    world = _there(world, dose, "basket_value")
    effect = dose.effect("answer", _filled("basket_value", dose.amount))
    return world.with_(effects=[effect], truth=dose.truth(column="basket_value"))


def _traced(world: World, dose: Dose, rng: np.random.Generator) -> World:
    return blips(_there(world, dose, "trace_ms"), dose, rng, "answer", _filled("trace_ms", 1.0))


FAULT = Fault(
    name="new_column",
    doc="A column that nobody announced or mapped comes with a share of the rows.",
    apply=_apply,
    family=("schema",),
    cause=CauseKind.UPSTREAM_DATA,
    sizes={"small": 0.02, "medium": 0.3, "large": 1.0},
    where=("service", "version"),
)
TWIN = Fault(
    name="tracing_blips",
    doc="A column that nobody mapped comes for two minutes at a time, while somebody traces requests.",
    apply=_traced,
)
