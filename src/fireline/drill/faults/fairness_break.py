"""One group is treated otherwise; its twin brings more of one group's people."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from fireline.drill.draft import Draft
from fireline.drill.fault import Dose, Fault
from fireline.drill.population import Floats, Ints
from fireline.drill.world import World
from fireline.terms.cause import CauseKind


def _apply(world: World, dose: Dose, rng: np.random.Generator) -> World:
    column = world.group_columns[0]

    def do(draft: Draft, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        code = draft.names[column.name].index(column.values[0])
        hit = draft.segments[column.name][rows] == code
        draft.shift_score(rows[hit], -dose.amount * strength[hit])

    return world.with_(
        effects=[dose.effect("score", do)], truth=dose.truth(group={column.name: column.values[0]})
    )


def _guests(world: World, dose: Dose, rng: np.random.Generator) -> World:
    column = world.group_columns[0]

    def do(draft: Draft, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        more = rows[rng.random(len(rows)) < dose.amount]
        draft.segments[column.name][more] = 0

    return world.with_(effects=[dose.effect("mix", do)], truth=dose.truth())


FAULT = Fault(
    name="fairness_break",
    doc="Everybody of one group is scored lower, whatever they deserve. Sizes: by how much, in log odds.",
    apply=_apply,
    family=("fairness",),
    cause=CauseKind.UNKNOWN,
    sizes={"small": 0.4, "medium": 1.0, "large": 2.5},
    where=("service", "version"),
    needs={"groups": 1},
)
TWIN = Fault(
    name="more_of_a_group",
    doc="For two days a tenth or so more of the people come from one group; all are treated alike.",
    apply=_guests,
    sizes={"small": 0.05, "medium": 0.1, "large": 0.2},
    lasts=timedelta(hours=48),
    needs={"groups": 1},
)
