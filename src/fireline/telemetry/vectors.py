"""What is kept of an embedding: its length and a few fixed random projections of its direction."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa

from fireline.telemetry.columns import Array

PROJECTIONS = 8
SEED = 20
MOST = 1 << 16


def projected(column: pa.Array) -> tuple[Array, Array]:
    """Norms [n] and projections [n, 8] of vectors [n]: Arrow lists, or text that holds JSON arrays. NaN where
    there is none, or one that is no vector.

    A direction projected on a standard normal vector is about standard normal whatever its dimension; a
    shift of the centroid shows in several projections at once (Johnson and Lindenstrauss 1984).
    """
    n = len(column)
    norms, found = np.full(n, np.nan), np.full((n, PROJECTIONS), np.nan)
    rows = [_vector(value) for value in column.to_pylist()]
    sizes = np.array([0 if row is None else len(row) for row in rows], np.int64)
    for size in np.unique(sizes[(sizes > 0) & (sizes <= MOST)]).tolist():
        at = np.flatnonzero(sizes == size)
        block = np.array([rows[i] for i in at], np.float64)
        length = np.sqrt((block**2).sum(axis=1))
        with np.errstate(invalid="ignore", divide="ignore"):
            direction = block / length[:, None]
        norms[at], found[at] = length, direction @ _axes(size)
    wrong = ~np.isfinite(norms) | ~np.isfinite(found).all(axis=1)
    norms[wrong], found[wrong] = np.nan, np.nan
    return norms, found


@cache
def _axes(size: int) -> Array:
    """Standard normal axes [size, 8], the same for every vector of that size on every machine."""
    return np.random.default_rng([SEED, size]).standard_normal((size, PROJECTIONS))


def _vector(value: Any) -> list[float] | None:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return None
    if not isinstance(value, list) or not all(isinstance(x, (int, float)) for x in value):
        return None
    return value
