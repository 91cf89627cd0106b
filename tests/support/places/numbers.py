"""Kinds that read the sums and repeats of numeric features."""

from __future__ import annotations

from functools import cache

import numpy as np

from fireline.detect.baseline import Baseline
from tests.support import town as towns
from tests.support.places import Place
from tests.support.town import Tables, Town


@cache
def town() -> tuple[Town, Baseline]:
    """A town of few live days."""
    return towns.calm()


def _after(town: Town, tables: Tables, day: float) -> np.ndarray:
    layout = town.plan.layout("values")
    counts = next(c for s, c in tables["values", 900].items() if s.kind == "service")
    return counts[int(day * 86_400) // 900 :, layout.span("feature:x")]


def kilometres(town: Town, tables: Tables, day: float) -> None:
    """x comes multiplied by 1.609."""
    counts, factor = _after(town, tables, day), np.log(1.609344)
    log, n = counts[:, 2] / 1e6, counts[:, 1]
    counts[:, 3] = ((counts[:, 3] / 1e6 + 2 * factor * log + n * factor**2) * 1e6).astype(np.int64)
    counts[:, 2] += (n * factor * 1e6).astype(np.int64)


def frozen(town: Town, tables: Tables, day: float) -> None:
    """Six of ten rows hold one value of x."""
    same = _after(town, tables, day)[:, 6:]
    rows = same.sum(axis=1)
    same[:] = np.random.default_rng(0).binomial(same, 0.4)
    same[:, 5] += rows - same.sum(axis=1)


KINDS = {"unit_change": Place(town, kilometres), "stuck_feature": Place(town, frozen)}
