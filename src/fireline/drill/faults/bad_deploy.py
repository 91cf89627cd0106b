"""A new version whose feature code is wrong; its twin is the same deploy without the mistake."""

from __future__ import annotations

import numpy as np

from fireline.drill.draft import Draft
from fireline.drill.fault import Dose, Fault
from fireline.drill.population import Floats, Ints
from fireline.drill.world import World
from fireline.terms.cause import CauseKind


def _apply(world: World, dose: Dose, rng: np.random.Generator) -> World:
    names = _worth(world, dose.amount)
    fits = [f.name for f in world.inputs if f.numeric and f.name not in names]
    wrong = {name: fits[int(rng.integers(len(fits)))] for name in names}

    def do(draft: Draft, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        for name in names:
            if dose.kind == "column":
                draft.put(name, rows, draft.true[wrong[name]][rows])
            else:
                draft.put(name, rows, rng.permutation(draft.true[name][rows]))

    return world.with_(effects=[dose.effect("pipeline", do)], truth=dose.truth(names))


def _worth(world: World, share: float) -> list[str]:
    """Numeric inputs that together carry about ``share`` of the logit's variance, at least one."""
    weights = {name: term.weight**2 for name, term in world.model.terms.items()}
    total, taken, names = sum(weights.values()), 0.0, []
    ordered = world.model.heaviest([f.name for f in world.inputs if f.numeric])
    for name in ordered:
        part = weights[name] / total
        if taken + part <= share * 1.15:
            names.append(name)
            taken += part
    return names[:4] or ordered[-1:]


def _same(world: World, dose: Dose, rng: np.random.Generator) -> World:
    return world.with_(truth=dose.truth())


FAULT = Fault(
    name="bad_deploy",
    doc="Version B reads the wrong column for some inputs (kind column), or another request's value (kind "
    "stale: "
    "each input's distribution stays as it was). Sizes: the share of the logit's variance that is lost.",
    apply=_apply,
    family=("auc", "drift", "score_drift", "calibration"),
    cause=CauseKind.DEPLOY,
    sizes={"small": 0.05, "medium": 0.15, "large": 0.4},
    where=("version",),
    kinds=("column", "stale"),
)
TWIN = Fault(
    name="harmless_deploy",
    doc="Version B is a retrained model of the same quality, rolled out the same way.",
    apply=_same,
    deploys=True,
)
