"""One segment's inputs are mixed up; its twin brings more of one segment's people."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from fireline.clock import iso
from fireline.drill.draft import Draft, some
from fireline.drill.fault import Dose, Fault, heavy
from fireline.drill.population import Floats, Ints, value
from fireline.drill.world import Surge, World
from fireline.terms.cause import CauseKind

TAG = 2


def _apply(world: World, dose: Dose, rng: np.random.Generator) -> World:
    names = heavy(world, rng, count=3)

    def do(draft: Draft, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        hit = some(draft, rows, dose.amount * strength, rng)
        if dose.kind == "score":
            draft.shift_score(hit, rng.normal(1.0, 1.5, len(hit)))
        else:
            for name in names:
                elsewhere = value(draft.features[name], 1 + rng.standard_normal(len(hit)))
                draft.put(name, hit, elsewhere)

    told = dose.truth([] if dose.kind == "score" else names)
    if dose.kind == "score":
        told["family"] = "score_drift"
    return world.with_(effects=[dose.effect("score" if dose.kind == "score" else "pipeline", do)], truth=told)


def _welcome(world: World, dose: Dose, rng: np.random.Generator) -> World:
    column = world.columns[0]
    name, share = column.values[2], column.shares[2]

    def join(draft: Draft, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        draft.segments[column.name][rows] = draft.names[column.name].index(name)

    told = {"at": iso(dose.onset), "kind": "campaign", "what": f"posters in {column.name} {name}",
            "service": world.service, "segment": {column.name: name}}  # fmt: skip
    return world.with_(
        surges=[Surge(dose.onset, dose.until or world.end, dose.amount * share, TAG)],
        effects=[dose.effect("mix", join, tag=TAG)],
        changes=[told],
        truth=dose.truth(grew={column.name: name}),
    )


FAULT = Fault(
    name="segment_break",
    doc="In one segment's rows three inputs come from elsewhere (kind feature), or the score is shaken "
    "(kind score).",
    apply=_apply,
    family=("drift", "score_drift", "auc"),
    cause=CauseKind.UPSTREAM_DATA,
    sizes={"small": 0.25, "medium": 0.6, "large": 1.0},
    where=("segment",),
    shapes=("step", "ramp"),
    kinds=("feature", "score"),
)
TWIN = Fault(
    name="segment_campaign",
    doc="For two days one segment grows by a share of itself; it was announced.",
    apply=_welcome,
    sizes={"small": 0.1, "medium": 0.25, "large": 0.5},
    lasts=timedelta(hours=48),
)
