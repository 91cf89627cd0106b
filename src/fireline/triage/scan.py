"""Every slice of a column as a candidate: how the figure changed in it and outside, and what it explains."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from fireline.triage.book import Book, Column
from fireline.triage.case import Array, Bools, Floats
from fireline.triage.compare import robust_spread
from fireline.triage.figure import Figure
from fireline.triage.windows import Windows

FEWEST = 25
MOST_SHARE = 0.9
SHRINK = 20.0
FEATURE_HANDICAP = 0.85
MOST_INFLATION = 25.0


@dataclass(frozen=True)
class Cells:
    """Sums of a figure per cell of one column, float64 [cells]: rows, figure, and the effective rows
    before."""

    column: Column
    n_after: Floats
    sum_after: Floats
    n_before: Floats
    sum_before: Floats
    size_before: Floats


@dataclass(frozen=True)
class Candidate:
    """One slice: ``change`` of the figure in it, ``rest`` the change outside, ``gain`` log-likelihood
    explained."""

    column: str
    value: str | tuple[float, float]
    n: int
    share: float
    before: float
    after: float
    rest: float
    gain: float
    z: float

    @property
    def change(self) -> float:
        return self.after - self.before


@dataclass(frozen=True)
class Overall:
    """A figure over all rows: its means and their change, the variance of one event, and the events."""

    change: float
    before: float
    after: float
    variance: float
    n: float
    size: float

    @property
    def se(self) -> float:
        return math.sqrt(self.variance * (1 / self.n + 1 / self.size))


def overall_of(figure: Figure, spans: Windows, after: Bools, before: Bools) -> Overall:
    """``figure`` over the rows named."""
    a, b, w = figure.after[after], figure.before[before], spans.reference[before]
    mean_a, mean_b = float(a.mean()), float((b * w).sum() / w.sum())
    variance = max(float(a.var()), float((w * (b - mean_b) ** 2).sum() / w.sum()), 1e-9)
    return Overall(mean_a - mean_b, mean_b, mean_a, variance, len(a), float(w.sum() ** 2 / (w * w).sum()))


def tests_of(column: Column) -> int:
    """How many slices a column has."""
    return column.cells * (column.cells + 1) // 2 if column.kind == "numeric" else column.cells


def cells_of(column: Column, figure: Figure, spans: Windows, after: Bools, before: Bools) -> Cells:
    """Sums of ``figure`` per cell of ``column`` over the rows named; the last cell holds the missing
    values."""
    a, b = column.after[after], column.before[before]
    w = spans.reference[before]
    n_after = column.counts(a)
    n_before, squares = column.counts(b, w), column.counts(b, w * w)
    return Cells(
        column,
        n_after,
        column.counts(a, figure.after[after]),
        n_before,
        column.counts(b, w * figure.before[before]),
        np.divide(n_before**2, squares, out=np.zeros_like(n_before), where=squares > 0),
    )


def heterogeneity(book: Book, figure: Figure, spans: Windows, columns: list[str]) -> float:
    """How much more the cells' changes differ than chance would have it, in the calm days before the
    onset."""
    calm = (spans.recent > 0) & np.isfinite(figure.after)
    before = np.isfinite(figure.before) & (spans.reference > 0)
    if calm.sum() < 500:
        return 1.0
    overall = overall_of(figure, spans, calm, before)
    z: list[float] = []
    for name in columns:
        table = cells_of(book.column(name), figure, spans, calm, before)
        used = (table.n_after >= 50) & (table.size_before >= 50)
        if used.sum() < 2:
            continue
        n, size = table.n_after[used], table.size_before[used]
        change = table.sum_after[used] / n - table.sum_before[used] / table.n_before[used]
        z += list((change - overall.change) / np.sqrt(overall.variance * (1 / n + 1 / size)))
    spread = robust_spread(np.array(z))
    return float(np.clip(spread**2 if math.isfinite(spread) else 1.0, 1.0, MOST_INFLATION))


def candidates(table: Cells, overall: Overall, inflation: float, worse: int) -> list[Candidate]:
    """Every value of a categorical column, the best range of a numeric one."""
    spans = _spans(table.column)
    if not spans:
        return []
    low, high = np.array([s[0] for s in spans]), np.array([s[1] for s in spans])
    n_a, s_a, n_b, s_b, size = (
        _between(x, low, high)
        for x in (table.n_after, table.sum_after, table.n_before, table.sum_before, table.size_before)
    )
    before = (s_b + SHRINK * overall.before) / (n_b + SHRINK)
    change = np.divide(s_a, n_a, out=np.zeros(len(n_a)), where=n_a > 0) - before
    total_a, total_b = table.n_after.sum(), table.n_before.sum()
    out_a, out_b = total_a - n_a, total_b - n_b
    rest = _rest(table, overall, s_a, s_b, out_a, out_b)
    variance = overall.variance * (1 / np.maximum(n_a, 1) + 1 / np.maximum(size + SHRINK, 1))
    wrong = change * worse < 0 if worse else np.zeros(len(change), dtype=np.bool_)
    small = (n_a < FEWEST) | (n_a > MOST_SHARE * total_a)
    gain = np.where(wrong | small, 0.0, change**2 / (2 * variance * inflation))
    apart = overall.variance * (
        1 / np.maximum(out_a, 1) + 1 / np.maximum(table.size_before.sum() - size + SHRINK, 1)
    )
    z = (change - rest) / np.sqrt((variance + apart) * inflation)
    picked = np.flatnonzero(gain > 0) if table.column.kind == "categorical" else _best(gain)
    return [
        Candidate(
            table.column.name,
            _value(table.column, *spans[i]),
            int(n_a[i]),
            float(n_a[i] / total_a),
            float(before[i]),
            float(before[i] + change[i]),
            float(rest[i]),
            float(gain[i]),
            float(z[i]),
        )
        for i in picked
    ]


def _spans(column: Column) -> list[tuple[int, int]]:
    """The cells of each slice, from and up to."""
    if column.kind == "categorical":
        # "(rare)", "(new)" and missing are no places one could go and look at.
        return [(c, c + 1) for c in range(column.cells - 2)]
    return [(i, j) for i in range(column.cells) for j in range(i + 1, column.cells + 1)]


def _between(x: Floats, low: Array, high: Array) -> Floats:
    total = np.concatenate([[0.0], np.cumsum(x)])
    return np.asarray(total[high] - total[low])


def _rest(table: Cells, overall: Overall, s_a: Floats, s_b: Floats, out_a: Floats, out_b: Floats) -> Floats:
    before = (table.sum_before.sum() - s_b + SHRINK * overall.before) / (out_b + SHRINK)
    after = np.divide(table.sum_after.sum() - s_a, out_a, out=np.zeros(len(out_a)), where=out_a > 0)
    return np.asarray(np.where(out_a > 0, after - before, 0.0))


def _best(gain: Floats) -> Array:
    top = int(np.argmax(gain))
    return np.array([top] if gain[top] > 0 else [], dtype=np.int64)


def _value(column: Column, low: int, high: int) -> str | tuple[float, float]:
    if column.kind == "categorical":
        return column.labels[low]
    edges = np.concatenate([[-math.inf], column.edges, [math.inf]])
    return float(edges[low]), float(edges[high])
