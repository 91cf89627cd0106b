"""The kind that compares live inputs with the training data."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np

from fireline.detect.baseline import Baseline
from tests.support import town as towns
from tests.support.places import Place
from tests.support.town import Tables, Town


@cache
def town() -> tuple[Town, Baseline]:
    """The calm town, whose model was trained on what its first days look like."""
    calm, _ = towns.calm()
    shapes = calm.plan.shapes
    training = {
        name: tuple(round(10_000 * share) for share in shapes.by_name[f"feature:{name}"].shares)
        for name in ("x", "few", "carrier")
    }
    trained = replace(calm, plan=replace(calm.plan, training=training))
    return trained, towns.baseline(trained)


def low(town: Town, tables: Tables, day: float) -> None:
    """Half of x's values come in its lowest bin."""
    layout = town.plan.layout("shapes")
    counts = next(c for s, c in tables["shapes", 900].items() if s.kind == "service")
    x = counts[int(day * 86_400) // 900 :, layout.span("feature:x")]
    rows = x.sum(axis=1)
    x[:] = np.random.default_rng(0).binomial(x, 0.5)
    x[:, 0] += rows - x.sum(axis=1)


KINDS = {"training_skew": Place(town, low)}
