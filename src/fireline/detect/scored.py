"""Figures of scores from score-bin counts, tick by tick: average precision, and what to expect before labels
come."""

from __future__ import annotations

import numpy as np

from fireline.detect.kinds import Array
from fireline.detect.metrics import Bounded


def binned_average_precision(negatives: Array, positives: Array) -> tuple[Array, Array]:
    """Average precision [T] in steps over score bins, and its variance, from counts [T, B] of each class.

    sum (R_k - R_k-1) P_k from the highest bin down; exact for the binned scores. The variance is that of a
    share of the positives (Boyd, Eng and Page 2013). NaN without positives.
    """
    neg, pos = (x[:, ::-1].astype(np.float64) for x in (negatives, positives))
    hits, called = np.cumsum(pos, axis=1), np.cumsum(pos + neg, axis=1)
    n1 = pos.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        precision = np.where(called > 0, hits / np.where(called > 0, called, 1.0), 0.0)
        found = (pos * precision).sum(axis=1) / n1
        return found, np.maximum(found * (1 - found), 0.01) / n1


def average_precision_of_bins(negatives: Array, positives: Array) -> Bounded:
    """Average precision from counts [B] of each class over ordered score bins, with what the exact scores
    could make of it.

    Within a bin of k positives and m negatives above which P of N are positive, each positive's precision
    lies between (P + 1) / (N + m + 1) and (P + k) / (N + k).
    """
    neg, pos = (x[::-1].astype(np.float64) for x in (negatives, positives))
    total = float(pos.sum())
    if not total:
        return Bounded(float("nan"), float("nan"), float("nan"))
    above_hits, above = np.cumsum(pos) - pos, np.cumsum(pos + neg) - pos - neg
    low = (pos * (above_hits + 1) / (above + neg + 1)).sum() / total
    high = (pos * (above_hits + pos) / np.maximum(above + pos, 1.0)).sum() / total
    value = binned_average_precision(negatives[None], positives[None])[0][0]
    return Bounded(float(value), float(low), float(high))


def expected_auc(counts: Array, shares: Array) -> tuple[Array, Array]:
    """The AUC [T] to expect of score-bin counts [T, B] if each event of a bin is positive with the bin's
    share [B], and the variance of that expectation over the events drawn.

    Each event counts as its share of a positive and the rest of a negative; ties count half. The variance
    follows from the influence of one event on the ratio of pairs (the delta method).
    """
    n = counts.astype(np.float64)
    pos, neg = n * shares, n * (1 - shares)
    n1, n0, total = pos.sum(axis=1), neg.sum(axis=1), n.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        below = (np.cumsum(neg, axis=1) - neg / 2) / n0[:, None]
        above = ((n1[:, None] - np.cumsum(pos, axis=1)) + pos / 2) / n1[:, None]
        auc = (pos * below).sum(axis=1) / n1
        rate = (n1 / total)[:, None]
        moves = shares / rate * (below - auc[:, None]) + (1 - shares) / (1 - rate) * (above - auc[:, None])
        spread = (n * moves**2).sum(axis=1) / total
        return auc, np.maximum(spread, 1e-9) / total


def expected_accuracy(counts: Array, shares: Array, positive: Array) -> tuple[Array, Array]:
    """The share of right answers [T] to expect of score-bin counts [T, B] if each event of a bin is positive
    with the bin's share [B] and is answered positively where ``positive`` bool [B]; and its variance."""
    right = np.where(positive, shares, 1 - shares)
    n = counts.astype(np.float64)
    total = n.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        value = (n * right).sum(axis=1) / total
        spread = (n * (right - value[:, None]) ** 2).sum(axis=1) / total
        return value, np.maximum(spread, 1e-9) / total


def folded(counts: Array, starts: Array) -> Array:
    """Counts [T, B] with neighbouring cells added up from each of ``starts`` [C] on: [T, C]."""
    return np.asarray(np.add.reduceat(counts, starts, axis=1)) if len(counts) else counts[:, starts]
