"""The feature table is no longer refreshed; its twin is a refresh that comes a little late."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from fireline.clock import MICROS, micros
from fireline.drill.draft import Draft, some
from fireline.drill.fault import Dose, Fault, heavy
from fireline.drill.population import Floats, Ints
from fireline.drill.world import World
from fireline.terms.cause import CauseKind


def _apply(world: World, dose: Dose, rng: np.random.Generator) -> World:
    names = heavy(world, rng, count=2)

    def do(draft: Draft, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        hit = some(draft, rows, dose.amount, rng)
        old = np.searchsorted(draft.rows["time"], micros(dose.onset))
        for name in names:
            column = draft.seen[name]
            before = column[max(0, old - 2_000) : old] if old else column
            draft.put(name, hit, before[draft.rows["id"][hit] % len(before)])

    def age(draft: Draft, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        hit = some(draft, rows, dose.amount, rng)
        since = (draft.rows["time"][hit] - micros(dose.onset)) / MICROS
        draft.extra["feature_age_s"][hit] += np.round(since, 1)

    effects = [dose.effect("pipeline", do), dose.effect("answer", age)]
    return world.with_(effects=effects, truth=dose.truth(names))


def _late(world: World, dose: Dose, rng: np.random.Generator) -> World:
    def do(draft: Draft, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        draft.extra["feature_age_s"][rows] += dose.amount

    return world.with_(effects=[dose.effect("answer", do)], truth=dose.truth())


FAULT = Fault(
    name="stale_feature",
    doc="Two inputs are served as they were before the onset, and grow older, in a share of the rows.",
    apply=_apply,
    family=("freshness", "drift", "range"),
    cause=CauseKind.UPSTREAM_DATA,
    sizes={"small": 0.1, "medium": 0.4, "large": 1.0},
    where=("service", "segment"),
    needs={"ages": True},
)
TWIN = Fault(
    name="late_refresh",
    doc="For ten minutes features are half a minute or so older than usual.",
    apply=_late,
    sizes={"small": 10, "medium": 30, "large": 45},
    lasts=timedelta(minutes=10),
    needs={"ages": True},
)
