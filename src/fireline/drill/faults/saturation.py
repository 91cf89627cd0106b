"""The machines are full: queues grow and requests time out; its twin is a busy quarter."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from fireline.drill.draft import Draft, some
from fireline.drill.fault import Dose, Fault
from fireline.drill.population import Floats, Ints
from fireline.drill.samples import Samples
from fireline.drill.world import World
from fireline.terms.cause import CauseKind


def _apply(world: World, dose: Dose, rng: np.random.Generator) -> World:
    def do(draft: Draft, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        draft.rows["latency"][rows] *= 1 + 6 * dose.amount * strength * rng.exponential(1.0, len(rows))
        late = some(draft, rows, 0.5 * dose.amount * strength, rng)
        draft.rows["status"][late] = 504
        draft.rows["latency"][late] = 5_000.0

    def full(samples: Samples, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        value = samples.rows["value"]
        value[rows] += (0.99 - value[rows]) * min(1.0, 0.5 + dose.amount) * strength

    def queue(samples: Samples, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        samples.rows["value"][rows] += 400 * dose.amount * strength

    def most(samples: Samples, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        samples.rows["value"][rows] = 10.0  # the autoscaler's limit

    return world.with_(
        effects=[dose.effect("answer", do)],
        upsets=[
            dose.upset("gauge", full, name="cpu"),
            dose.upset("gauge", queue, name="queue_depth"),
            dose.upset("gauge", most, name="replicas"),
        ],
        truth=dose.truth(),
    )


def _busy(world: World, dose: Dose, rng: np.random.Generator) -> World:
    def busy(samples: Samples, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        samples.rows["value"][rows] += dose.amount

    return world.with_(
        upsets=[dose.upset("gauge", busy, name="cpu"), dose.upset("gauge", busy, name="replicas")],
        truth=dose.truth(),
    )


FAULT = Fault(
    name="saturation",
    doc="For three hours CPU and queue are full, replicas at the autoscaler's limit, answers slow, and a "
    "share of the requests times out (504).",
    apply=_apply,
    family=("latency", "error_rate", "resource"),
    cause=CauseKind.INFRASTRUCTURE,
    sizes={"small": 0.03, "medium": 0.2, "large": 0.8},
    shapes=("step", "ramp"),
    lasts=timedelta(hours=3),
    needs={"signals": True},
)
TWIN = Fault(
    name="busy_quarter",
    doc="For a quarter of an hour CPU is a little higher and a replica more runs.",
    apply=_busy,
    sizes={"small": 0.03, "medium": 0.05, "large": 0.1},
    lasts=timedelta(minutes=15),
    needs={"signals": True},
)
