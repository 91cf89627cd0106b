"""Columns that know the future: a figure that tells the label almost perfectly was written afterwards."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from fireline.runbook.looks import floats

Floats = np.ndarray[Any, Any]
TOO_GOOD = 0.995
ENOUGH = 100


def tells_label(column: pa.ChunkedArray, label: Floats) -> bool:
    """Whether the numbers in ``column`` [n] separate the two values of ``label`` [n] almost perfectly."""
    values = floats(column).to_numpy()
    known = np.isfinite(values) & np.isfinite(label)
    if known.sum() < ENOUGH:
        return False
    found = auc(values[known], label[known] > 0.5)
    return found is not None and max(found, 1 - found) >= TOO_GOOD


def auc(score: Floats, positive: Floats) -> float | None:
    """Area under the ROC curve of ``score`` [n] for ``positive`` [n] (bool), ties counted half; None for one
    class."""
    n, m = int(positive.sum()), int((~positive).sum())
    if n == 0 or m == 0:
        return None
    _, place, counts = np.unique(score, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    rank = (last - (counts - 1) / 2)[place]
    return float((rank[positive].sum() - n * (n + 1) / 2) / (n * m))
