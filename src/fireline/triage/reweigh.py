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
from fireline.triage.figures import Figure
from fireline.triage.windows import Windows

SAMPLE = 10_000
MOST_COLUMNS = 6
GROUPS = 8
MOST_WEIGHT = 20.0


@dataclass(frozen=True)
class Reweighed:
    """``usual`` is the reference's figure, ``expected`` the reweighted reference's, ``seen`` today's.

    ``explained`` is the share of the way from usual to seen that the inputs' mix explains; NaN when the change is
    too small, or the reference too thin where today's requests are, to tell. ``size`` is the effective number of
    reference rows.
    """

    figure: str
    unit: str
    usual: float
    expected: float
    seen: float
    explained: float
    size: float
    columns: tuple[str, ...]


def reweigh(book: Book, figure: Figure, columns: list[str], spans: Windows, hit: Bools) -> Reweighed | None:
    """Reweight the reference by ``columns`` to look like the rows ``hit`` [rows after], and read ``figure`` again."""
    used = tuple(columns[:MOST_COLUMNS])
    good_b, good_a = np.isfinite(figure.before), hit & np.isfinite(figure.after)
    if not used or good_b.sum() < 200 or good_a.sum() < 50:
        return None
    ratio = density_ratio([book.column(c) for c in used], spans.reference, hit)
    weights = ratio * spans.reference
    usual, expected, seen, se = _read(book, figure, weights, spans.reference, good_a)
    inside = weights[good_b]
    size = float(inside.sum() ** 2 / max((inside**2).sum(), 1e-12))
    way = seen - usual
    clear = abs(way) > max(3 * se, figure.tolerance) and size >= 100 and math.isfinite(expected)
    explained = (expected - usual) / way if clear else math.nan
    return Reweighed(figure.name, figure.unit, usual, expected, seen, explained, size, used)


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
    """How much likelier each reference row is now, by a logistic model on the columns' cells: float64 [rows before].

    The mean over the reference is 1; single rows count at most MOST_WEIGHT times.
    """
    rows_b, rows_a = _drawn(base), _thinned(np.flatnonzero(hit))
    blocks_b, blocks_a, blocks = [], [], []
    for column in columns:
        groups = _groups(column)
        blocks_b.append(groups[column.before[rows_b]])
        blocks_a.append(groups[column.after[rows_a]])
        blocks.append(groups[column.before])
    x = np.concatenate([_one_hot(blocks_b), _one_hot(blocks_a)])
    y = np.concatenate([np.zeros(len(rows_b)), np.ones(len(rows_a))])
    beta = _logistic(x, y)
    offset = beta[-1] + sum(
        beta[i * (GROUPS + 1) : (i + 1) * (GROUPS + 1)][groups] for i, groups in enumerate(blocks)
    )
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
    """The group of each cell (the last: missing), int64 [cells + 1], neighbours or the most frequent together."""
    cells = column.cells
    if column.kind == "numeric":
        groups = np.arange(cells) * GROUPS // max(cells, 1)
    else:
        groups = np.minimum(np.arange(cells), GROUPS - 1)
    return np.concatenate([groups, [GROUPS]])


def _one_hot(blocks: list[Ints]) -> Floats:
    rows = len(blocks[0])
    x = np.zeros((rows, len(blocks) * (GROUPS + 1) + 1))
    x[:, -1] = 1.0
    for i, block in enumerate(blocks):
        x[np.arange(rows), i * (GROUPS + 1) + block] = 1.0
    return x


def _logistic(x: Floats, y: Floats, ridge: float = 5.0, steps: int = 8) -> Floats:
    """Ridge logistic regression by Newton's method, classes weighted to balance; the last column is the level."""
    beta = np.zeros(x.shape[1])
    share = y.mean()
    balance = np.where(y > 0, 0.5 / max(share, 1e-9), 0.5 / max(1 - share, 1e-9))
    penalty = np.full(x.shape[1], ridge)
    penalty[-1] = 1e-6
    for _ in range(steps):
        p = 1 / (1 + np.exp(-np.clip(x @ beta, -30, 30)))
        gradient = x.T @ (balance * (y - p)) - penalty * beta
        curvature = (x * (balance * p * (1 - p))[:, None]).T @ x + np.diag(penalty)
        move = np.linalg.solve(curvature, gradient)
        beta = beta + move
        if float(np.abs(move).max()) < 1e-5:
            break
    return beta
