"""The vectors move: another encoder, or other content; its twin stores them in half precision."""

from __future__ import annotations

import numpy as np

from fireline.drill.draft import Draft, some
from fireline.drill.fault import Dose, Fault
from fireline.drill.population import Floats, Ints
from fireline.drill.world import World
from fireline.terms.cause import CauseKind


def _apply(world: World, dose: Dose, rng: np.random.Generator) -> World:
    numbers = np.random.default_rng([world.seed, 77])
    aside = numbers.standard_normal(world.embedding or 1)
    aside /= np.linalg.norm(aside)
    turn = np.linalg.qr(numbers.standard_normal((world.embedding or 1, world.embedding or 1)))[0]

    def do(draft: Draft, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        vectors = draft.extra["embedding"]
        if dose.kind == "encoder":
            hit = some(draft, rows, min(1.0, dose.amount / 4) * strength, rng)
            vectors[hit] = vectors[hit] @ turn
        else:
            vectors[rows] += (dose.amount * strength[:, None] * aside).astype(np.float32)

    return world.with_(effects=[dose.effect("answer", do)], truth=dose.truth(column="embedding"))


def _half(world: World, dose: Dose, rng: np.random.Generator) -> World:
    def do(draft: Draft, rows: Ints, strength: Floats, rng: np.random.Generator) -> None:
        vectors = draft.extra["embedding"]
        vectors[rows] = vectors[rows].astype(np.float16)

    return world.with_(effects=[dose.effect("answer", do)], truth=dose.truth(column="embedding"))


FAULT = Fault(
    name="embedding_drift",
    doc="The centroid of the embeddings moves aside (kind shift), or a share of them comes from another "
    "encoder (kind encoder). Sizes: the distance; a topic's cloud has 0.6 in each direction.",
    apply=_apply,
    family=("drift",),
    cause=CauseKind.UPSTREAM_DATA,
    sizes={"small": 0.3, "medium": 1.0, "large": 4.0},
    where=("service", "segment", "version"),
    shapes=("step", "ramp"),
    kinds=("shift", "encoder"),
    needs={"task": "llm", "embedding": 8},
)
TWIN = Fault(
    name="half_precision_vectors",
    doc="Embeddings are stored in half precision.",
    apply=_half,
    needs={"task": "llm", "embedding": 8},
)
