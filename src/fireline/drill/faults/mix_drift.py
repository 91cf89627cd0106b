"""The population drifts by itself; its twin is daylight saving."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from fireline.clock import iso
from fireline.drill.draft import Draft
from fireline.drill.fault import Dose, Fault
from fireline.drill.population import Floats, Ints
from fireline.drill.world import World
from fireline.terms.cause import CauseKind


def _apply(world: World, dose: Dose, rng: np.random.Generator) -> World:
    able = [f.name for f in world.inputs if f.numeric]
    names = [able[place] for place in sorted(rng.choice(len(able), (len(able) + 1) // 2, replace=False))]
    signs = rng.choice([-1.0, 1.0], len(names))

    def do(draft: Draft, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        for name, sign in zip(names, signs, strict=True):
            draft.move(name, rows, sign * dose.amount * strength)

    return world.with_(effects=[dose.effect("inputs", do)], truth=dose.truth(names))


def _clocks(world: World, dose: Dose, rng: np.random.Generator) -> World:
    """Move the whole life so that the clocks change in the live time."""
    change = _spring(world.timezone, world.start.year)
    back = world.start - dose.onset + change
    start = datetime(back.year, back.month, back.day, tzinfo=UTC)
    return world.with_(start=start, truth={**dose.truth(), "onset": iso(change)})


def _spring(timezone: str, year: int) -> datetime:
    """The first instant of the year at which the zone's offset grows; 29 March at 1:00 UTC where it never
    does."""
    hours = [datetime(year, 1, 1, tzinfo=UTC) + timedelta(hours=hour) for hour in range(366 * 24)]
    offsets = [at.astimezone(ZoneInfo(timezone)).utcoffset() or timedelta(0) for at in hours]
    for at, before, after in zip(hours[1:], offsets, offsets[1:], strict=False):
        if after > before:
            return at
    return datetime(year, 3, 29, 1, tzinfo=UTC)


FAULT = Fault(
    name="mix_drift",
    doc="Half of the numeric inputs drift over days; labels follow the law, so quality given the inputs is "
    "unchanged.",
    apply=_apply,
    family=("drift", "score_drift"),
    cause=CauseKind.NATURAL_DRIFT,
    sizes={"small": 0.15, "medium": 0.4, "large": 0.8},
    where=("service", "segment"),
    shapes=("ramp", "step"),
)
TWIN = Fault(
    name="clock_change",
    doc="Clocks go forward in the live time; people keep their local habits.",
    apply=_clocks,
)
