"""Columns of the log change their form; its twin gains a column that nobody reads yet."""

from __future__ import annotations

import numpy as np

from fireline.clock import iso
from fireline.drill.draft import Draft, some
from fireline.drill.fault import Dose, Fault, heavy
from fireline.drill.population import Floats, Ints
from fireline.drill.world import World
from fireline.terms.cause import CauseKind


def _apply(world: World, dose: Dose, rng: np.random.Generator) -> World:
    columns = max(1, round(dose.amount))
    if dose.kind == "retyped":
        names = heavy(world, rng, columns, shapes=("category",))
    else:
        names = heavy(world, rng, columns)

    def do(draft: Draft, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        hit = some(draft, rows, strength, rng)
        for name in names:
            if dose.kind == "missing":
                draft.blank(name, hit)
                continue
            words = list(draft.names[name])
            numbers = np.array([draft.name_code(name, str(code)) for code in range(len(words))])
            old = draft.seen[name][hit]
            draft.put(name, hit, np.where(old >= 0, numbers[np.maximum(old, 0)], old))

    told = dose.truth(names)
    if dose.kind == "retyped":
        told |= {"family": "schema", "families": ["schema", "drift"]}
    return world.with_(effects=[dose.effect("pipeline", do)], truth=told)


def _column(world: World, dose: Dose, rng: np.random.Generator) -> World:
    def do(draft: Draft, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        column = draft.extra.get("coupon_value", np.full(draft.size, np.nan))
        column[rows] = np.round(rng.lognormal(1, 0.5, len(rows)), 2)
        draft.extra["coupon_value"] = column

    def empty(draft: Draft, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        draft.extra.setdefault("coupon_value", np.full(draft.size, np.nan))

    told = {
        "at": iso(dose.onset),
        "kind": "schema",
        "what": "a nullable column coupon_value is added",
        "service": world.service,
    }
    return world.with_(
        effects=[dose.effect("answer", empty, since=world.start, until=None), dose.effect("answer", do)],
        changes=[told],
        truth=dose.truth(),
    )


FAULT = Fault(
    name="schema_change",
    doc="Inputs go missing from the log altogether (kind missing), or a category comes as the numbers of its "
    "values (kind retyped). Sizes: how many columns.",
    apply=_apply,
    family=("null_rate", "schema"),
    cause=CauseKind.UPSTREAM_DATA,
    sizes={"small": 1, "medium": 2, "large": 4},
    where=("service", "segment", "version"),
    kinds=("missing", "retyped"),
)
TWIN = Fault(
    name="column_added",
    doc="A nullable column that the model does not read is added to the log; it was announced.",
    apply=_column,
)
