"""Where it hurts: an exhaustive scan of single-column slices, with the reference in the statistic and the
rest tested.

A slice is named only when it explains the change better than "everywhere" does and the rest stays as usual; a
shift of the whole service is recognised as global, and a figure that moved because the traffic's mix did as
mix.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from fireline.triage.book import Book, Column
from fireline.triage.case import Array, Bools, Floats
from fireline.triage.compare import bonferroni, robust_spread
from fireline.triage.figure import Figure
from fireline.triage.windows import Windows
from fireline.triage.words import UNLIKE, share, where
from fireline.triage.words import figure as say

FEWEST = 25
MOST_SHARE = 0.9
REST = 0.3
FEATURE_REST = 0.15
SHRINK = 20.0
FEATURE_HANDICAP = 0.85
MOST_INFLATION = 25.0

Scope = Literal["slice", "global", "mix", "none"]


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
class Found:
    """What the scan says. ``slice`` is None unless ``scope`` is "slice"; ``rows`` are the best candidates."""

    scope: Scope
    slice: Mapping[str, Any] | None
    because: str
    rows: tuple[Mapping[str, Any], ...] = ()
    share: float = 1.0
    mixed: str | None = None
    figure: str = ""


def find_slice(
    book: Book, figure: Figure, spans: Windows, hit: Bools, without: Collection[str] = ()
) -> Found:
    """Scan the declared segments, then the features but ``without``, for the slice that explains ``figure``.

    ``hit`` [rows after] are the rows to explain (one version's, if that alone is bad).
    """
    good_after, good_before = (
        hit & np.isfinite(figure.after),
        np.isfinite(figure.before) & (spans.reference > 0),
    )
    if good_after.sum() < 2 * FEWEST or good_before.sum() < 2 * FEWEST:
        return Found("none", None, "too few events to look for a slice")
    overall = _overall(figure, spans, good_after, good_before)
    columns = _columns(book, without)
    tables = [cells_of(book.column(c), figure, spans, good_after, good_before) for c in columns]
    inflation = _heterogeneity(book, figure, spans, columns)
    tests = sum(_tests(t.column) for t in tables)
    found: list[Candidate] = []
    for table in tables:
        found += _candidates(table, overall, inflation, figure.worse)
    handicap = {c: 1.0 if c in book.segments else FEATURE_HANDICAP for c in columns}
    found.sort(key=lambda c: (-c.gain * handicap[c.column], c.column))
    rows = tuple(_row(book, c) for c in found[:10])
    judged = _verdict(book, figure, overall, found, rows, tests, inflation, tables)
    return replace(judged, figure=figure.name)


@dataclass(frozen=True)
class _Overall:
    change: float
    before: float
    after: float
    variance: float
    n: float
    size: float

    @property
    def se(self) -> float:
        return math.sqrt(self.variance * (1 / self.n + 1 / self.size))


def _overall(figure: Figure, spans: Windows, after: Bools, before: Bools) -> _Overall:
    a, b, w = figure.after[after], figure.before[before], spans.reference[before]
    mean_a, mean_b = float(a.mean()), float((b * w).sum() / w.sum())
    variance = max(float(a.var()), float((w * (b - mean_b) ** 2).sum() / w.sum()), 1e-9)
    return _Overall(mean_a - mean_b, mean_b, mean_a, variance, len(a), float(w.sum() ** 2 / (w * w).sum()))


def _columns(book: Book, without: Collection[str]) -> list[str]:
    """Segments first; a machine or a source counts as a segment; then the features."""
    extra = [c for c in ("host", "source") if book.after.has(c) and c not in book.segments]
    features = [f for f in book.features if not book.rhythm(f)]
    return [c for c in dict.fromkeys([*book.segments, *extra, *features]) if c not in without]


def _tests(column: Column) -> int:
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


def _heterogeneity(book: Book, figure: Figure, spans: Windows, columns: list[str]) -> float:
    """How much more the cells' changes differ than chance would have it, in the calm days before the
    onset."""
    calm = (spans.recent > 0) & np.isfinite(figure.after)
    before = np.isfinite(figure.before) & (spans.reference > 0)
    if calm.sum() < 500:
        return 1.0
    overall = _overall(figure, spans, calm, before)
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


def _candidates(table: Cells, overall: _Overall, inflation: float, worse: int) -> list[Candidate]:
    """Every value of a categorical column, the best range of a numeric one."""
    cells = table.column.cells
    if table.column.kind == "categorical":
        # "(rare)", "(new)" and missing are no places one could go and look at.
        spans = [(c, c + 1) for c in range(cells - 2)]
    else:
        spans = [(i, j) for i in range(cells) for j in range(i + 1, cells + 1)]
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


def _between(x: Floats, low: Array, high: Array) -> Floats:
    total = np.concatenate([[0.0], np.cumsum(x)])
    return np.asarray(total[high] - total[low])


def _rest(table: Cells, overall: _Overall, s_a: Floats, s_b: Floats, out_a: Floats, out_b: Floats) -> Floats:
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


def _verdict(
    book: Book,
    figure: Figure,
    overall: _Overall,
    found: list[Candidate],
    rows: tuple[Mapping[str, Any], ...],
    tests: int,
    inflation: float,
    tables: list[Cells],
) -> Found:
    everywhere = overall.change**2 / (2 * overall.se**2 * inflation)
    penalty = math.log(max(tests, 2)) + 2.0
    line = bonferroni(tests)
    for candidate in found[:5]:
        handicap = 1.0 if candidate.column in book.segments else FEATURE_HANDICAP
        concentrated = candidate.gain * handicap > everywhere + penalty
        most = REST if candidate.column in book.segments else FEATURE_REST
        alone = candidate.rest * math.copysign(1.0, candidate.change) <= most * abs(candidate.change)
        large = abs(candidate.change) >= 2 * figure.tolerance
        if concentrated and alone and large and abs(candidate.z) >= line:
            closed = _closed(book, candidate)
            return Found("slice", closed, _slice_says(figure, candidate, closed), rows, candidate.share)
    mixed = _mix(tables, overall)
    if mixed is not None and abs(overall.change) / (overall.se * math.sqrt(inflation)) > 3:
        column, part = mixed
        says = (
            f"the mix of {column} shifted: that alone explains {share(part)} of the change in {figure.name}"
        )
        return Found("mix", None, says, rows, mixed=column)
    if everywhere > 4.5:
        before, after = say(overall.before, figure.unit), say(overall.after, figure.unit)
        moved = (
            ": values are unlike the reference"
            if figure.unit == UNLIKE
            else f" went from {before} to {after}"
        )
        says = f"{figure.name}{moved} everywhere: no slice explains it better than the whole service"
        return Found("global", None, says, rows)
    return Found("none", None, "no slice stands out, nor is the whole service clearly off", rows, share=1.0)


def _slice_says(figure: Figure, found: Candidate, closed: Mapping[str, Any]) -> str:
    if figure.unit == UNLIKE:
        rest = "hardly" if found.rest < found.after / 4 else "less so"
        return (
            f"{figure.name}: values are unlike the reference where {where(closed)} ({found.n:,} events, "
            f"{share(found.share)} of the traffic), and {rest} elsewhere"
        )
    return (
        f"{figure.name} went from {say(found.before, figure.unit)} to {say(found.after, figure.unit)} where "
        f"{where(closed)} ({found.n:,} events, {share(found.share)} of the traffic), and by "
        f"{say(found.rest, figure.unit)} elsewhere"
    )


def _closed(book: Book, found: Candidate) -> Mapping[str, Any]:
    """The slice, a range being from its smallest to its largest value ever seen."""
    if isinstance(found.value, str):
        return {found.column: found.value}
    values = np.concatenate([book.before.number(found.column), book.after.number(found.column)])
    low, high = found.value
    inside = values[(values >= low) & (values < high)]
    return {found.column: [_short(float(inside.min())), _short(float(inside.max()))]}


def _short(value: float) -> float:
    return float(f"{value:.6g}")


def _mix(tables: list[Cells], overall: _Overall) -> tuple[str, float] | None:
    """The column whose change of shares explains most of the figure's change, if that is most of it."""
    best: tuple[str, float] | None = None
    for table in tables:
        if table.column.kind == "numeric" and table.column.cells < 3:
            continue
        q, p = table.n_after / table.n_after.sum(), table.n_before / table.n_before.sum()
        before = (table.sum_before + SHRINK * overall.before) / (table.n_before + SHRINK)
        part = float(((q - p) * before).sum()) / overall.change if overall.change else 0.0
        if 0.6 <= part <= 1.6 and (best is None or abs(part - 1) < abs(best[1] - 1)):
            best = (table.column.name, min(part, 1.0))
    return best


def _row(book: Book, found: Candidate) -> Mapping[str, Any]:
    return {
        "slice": dict(_closed(book, found)),
        "n": found.n,
        "before": _short(found.before),
        "after": _short(found.after),
        "lift": _short(found.change),
        "rest": _short(found.rest),
        "z": round(found.z, 1),
    }
