"""Figures from confusion counts: precision, recall, F1, and the macro mean over classes."""

from __future__ import annotations

import numpy as np

from fireline.detect.kinds import Array


def f1(hits: Array, said: Array, support: Array) -> tuple[Array, Array]:
    """F1 = 2 hits / (said + support) and its variance, elementwise; NaN where nothing was said nor true.

    ``hits`` are the right answers of a class, ``said`` all answers of it, ``support`` all its labels. The
    variance is the delta method's with Poisson counts: 4 a e (a + e) / (2a + e)^4, e being the wrong ones of
    both kinds.
    """
    a, both = hits.astype(np.float64), (said + support).astype(np.float64)
    wrong = np.maximum(both - 2 * a, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = 4 * a * wrong * (a + wrong) / both**4
        return 2 * a / both, np.maximum(variance, 0.25 / both**2)


def macro_f1(hits: Array, said: Array, support: Array) -> tuple[Array, Array]:
    """The mean of F1 over the classes [T, K] that were said or true, and its variance: [T] each.

    An error touches two classes, so their figures go together: the variance is twice that of independent
    ones, the most that can come of it.
    """
    value, variance = f1(hits, said, support)
    there = np.isfinite(value)
    classes = there.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(there, value, 0.0).sum(axis=1) / classes
        return mean, 2 * np.where(there, variance, 0.0).sum(axis=1) / classes**2
