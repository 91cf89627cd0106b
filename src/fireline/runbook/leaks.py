"""Columns that know the future: a figure that tells the label almost perfectly was written afterwards."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fireline.runbook.looks import floats

Floats = np.ndarray[Any, Any]
TOO_GOOD = 0.995
ENOUGH = 100


def tells_label(column: pa.ChunkedArray, label: Floats) -> bool:
    """Whether the numbers in ``column`` [n] separate the two values of ``label`` [n] almost perfectly.

    Of a label of many values: whether they rise and fall with it almost perfectly (Spearman's correlation).
    """
    values = floats(column).to_numpy()
    known = np.isfinite(values) & np.isfinite(label)
    if known.sum() < ENOUGH:
        return False
    if len(np.unique(label[known])) > 2:
        return abs(rank_correlation(values[known], label[known])) >= TOO_GOOD
    found = auc(values[known], label[known] > 0.5)
    return found is not None and max(found, 1 - found) >= TOO_GOOD


def rank_correlation(one: Floats, other: Floats) -> float:
    """Spearman's rank correlation of ``one`` [n] and ``other`` [n]; 0 where one of them does not vary."""
    a, b = (ranks - ranks.mean() for ranks in (_ranks(one), _ranks(other)))
    size = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / size if size > 0 else 0.0


def _ranks(values: Floats) -> Floats:
    """Mid-ranks of ``values`` [n]."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[place])


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


def follows(column: pa.ChunkedArray, label: Floats) -> bool:
    """Whether the words in ``column`` [n] tell the two values of ``label`` [n] almost perfectly.

    Each word is given the share of positives it had in the even rows and judged by the odd ones, so that a
    column of nearly unique words tells nothing by being unique. Saying nothing is a word too.
    """
    coded = column.cast(pa.string()).combine_chunks().dictionary_encode()
    if isinstance(coded, pa.ChunkedArray):
        coded = coded.unify_dictionaries().combine_chunks()
    width = len(coded.dictionary) + 1
    codes = pc.fill_null(coded.indices, width - 1).to_numpy(zero_copy_only=False)
    known = np.flatnonzero(np.isfinite(label))
    if len(known) < 2 * ENOUGH:
        return False
    first, second = known[::2], known[1::2]
    seen = np.bincount(codes[first], minlength=width)
    share = np.bincount(codes[first], label[first], minlength=width) / np.maximum(seen, 1)
    share[seen == 0] = label[first].mean()
    found = auc(share[codes[second]], label[second] > 0.5)
    return found is not None and found >= TOO_GOOD
