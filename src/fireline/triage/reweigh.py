"""The reweighting test: would the reference, given today's mix of inputs, read what is read today?

If it would, nothing is wrong with the model or the data: the world sent other requests.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from fireline.triage.book import Book, Column
from fireline.triage.case import Bools, Floats, Ints
from fireline.triage.compare import auc, hanley, mean_of
from fireline.triage.figure import Figure
from fireline.triage.windows import Windows

SAMPLE = 6_000
MOST_COLUMNS = 6
GROUPS = 8
MOST_WEIGHT = 20.0


@dataclass(frozen=True)
class Reweighed:
    """``usual`` is the reference's figure, ``expected`` the reweighted reference's, ``seen`` today's.

    ``explained`` is the share of the way from usual to seen that the inputs' mix explains; NaN when the
    change is too small, or the reference too thin where today's requests are, to tell. ``size`` is the
    effective number of reference rows.
    """

    figure: str
    unit: str
    usual: float
    expected: float
    seen: float
    explained: float
    size: float
    columns: tuple[str, ...]
    family: str = ""


def reweigh(
    book: Book, figures: list[Figure], columns: list[str], spans: Windows, hit: Bools
) -> tuple[Reweighed, ...]:
    """Reweight the reference by ``columns`` to look like the rows ``hit`` [rows after], and read the figures
    again."""
    used = tuple(columns[:MOST_COLUMNS])
    if not used or not figures or hit.sum() < 50 or book.before.rows < 200:
        return ()
    weights = density_ratio([book.column(c) for c in used], spans.reference, hit) * spans.reference
    read = [_again(book, figure, used, weights, spans, hit) for figure in figures]
    return tuple(r for r in read if r is not None)


def _again(
    book: Book, figure: Figure, used: tuple[str, ...], weights: Floats, spans: Windows, hit: Bools
) -> Reweighed | None:
    good_b, good_a = np.isfinite(figure.before), hit & np.isfinite(figure.after)
    if good_b.sum() < 200 or good_a.sum() < 50:
        return None
    usual, expected, seen, se = _read(book, figure, weights, spans.reference, good_a)
    inside = weights[good_b]
    size = float(inside.sum() ** 2 / max((inside**2).sum(), 1e-12))
    way = seen - usual
    clear = abs(way) > max(3 * se, figure.tolerance) and size >= 100 and math.isfinite(expected)
    explained = (expected - usual) / way if clear else math.nan
    return Reweighed(figure.name, figure.unit, usual, expected, seen, explained, size, used, figure.family)


def _read(
    book: Book, figure: Figure, weights: Floats, base: Floats, after: Bools
) -> tuple[float, float, float, float]:
    if figure.family == "auc":
        known = np.isfinite(figure.before)
        score, positive = book.before.number("score")[known], book.before.number("label")[known] == 1
        score_now, positive_now = book.after.number("score")[after], book.after.number("label")[after] == 1
        seen = auc(score_now, positive_now)
        spread = hanley(seen, int(positive_now.sum()), int((~positive_now).sum()))
        usual, expected = auc(score, positive, base[known]), auc(score, positive, weights[known])
        return usual, expected, seen, math.sqrt(spread) if math.isfinite(spread) else math.inf
    usual = mean_of(figure.before, base)[0]
    expected = mean_of(figure.before, weights)[0]
    seen, variance, _ = mean_of(figure.after[after])
    return usual, expected, seen, math.sqrt(variance)


def density_ratio(columns: list[Column], base: Floats, hit: Bools) -> Floats:
    """How much likelier each reference row is now, by a logistic model on the columns' cells: float64 [rows
    before].

    The mean over the reference is 1; single rows count at most MOST_WEIGHT times.
    """
    rows_b, rows_a = _drawn(base), _thinned(np.flatnonzero(hit))
    groups = [_groups(column) for column in columns]
    codes = [
        np.concatenate([g[c.before[rows_b]], g[c.after[rows_a]]])
        for c, g in zip(columns, groups, strict=True)
    ]
    now = np.concatenate([np.zeros(len(rows_b)), np.ones(len(rows_a))])
    effects, level = _logistic(codes, now)
    offset = level + sum(e[g[c.before]] for e, g, c in zip(effects, groups, columns, strict=True))
    ratio = np.exp(np.clip(offset, -8, 8))
    ratio = ratio / max(float((ratio * base).sum() / base.sum()), 1e-12)
    return np.asarray(np.minimum(ratio, MOST_WEIGHT))


def _drawn(base: Floats) -> Ints:
    """Rows of the reference in proportion to their weight, evenly spaced: no chance in it."""
    total = np.cumsum(base)
    at = (np.arange(SAMPLE) + 0.5) * total[-1] / SAMPLE
    return np.asarray(np.minimum(np.searchsorted(total, at), len(base) - 1))


def _thinned(rows: Ints) -> Ints:
    return np.asarray(rows[np.linspace(0, len(rows) - 1, min(SAMPLE, len(rows))).astype(np.int64)])


def _groups(column: Column) -> Ints:
    """The group of each cell (the last: missing), int64 [cells + 1], neighbours or the most frequent
    together."""
    cells = column.cells
    if column.kind == "numeric":
        groups = np.arange(cells) * GROUPS // max(cells, 1)
    else:
        groups = np.minimum(np.arange(cells), GROUPS - 1)
    return np.concatenate([groups, [GROUPS]])


def _logistic(codes: list[Ints], y: Floats, ridge: float = 5.0, steps: int = 8) -> tuple[Floats, float]:
    """Ridge logistic regression of ``y`` [n] on group codes, by Newton's method, both classes of equal
    weight.

    Answers the effects [columns, GROUPS + 1] and the level. Sums go by bincount and not through a matrix
    library: the same on every machine, and no threads to wait for.
    """
    width, size = GROUPS + 1, len(codes) * (GROUPS + 1) + 1
    balance = np.where(y > 0, 0.5 / max(y.mean(), 1e-9), 0.5 / max(1 - y.mean(), 1e-9))
    penalty = np.append(np.full(size - 1, ridge), 1e-6)
    beta = np.zeros(size)
    for _ in range(steps):
        eta = beta[-1] + sum(beta[i * width + c] for i, c in enumerate(codes))
        p = 1 / (1 + np.exp(-np.clip(eta, -30, 30)))
        left, weight = balance * (y - p), balance * p * (1 - p)
        gradient = np.append(np.concatenate([np.bincount(c, left, width) for c in codes]), left.sum())
        move = np.linalg.solve(_curvature(codes, weight) + np.diag(penalty), gradient - penalty * beta)
        beta = beta + move
        if float(np.abs(move).max()) < 1e-5:
            break
    return beta[:-1].reshape(len(codes), width), float(beta[-1])


def _curvature(codes: list[Ints], weight: Floats) -> Floats:
    """The weighted cross-products of the groups' indicators and the level: float64 [size, size]."""
    width = GROUPS + 1
    found = np.zeros((len(codes) * width + 1, len(codes) * width + 1))
    for i, a in enumerate(codes):
        single = np.bincount(a, weight, width)
        here = slice(i * width, (i + 1) * width)
        found[here, here] = np.diag(single)
        found[here, -1] = found[-1, here] = single
        for j, b in enumerate(codes[:i]):
            block = np.bincount(a * width + b, weight, width * width).reshape(width, width)
            there = slice(j * width, (j + 1) * width)
            found[here, there], found[there, here] = block, block.T
    found[-1, -1] = weight.sum()
    return found
