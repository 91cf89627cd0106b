"""The figure an alert is about, on both sides of a comparison."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from fireline.terms import words
from fireline.verify import stats
from fireline.verify.comparison import Figure
from fireline.verify.rows import Columns, flag, in_season, in_segment, number, rows, take, text, weights
from fireline.verify.stats import Bools, Floats, Pair

QUANTILES = np.linspace(0, 1, 11)[1:-1]
TOP = 20
LEAST = 30
"""Events on a side below which a mean or a histogram is not compared."""
BY_FEATURE = frozenset({"drift", "null_rate", "range", "schema"})
FEATURE_NAMES = {"drift": "drift of {}", "null_rate": "missing {}", "range": "{} out of range",
                 "schema": "values of {} never seen before"}  # fmt: skip
FLAGGED = {"toxic_rate": "toxic", "refusal_rate": "refus", "pii": "pii", "injection": "inject"}
CANARY_WORDS = (("error", "error_rate"), ("null", "null_rate"), ("latency", "latency"), ("auc", "auc"),
                ("calib", "calibration"), ("accura", "accuracy"), ("score", "score_drift"))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wish:
    """A figure to be had: of which family, feature and segment, and whether an alert asks for it."""

    family: str
    feature: str | None = None
    segment: tuple[tuple[str, str], ...] = ()
    wanted: bool = True


def wishes(alerts: Iterable[Mapping[str, Any]]) -> tuple[Wish, ...]:
    """What ``alerts`` are about, pages only where there are any, in the order they fired; then what is shown beside."""
    ordered = sorted(alerts, key=lambda a: (a["fired_at"], a["id"]))
    pages = [a for a in ordered if a["urgency"] == "page"] or ordered
    found = {
        Wish(_family(a), a.get("feature"), tuple(sorted((a.get("segment") or {}).items()))): None
        for a in pages
    }
    asked = {wish.family for wish in found}
    beside = [
        Wish(family, wanted=False) for family in ("auc", "error_rate", "score_drift") if family not in asked
    ]
    return (*found, *beside)


def _family(alert: Mapping[str, Any]) -> str:
    """A comparison of versions is about the figure it compared."""
    if alert["family"] != "canary":
        return str(alert["family"])
    said = f"{alert['monitor']} {alert['series']} {(alert.get('details') or {}).get('figure', '')}".lower()
    return next((family for word, family in CANARY_WORDS if word in said), "canary")


@dataclass(frozen=True, slots=True)
class Sides:
    """Two sides and the reference, as columns. With ``paired`` row i of both sides is the same request."""

    harmed: Columns
    contained: Columns
    reference: Columns
    ref_weights: Floats
    paired: bool
    what: str

    def of(self, segment: Mapping[str, str]) -> Sides:
        """The rows of one segment."""
        keep, ref = in_segment(self.harmed, segment), in_segment(self.reference, segment)
        other = keep if self.paired else in_segment(self.contained, segment)
        return replace(self, harmed=take(self.harmed, keep), contained=take(self.contained, other),
                       reference=take(self.reference, ref), ref_weights=self.ref_weights[ref])  # fmt: skip


def sides(
    harmed: Columns, contained: Columns, reference: Columns, timezone: str, *, paired: bool, what: str
) -> Sides:
    """The sides with the reference in season; ``what`` names the contained side where a figure is missing."""
    return Sides(harmed, contained, reference, in_season(reference, harmed, timezone), paired, what)


def figure(given: Sides, wish: Wish) -> Figure:
    """The wished figure, or one that says why it is missing."""
    segment = dict(wish.segment)
    empty = Figure(_name(wish), wish.family, wish.feature, segment or None, wanted=wish.wanted)
    make = _MAKERS.get(wish.family)
    if make is None:
        return replace(empty, missing=f"{given.what} cannot show it")
    part = given.of(segment) if segment else given
    least = min(rows(part.harmed), rows(part.contained))
    if least < LEAST:
        return replace(empty, missing=f"only {least} of at least {LEAST} requests are there to compare")
    return make(part, empty)


def _name(wish: Wish) -> str:
    name = words.family(wish.family).removeprefix("the ")
    if wish.feature and wish.family in BY_FEATURE:
        name = FEATURE_NAMES[wish.family].format(wish.feature)
    where = " and ".join(f"{column} {value}" for column, value in wish.segment)
    return f"{name} in {where}" if where else name


# --- means of one number an event -----------------------------------------------------------------------------


def _means(
    given: Sides,
    empty: Figure,
    value: Callable[[Columns], Floats],
    tolerance: float,
    *,
    relative: bool = True,
) -> Figure:
    return _of_means(given, empty, (value(given.harmed), value(given.contained), value(given.reference)), tolerance,
                     relative=relative)  # fmt: skip


def _of_means(
    given: Sides,
    empty: Figure,
    values: tuple[Floats, Floats, Floats],
    tolerance: float,
    *,
    relative: bool = True,
) -> Figure:
    """The figure whose value per event is ``values`` on the harmed side, the contained side and in the reference."""
    h, c, usual = values
    pair = stats.means(h, c, weights(given.harmed), weights(given.contained), paired=given.paired)
    good = np.isfinite(usual)
    if pair is None:
        return replace(empty, missing=f"{given.what} does not log it")
    if not good.any():
        return replace(empty, missing="the reference does not know it")
    reference, _ = stats.mean(usual[good], given.ref_weights[good])
    slack = tolerance * max(reference, 1e-4) if relative else tolerance
    return replace(empty, pair=pair, reference=reference, tolerance=slack, unit="share")


def _errors(given: Sides, empty: Figure) -> Figure:
    found = _means(given, empty, lambda columns: flag(columns, "error").astype(float), 0.25)
    if found.pair and found.pair.contained == 0 and found.reference * found.pair.n_contained > 5:
        return replace(found, missing=f"{given.what} never fails in this log, so it says nothing of failures")
    return found


def _flags(given: Sides, empty: Figure) -> Figure:
    start = FLAGGED[empty.family]
    names = (
        [empty.feature] if empty.feature else sorted(name for name in given.harmed if start in name.lower())
    )
    if not names or names[0] not in given.harmed:
        return replace(empty, missing="no column of the log holds it")
    return _means(given, empty, lambda columns: flag(columns, str(names[0])).astype(float), 0.25)


def _null(columns: Columns, name: str) -> Bools:
    column = columns.get(name)
    if column is None:
        return np.ones(rows(columns), bool)
    if column.dtype.kind in "fiub":
        return np.isnan(column.astype(np.float64))
    return np.asarray(text(columns, name) == "")


def _nulls(given: Sides, empty: Figure) -> Figure:
    name = empty.feature or ""
    if name not in given.harmed:
        return replace(empty, missing="no column of the log holds it")
    return _means(given, empty, lambda columns: _null(columns, name).astype(float), 0.25)


def _outside(given: Sides, empty: Figure) -> Figure:
    name = empty.feature or ""
    if name not in given.harmed:
        return replace(empty, missing="no column of the log holds it")
    if _is_number(given, name):
        known = number(given.reference, name)
        low, high = (
            (float(np.nanmin(known)), float(np.nanmax(known)))
            if np.isfinite(known).any()
            else (-math.inf, math.inf)
        )

        def outside(columns: Columns) -> Floats:
            x = number(columns, name)
            return ((x < low) | (x > high)).astype(float)

        return _means(given, empty, outside, 0.25)
    seen = np.unique(text(given.reference, name))
    return _means(given, empty, lambda columns: (~np.isin(text(columns, name), seen)).astype(float), 0.25)


def _slow(given: Sides, empty: Figure) -> Figure:
    known = number(given.reference, "latency_ms")
    if not np.isfinite(known).any():
        return replace(empty, missing="the reference has no latencies")
    slow = float(np.nanquantile(known, 0.95))

    def share(columns: Columns) -> Floats:
        x = number(columns, "latency_ms")
        return np.where(np.isfinite(x), (x > slow).astype(float), np.nan)

    name = f"share of answers slower than {words.figure(slow, unit='ms')}"
    return replace(_means(given, empty, share, 0.5), name=name)


# --- quality --------------------------------------------------------------------------------------------------


def _labels(given: Sides) -> tuple[Floats, Floats]:
    """Labels [n] of both sides; a label known for a request is known for both of its answers."""
    h, c = number(given.harmed, "label"), number(given.contained, "label")
    if given.paired:
        both = np.where(np.isfinite(h), h, c)
        return both, both
    return h, c


def _auc(given: Sides, empty: Figure) -> Figure:
    y_h, y_c = _labels(given)
    s_h, s_c = number(given.harmed, "score"), number(given.contained, "score")
    a, b = np.isfinite(y_h) & np.isfinite(s_h), np.isfinite(y_c) & np.isfinite(s_c)
    if given.paired:
        a = b = a & b
    pair = stats.aucs(s_h[a], s_c[b], y_h[a] > 0.5, y_c[b] > 0.5, paired=given.paired)
    if pair is None:
        fewest = min(int(min((y > 0.5).sum(), (y <= 0.5).sum())) for y in (y_h[a], y_c[b]))
        return replace(
            empty, missing=f"only {fewest} of at least {stats.LEAST_OF_A_CLASS} labels of each kind are known"
        )
    y_r, s_r = number(given.reference, "label"), number(given.reference, "score")
    r = np.isfinite(y_r) & np.isfinite(s_r)
    usual = stats.auc(s_r[r], y_r[r] > 0.5, given.ref_weights[r])
    return replace(empty, name="AUC", pair=pair, reference=usual, tolerance=0.005, worse=-1)


def _right(columns: Columns, label: Floats) -> Floats:
    """1 where the answer was right, 0 where wrong, NaN while the label is unknown."""
    said = number(columns, "prediction")
    if not np.isfinite(said).any():
        score = number(columns, "score")
        said = np.where(np.isfinite(score), (score >= 0.5).astype(float), np.nan)
    return np.where(np.isfinite(label) & np.isfinite(said), (said == label).astype(float), np.nan)


def _accuracy(given: Sides, empty: Figure) -> Figure:
    y_h, y_c = _labels(given)
    right = (_right(given.harmed, y_h), _right(given.contained, y_c),
             _right(given.reference, number(given.reference, "label")))  # fmt: skip
    return replace(_of_means(given, empty, right, 0.01, relative=False), worse=-1)


def _calibration(given: Sides, empty: Figure) -> Figure:
    """The distance between the mean score and the share of positives."""
    y_h, y_c = _labels(given)
    bias_h, bias_c = y_h - number(given.harmed, "score"), y_c - number(given.contained, "score")
    pair = stats.means(bias_h, bias_c, weights(given.harmed), weights(given.contained), paired=given.paired)
    y_r = number(given.reference, "label")
    bias_r = y_r - number(given.reference, "score")
    good = np.isfinite(bias_r)
    if pair is None or not good.any() or min(pair.n_harmed, pair.n_contained) < LEAST:
        return replace(empty, missing="too few labels are known")
    base, _ = stats.mean(y_r[good], given.ref_weights[good])
    usual, _ = stats.mean(bias_r[good], given.ref_weights[good])
    sides_of = Pair(abs(pair.harmed), abs(pair.contained), pair.harmed_se, pair.contained_se, pair.gap_se,
                    pair.n_harmed, pair.n_contained)  # fmt: skip
    return replace(
        empty,
        name="distance of scores from labels",
        pair=sides_of,
        reference=abs(usual),
        tolerance=0.1 * base,
    )


# --- shapes -----------------------------------------------------------------------------------------------------


def _is_number(given: Sides, name: str) -> bool:
    column = given.reference.get(name)
    return column is not None and column.dtype.kind in "fiub"


def _histogram(given: Sides, name: str) -> Callable[[Columns, Floats], Floats]:
    """What counts a column into the reference's cells: deciles or top values, then nulls."""
    if _is_number(given, name):
        known = number(given.reference, name)
        known = known[np.isfinite(known)]
        edges = np.unique(np.quantile(known, QUANTILES)) if len(known) else np.array([0.0])

        def count(columns: Columns, w: Floats) -> Floats:
            x = number(columns, name)
            cells = np.where(np.isnan(x), len(edges) + 1, np.searchsorted(edges, x, side="right"))
            return np.bincount(cells, w, len(edges) + 2).astype(np.float64)

        return count
    values, counts = np.unique(text(given.reference, name), return_counts=True)
    order = np.lexsort((values, -counts))[:TOP]
    top = np.sort(values[order])

    def count_words(columns: Columns, w: Floats) -> Floats:
        x = text(columns, name)
        place = np.searchsorted(top, x).clip(max=max(len(top) - 1, 0))
        cells = np.where(x == "", len(top) + 1, np.where(top[place] == x, place, len(top)))
        return np.bincount(cells, w, len(top) + 2).astype(np.float64)

    return count_words


def _drift(given: Sides, empty: Figure) -> Figure:
    name = "score" if empty.family == "score_drift" else empty.feature or ""
    if name not in given.harmed or name not in given.reference or not rows(given.reference):
        return replace(empty, missing="no column of the log holds it")
    count = _histogram(given, name)
    usual = _scaled(count(given.reference, given.ref_weights), given.ref_weights)
    w_h, w_c = weights(given.harmed), weights(given.contained)
    h, h_se = stats.psi(usual, _scaled(count(given.harmed, w_h), w_h))
    c, c_se = stats.psi(usual, _scaled(count(given.contained, w_c), w_c))
    pair = Pair(h, c, h_se, c_se, math.hypot(h_se, c_se), rows(given.harmed), rows(given.contained))
    return replace(empty, pair=pair, reference=0.0, tolerance=0.05, unit="PSI")


def _scaled(counts: Floats, w: Floats) -> Floats:
    """Counts scaled to the effective number of events."""
    total = float(counts.sum())
    return counts * (stats.size(w) / total) if total > 0 else counts


_MAKERS: Mapping[str, Callable[[Sides, Figure], Figure]] = {
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
