"""The figure an alert is about, on both sides of a comparison and in the reference."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fireline.terms import words
from fireline.terms.flags import flags_of
from fireline.verify import stats
from fireline.verify.comparison import Figure
from fireline.verify.rows import Columns, flag, in_season, in_segment, number, rows, take, text, weights
from fireline.verify.stats import Bools, Floats, Pair
from fireline.verify.usual import LEAST, UNKNOWN, Level, stretches, usual
from fireline.verify.wishes import Wish

QUANTILES = np.linspace(0, 1, 11)[1:-1]
TOP = 20
LEAST_FOR_SHAPES = 200
"""Events on a side below which histograms of ten cells or more are not compared."""


@dataclass(frozen=True, slots=True)
class Sides:
    """Two sides and the reference, as columns. With ``paired`` row i of both sides is the same request.

    ``ref_weights`` bring the reference into the window's season, ``stretch`` numbers its days or weeks.
    """

    harmed: Columns
    contained: Columns
    reference: Columns
    ref_weights: Floats
    stretch: NDArray[np.int64]
    paired: bool
    what: str

    def of(self, segment: Mapping[str, str]) -> Sides:
        """The rows of one segment."""
        keep, ref = in_segment(self.harmed, segment), in_segment(self.reference, segment)
        other = keep if self.paired else in_segment(self.contained, segment)
        return replace(self, harmed=take(self.harmed, keep), contained=take(self.contained, other),
                       reference=take(self.reference, ref), ref_weights=self.ref_weights[ref],
                       stretch=self.stretch[ref])  # fmt: skip


@dataclass(frozen=True, slots=True)
class Made:
    """What a family makes of two sides: the pair, and how to read the same figure off any events."""

    pair: Pair
    level: Level
    tolerance: float
    relative: bool = False
    worse: int = 1
    unit: str = ""
    name: str = ""


class Missing(Exception):
    """Why a figure cannot be had, in words that follow its name and a colon."""


def sides(
    harmed: Columns,
    contained: Columns,
    reference: Columns,
    timezone: str,
    window: int,
    *,
    paired: bool,
    what: str,
) -> Sides:
    """The sides with the reference in season, read in stretches of ``window`` microseconds.

    ``what`` names the contained side where a figure is missing.
    """
    season, stretch = in_season(reference, harmed, timezone), stretches(reference, timezone, window)
    return Sides(harmed, contained, reference, season, stretch, paired, what)


def figure(given: Sides, wish: Wish) -> Figure:
    """The wished figure, or one that says why it is missing."""
    empty = Figure(wish.name, wish.family, wish.feature, dict(wish.segment) or None, wanted=wish.wanted,
                   effect=wish.effect, against=wish.against)  # fmt: skip
    part = given.of(dict(wish.segment)) if wish.segment else given
    try:
        made = _make(part, wish)
    except Missing as missing:
        return replace(empty, missing=str(missing))
    reference, spread = usual(
        made.level, part.reference, part.ref_weights, weights(part.reference), part.stretch
    )
    if not math.isfinite(reference):
        return replace(empty, missing="the reference does not know it")
    if wish.family == "error_rate" and made.pair.contained == 0 and reference * made.pair.n_contained > 5:
        return replace(empty, missing=f"{given.what} never fails in this log, so it says nothing of failures")
    tolerance = made.tolerance * max(reference, 1e-4) if made.relative else made.tolerance
    return replace(empty, name=made.name or empty.name, pair=made.pair, reference=reference, spread=spread,
                   tolerance=tolerance, worse=made.worse, unit=made.unit)  # fmt: skip


def _make(given: Sides, wish: Wish) -> Made:
    make = _MAKERS.get(wish.family)
    if make is None:
        raise Missing(f"{given.what} cannot show it")
    least = LEAST_FOR_SHAPES if make is _drift else LEAST
    there = min(rows(given.harmed), rows(given.contained))
    if there < least:
        raise Missing(f"only {there} of at least {least} requests are there to compare")
    if not rows(given.reference):
        raise Missing("the reference does not know it")
    return make(given, wish)


# -- means of one number an event ----------------------------------------------------------------------------


def _level_of(value: Callable[[Columns], Floats]) -> Level:
    def level(columns: Columns, w: Floats) -> tuple[float, float]:
        x = value(columns)
        good = np.isfinite(x)
        return stats.mean(x[good], w[good]) if good.any() else UNKNOWN

    return level


def _shares(
    given: Sides, value: Callable[[Columns], Floats], tolerance: float = 0.25, name: str = ""
) -> Made:
    h, c = value(given.harmed), value(given.contained)
    pair = stats.means(h, c, weights(given.harmed), weights(given.contained), paired=given.paired)
    if pair is None or min(pair.n_harmed, pair.n_contained) < LEAST:
        raise Missing(f"{given.what} does not log it")
    return Made(pair, _level_of(value), tolerance, relative=True, unit="share", name=name)


def _errors(given: Sides, wish: Wish) -> Made:
    return _shares(given, lambda columns: flag(columns, "error").astype(float))


def _flags(given: Sides, wish: Wish) -> Made:
    guessed = sorted(flags_of(wish.family, given.harmed))
    name = wish.feature or (guessed[0] if guessed else "")
    _must_be_there(given, name)
    return _shares(given, lambda columns: flag(columns, name).astype(float))


def _must_be_there(given: Sides, name: str) -> None:
    if name not in given.harmed or name not in given.reference:
        raise Missing("no column of the log holds it")


def _null(columns: Columns, name: str) -> Bools:
    column = columns[name]
    if column.dtype.kind in "fiub":
        return np.isnan(column.astype(np.float64))
    return np.asarray(text(columns, name) == "")


def _nulls(given: Sides, wish: Wish) -> Made:
    name = wish.feature or ""
    _must_be_there(given, name)
    return _shares(given, lambda columns: _null(columns, name).astype(float))


def _outside(given: Sides, wish: Wish) -> Made:
    name = wish.feature or ""
    _must_be_there(given, name)
    if _is_number(given, name):
        known = number(given.reference, name)
        if not np.isfinite(known).any():
            raise Missing("the reference does not know it")
        low, high = float(np.nanmin(known)), float(np.nanmax(known))

        def outside(columns: Columns) -> Floats:
            x = number(columns, name)
            return ((x < low) | (x > high)).astype(float)

        return _shares(given, outside)
    seen = np.unique(text(given.reference, name))
    return _shares(given, lambda columns: (~np.isin(text(columns, name), seen)).astype(float))


def _slow(given: Sides, wish: Wish) -> Made:
    known = number(given.reference, "latency_ms")
    if not np.isfinite(known).any():
        raise Missing("the reference has no latencies")
    slow = float(np.nanquantile(known, 0.95))

    def late(columns: Columns) -> Floats:
        x = number(columns, "latency_ms")
        return np.where(np.isfinite(x), (x > slow).astype(float), np.nan)

    return _shares(given, late, 0.5, f"share of answers slower than {words.figure(slow, unit='ms')}")


# -- quality -------------------------------------------------------------------------------------------------


def _labels(given: Sides) -> tuple[Floats, Floats]:
    """Labels [n] of both sides; a label known for a request is known for both of its answers."""
    h, c = number(given.harmed, "label"), number(given.contained, "label")
    if given.paired:
        h = c = np.where(np.isfinite(h), h, c)
    known = min(int(np.isfinite(h).sum()), int(np.isfinite(c).sum()))
    if known < LEAST:
        raise Missing(f"only {known} of at least {LEAST} labels are known yet")
    return h, c


def _auc(given: Sides, wish: Wish) -> Made:
    y_h, y_c = _labels(given)
    s_h, s_c = number(given.harmed, "score"), number(given.contained, "score")
    a, b = np.isfinite(y_h) & np.isfinite(s_h), np.isfinite(y_c) & np.isfinite(s_c)
    if given.paired:
        a = b = a & b
    pair = stats.aucs(s_h[a], s_c[b], y_h[a] > 0.5, y_c[b] > 0.5, paired=given.paired)
    if pair is None:
        fewest = min(int(min((y > 0.5).sum(), (y <= 0.5).sum())) for y in (y_h[a], y_c[b]))
        raise Missing(f"only {fewest} of at least {stats.LEAST_OF_A_CLASS} labels of each kind are known yet")

    def level(columns: Columns, w: Floats) -> tuple[float, float]:
        y, s = number(columns, "label"), number(columns, "score")
        good = np.isfinite(y) & np.isfinite(s)
        positive, used = y[good] > 0.5, w[good]
        if min(positive.sum(), (~positive).sum()) < stats.LEAST_OF_A_CLASS:
            return UNKNOWN
        area = stats.auc(s[good], positive, used)
        return area, stats.hanley(area, stats.size(used[positive]), stats.size(used[~positive]))

    return Made(pair, level, 0.005, worse=-1, name=wish.name if wish.segment else "AUC")


def _right(columns: Columns, label: Floats) -> Floats:
    """1 where the answer was right, 0 where wrong, NaN while the label is unknown."""
    said = number(columns, "prediction")
    if not np.isfinite(said).any():
        score = number(columns, "score")
        said = np.where(np.isfinite(score), (score >= 0.5).astype(float), np.nan)
    return np.where(np.isfinite(label) & np.isfinite(said), (said == label).astype(float), np.nan)


def _accuracy(given: Sides, wish: Wish) -> Made:
    y_h, y_c = _labels(given)
    h, c = _right(given.harmed, y_h), _right(given.contained, y_c)
    pair = stats.means(h, c, weights(given.harmed), weights(given.contained), paired=given.paired)
    if pair is None:
        raise Missing(f"{given.what} does not log it")
    level = _level_of(lambda columns: _right(columns, number(columns, "label")))
    return Made(pair, level, 0.01, worse=-1, unit="share")


def _calibration(given: Sides, wish: Wish) -> Made:
    """The distance between the mean score and the share of positives."""
    y_h, y_c = _labels(given)
    bias_h, bias_c = y_h - number(given.harmed, "score"), y_c - number(given.contained, "score")
    pair = stats.means(bias_h, bias_c, weights(given.harmed), weights(given.contained), paired=given.paired)
    y_r = number(given.reference, "label")
    if pair is None or not np.isfinite(y_r).any():
        raise Missing(f"{given.what} does not log it")
    folded = replace(pair, harmed=abs(pair.harmed), contained=abs(pair.contained))
    bias = _level_of(lambda columns: number(columns, "label") - number(columns, "score"))

    def level(columns: Columns, w: Floats) -> tuple[float, float]:
        off, se = bias(columns, w)
        return abs(off), se

    return Made(folded, level, 0.1 * float(np.nanmean(y_r)), name="distance of scores from labels")


# -- shapes --------------------------------------------------------------------------------------------------


def _is_number(given: Sides, name: str) -> bool:
    return given.reference[name].dtype.kind in "fiub"


def _histogram(given: Sides, name: str) -> Callable[[Columns, Floats], Floats]:
    """What counts a column into the reference's cells, in effective events: deciles or top values, then
    nulls."""
    if _is_number(given, name):
        known = number(given.reference, name)
        known = known[np.isfinite(known)]
        edges = np.unique(np.quantile(known, QUANTILES)) if len(known) else np.array([0.0])

        def count(columns: Columns, w: Floats) -> Floats:
            x = number(columns, name)
            cells = np.where(np.isnan(x), len(edges) + 1, np.searchsorted(edges, x, side="right"))
            return _scaled(np.bincount(cells, w, len(edges) + 2).astype(np.float64), w)

        return count
    values, counts = np.unique(text(given.reference, name), return_counts=True)
    top = np.sort(values[np.lexsort((values, -counts))[:TOP]])

    def count_words(columns: Columns, w: Floats) -> Floats:
        x = text(columns, name)
        place = np.searchsorted(top, x).clip(max=max(len(top) - 1, 0))
        cells = np.where(x == "", len(top) + 1, np.where(top[place] == x, place, len(top)))
        return _scaled(np.bincount(cells, w, len(top) + 2).astype(np.float64), w)

    return count_words


def _scaled(counts: Floats, w: Floats) -> Floats:
    total = float(counts.sum())
    return counts * (stats.size(w) / total) if total > 0 else counts


def _drift(given: Sides, wish: Wish) -> Made:
    """PSI against the reference in season; usual is what the reference's own days read against all of it."""
    name = _answer(given) if wish.family == "score_drift" else wish.feature or ""
    _must_be_there(given, name)
    count = _histogram(given, name)
    normal = count(given.reference, given.ref_weights)
    h, h_se = stats.psi(normal, count(given.harmed, weights(given.harmed)))
    c, c_se = stats.psi(normal, count(given.contained, weights(given.contained)))
    pair = Pair(h, c, h_se, c_se, math.hypot(h_se, c_se), rows(given.harmed), rows(given.contained))

    def level(columns: Columns, w: Floats) -> tuple[float, float]:
        return stats.psi(normal, count(columns, w))

    return Made(pair, level, 0.05, unit="PSI")


def _answer(given: Sides) -> str:
    """The score, or, where the reference knows none, the numbers that were foretold."""
    scored = "score" in given.reference and np.isfinite(number(given.reference, "score")).any()
    if scored or "prediction" not in given.reference or not _is_number(given, "prediction"):
        return "score"
    foretold = number(given.reference, "prediction")
    return "prediction" if len(np.unique(foretold[np.isfinite(foretold)])) > DECISIONS else "score"


DECISIONS = 2
"""As many different predictions, or fewer, are decisions and no numbers."""

_MAKERS: Mapping[str, Callable[[Sides, Wish], Made]] = {
    "error_rate": _errors,
    "null_rate": _nulls,
    "range": _outside,
    "schema": _outside,
    "drift": _drift,
    "score_drift": _drift,
    "auc": _auc,
    "accuracy": _accuracy,
    "calibration": _calibration,
    "latency": _slow,
    "toxic_rate": _flags,
    "refusal_rate": _flags,
    "pii": _flags,
    "injection": _flags,
}
