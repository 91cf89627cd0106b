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

from fireline.triage.book import Book
from fireline.triage.case import Bools
from fireline.triage.compare import bonferroni
from fireline.triage.figure import Figure
from fireline.triage.scan import (
    FEATURE_HANDICAP,
    FEWEST,
    SHRINK,
    Candidate,
    Cells,
    Overall,
    candidates,
    cells_of,
    heterogeneity,
    overall_of,
    tests_of,
)
from fireline.triage.windows import Windows
from fireline.triage.words import UNLIKE, share, where
from fireline.triage.words import figure as say

REST = 0.3
FEATURE_REST = 0.15

Scope = Literal["slice", "global", "mix", "none"]


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
    overall = overall_of(figure, spans, good_after, good_before)
    columns = _columns(book, without)
    tables = [cells_of(book.column(c), figure, spans, good_after, good_before) for c in columns]
    inflation = heterogeneity(book, figure, spans, columns)
    tests = sum(tests_of(t.column) for t in tables)
    found: list[Candidate] = []
    for table in tables:
        found += candidates(table, overall, inflation, figure.worse)
    handicap = {c: 1.0 if c in book.segments else FEATURE_HANDICAP for c in columns}
    found.sort(key=lambda c: (-c.gain * handicap[c.column], c.column))
    rows = tuple(_row(book, c) for c in found[:10])
    judged = _verdict(book, figure, overall, found, rows, tests, inflation, tables)
    return replace(judged, figure=figure.name)


def _columns(book: Book, without: Collection[str]) -> list[str]:
    """Segments first; a machine or a source counts as a segment; then the features."""
    extra = [c for c in ("host", "source") if book.after.has(c) and c not in book.segments]
    features = [f for f in book.features if not book.rhythm(f)]
    return [c for c in dict.fromkeys([*book.segments, *extra, *features]) if c not in without]


def _verdict(
    book: Book,
    figure: Figure,
    overall: Overall,
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


def _mix(tables: list[Cells], overall: Overall) -> tuple[str, float] | None:
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
