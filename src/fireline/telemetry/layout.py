"""Declares the series of a service from its runbook and reference events: edges and values, frozen once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import inf, nextafter

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fireline.clock import iso
from fireline.runbook.schema import Runbook
from fireline.telemetry.census import numeric_counts, passed_edges
from fireline.telemetry.columns import Array, codes, has, numbers, recode
from fireline.terms.counts import HOUR, MINUTE, QUARTER, Series
from fireline.terms.plan import (
    DELAY_GRAINS,
    QUALITY_GRAINS,
    RATE_GRAINS,
    SHAPE_GRAINS,
    Layout,
    Plan,
)

BINS = 16
TOP_VALUES = 20
KNOWN_VALUES = 10_000
SCORE_BINS = 200
SEGMENT_VALUES = 20
SEGMENT_ROWS = 300
LOG_STEP = 1.02
MOST = float(np.finfo(np.float64).max)


def declare(runbook: Runbook, reference: pa.Table) -> Plan:
    """The plan for ``runbook`` with edges from ``reference``, canonical events without shadow rows."""
    tag = f"{iso(runbook.reference.since)}/{iso(runbook.reference.until)}"
    columns = runbook.columns
    features = {name: kind for name, kind in columns.watched().items() if has(reference, name)}
    shapes = [_feature_series(reference, name, kind, tag) for name, kind in features.items()]
    score = _finite(reference, "score")
    if score.size:
        shapes.append(numeric_series("score", score, tag, QUARTER))
    elif runbook.task == "regression" and (foretold := _finite(reference, "prediction")).size:
        shapes.append(numeric_series("prediction", foretold, tag, QUARTER))
    latency = _finite(reference, "latency_ms")
    latency = latency[latency > 0]
    p95 = float(np.quantile(latency, 0.95)) if latency.size >= 100 else None
    return Plan(
        service=runbook.service,
        timezone=runbook.timezone,
        task=runbook.task,
        rates=Layout("rates", (_rates_series(runbook, features, p95, tag),), RATE_GRAINS),
        shapes=Layout("shapes", tuple(shapes), SHAPE_GRAINS),
        delays=Layout("delays", (_delay_series(latency, tag),) if p95 else (), DELAY_GRAINS),
        quality=Layout("quality", _quality_series(score, tag), QUALITY_GRAINS, aged=True, sums=True),
        features=features,
        segments={
            name: _segment_values(reference, name) for name in columns.segments if has(reference, name)
        },
        flags=tuple(columns.flags),
        versions=_versions(reference),
        latency_p95=p95,
        positive=runbook.labels.positive if runbook.labels else None,
        threshold=runbook.labels.threshold if runbook.labels else None,
        logit_mean=_logit_mean(score),
        error_scale=_error_scale(reference),
        reference=tag,
    )


def numeric_series(name: str, values: Array, tag: str, grain: int) -> Series:
    """Bins whose edges are the reference's quantiles; a feature of few distinct values has a bin for each.

    ``values`` [n] may hold NaN. Cells are the bins, then below, above and null. Edges are one more than the
    bins, the first and last being the smallest and largest value of the reference.
    """
    edges = bin_edges(values[np.isfinite(values)], BINS)
    cells = (*(f"bin{i}" for i in range(len(edges) - 1)), "below", "above", "null")
    series = Series(name, "numeric", grain, cells, edges, reference=tag)
    return _with_shares(series, numeric_counts(series, values))


def numeric_cells(series: Series, values: Array) -> Array:
    """The cell of each of ``values`` [n]: its bin, below, above or null. int32 [n].

    Bins are closed below and open above, but for the last one.
    """
    edges = np.asarray(series.edges)
    bins = len(edges) - 1
    if series.kind == "latency":
        found = _log_bins(edges, values)
        found[values < edges[0]] = bins
        found[values > edges[-1]] = bins + 1
        found[np.isnan(values)] = bins + 2
        return found
    passed = passed_edges(edges, values)
    found = passed.astype(np.int32) - np.int32(1)
    for reached, cell in ((0, bins), (len(edges), bins + 1)):  # beyond the edges, or NaN: few rows
        rows = np.flatnonzero(passed == reached)
        found[rows] = np.where(np.isnan(values[rows]), bins + 2, cell)
    return found


def _log_bins(edges: Array, values: Array) -> Array:
    """The bin of each value [n] over edges that grow by one factor: guessed by the logarithm, put right by
    one."""
    bins = len(edges) - 1
    inside = np.clip(np.nan_to_num(values, nan=edges[0]), edges[0], edges[-1])
    scale = bins / np.log(edges[-1] / edges[0])
    guess = np.clip((np.log(inside / edges[0]) * scale).astype(np.int32), 0, bins - 1)
    guess += inside >= np.append(edges[1:-1], np.inf)[guess]
    guess -= inside < edges[guess]
    return np.asarray(guess)


def score_cells(series: Series, score: Array) -> Array:
    """Score bins in order (below first, above last), -1 where the score is missing: int32 [n]."""
    return np.where(
        np.isnan(score), np.int32(-1), passed_edges(np.asarray(series.edges), score).astype(np.int32)
    )


def category_cells(series: Series, coded: tuple[Array, list[str]]) -> Array:
    """The cell of each value of a column coded as ``columns.codes`` does: its own, other, unseen or null.
    int32 [n]."""
    top = len(series.values)
    mapping = {v: i for i, v in enumerate(series.values)} | dict.fromkeys(series.known, top)
    return recode(*coded, mapping, missing=top + 2, other=top + 1).astype(np.int32)


def _with_shares(series: Series, counts: Array) -> Series:
    rows = max(int(counts.sum()), 1)
    return replace(series, shares=tuple(float(c) for c in np.round(counts / rows, 9)))


def bin_edges(values: Array, bins: int) -> tuple[float, ...]:
    """Edges of at most ``bins`` bins (float64, increasing, at least two) from finite ``values`` [n]."""
    if values.size == 0:
        return (0.0, 1.0)
    distinct = np.unique(values)
    if distinct.size == 1:
        only = float(distinct[0])
        return tuple(sorted((only, nextafter(only, inf if only < MOST else 0.0))))
    ends = distinct[[0, -1]]
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows between huge values is no edge
        if distinct.size <= bins:
            edges = np.concatenate([ends, (distinct[1:] + distinct[:-1]) / 2])
        else:
            quantiles = np.unique(np.quantile(values, np.linspace(0, 1, bins + 1)))
            edges = np.concatenate([ends, _separate_ties(values, quantiles)])
    return tuple(float(e) for e in np.unique(edges[np.isfinite(edges)]))


def _separate_ties(values: Array, edges: Array) -> Array:
    """A value that fills a bin alone (many zeros) keeps its bin: the next edge starts just above it."""
    share = np.array([np.mean(values == edge) for edge in edges[:-1]])
    heavy = edges[:-1][share > 1.0 / BINS]
    return np.unique(np.concatenate([edges, np.nextafter(heavy, np.inf)]))


def category_series(name: str, table: pa.Table, tag: str, grain: int) -> Series:
    """The top values by count, then other (seen in the reference), unseen and null."""
    counts = pc.value_counts(table.column(name).combine_chunks().cast(pa.string()))
    pairs = [
        (str(item["values"]), item["counts"]) for item in counts.to_pylist() if item["values"] is not None
    ]
    pairs.sort(key=lambda pair: (-pair[1], pair[0]))
    top = tuple(value for value, _ in pairs[:TOP_VALUES])
    known = tuple(value for value, _ in pairs[TOP_VALUES:KNOWN_VALUES])
    cells = (*(f"={value}" for value in top), "other", "unseen", "null")
    series = Series(f"feature:{name}", "category", grain, cells, (), top, known, reference=tag)
    found = category_cells(series, codes(table, name))
    return _with_shares(series, np.bincount(found, minlength=series.width))


def _feature_series(reference: pa.Table, name: str, kind: str, tag: str) -> Series:
    if kind == "numeric":
        return numeric_series(f"feature:{name}", numbers(reference, name), tag, QUARTER)
    return category_series(name, reference, tag, QUARTER)


def _rates_series(runbook: Runbook, features: Mapping[str, str], p95: float | None, tag: str) -> Series:
    cells = ["n", "error", "late", "duplicate", "fallback"]
    if p95 is not None:
        cells += ["timed", "slow", "very_slow"]
    cells += [f"flag:{name}" for name in runbook.columns.flags]
    for name, kind in features.items():
        cells += [f"null:{name}", f"{'out' if kind == 'numeric' else 'unseen'}:{name}"]
    edges = (p95, 1.25 * p95) if p95 is not None else ()
    return Series("rates", "conditions", MINUTE, tuple(cells), edges, reference=tag)


def _delay_series(latency: Array, tag: str) -> Series:
    low, high = max(float(latency.min()) / 2, 1e-3), float(latency.max()) * 50
    steps = int(np.ceil(np.log(high / low) / np.log(LOG_STEP)))
    edges = tuple(float(low * LOG_STEP**i) for i in range(steps + 1))
    cells = (*(f"bin{i}" for i in range(steps)), "below", "above", "null")
    return Series("latency", "latency", QUARTER, cells, edges, reference=tag)


MOMENTS = ("bias", "bias2", "slope", "slope2", "error", "error2", "absolute")


def _quality_series(score: Array, tag: str) -> tuple[Series, ...]:
    edges = bin_edges(score, SCORE_BINS) if score.size else (0.0, 1.0)
    bins = len(edges) + 1
    return (
        Series(
            "labels", "conditions", HOUR, ("n", "labelled", "positive", "judged", "correct"), reference=tag
        ),
        Series("negatives", "score_label", HOUR, tuple(f"bin{i}" for i in range(bins)), edges, reference=tag),
        Series("positives", "score_label", HOUR, tuple(f"bin{i}" for i in range(bins)), edges, reference=tag),
        Series("moments", "moments", HOUR, MOMENTS, reference=tag),
    )


def _segment_values(reference: pa.Table, name: str) -> tuple[str, ...]:
    found, values = codes(reference, name)
    counts = np.bincount(found[found >= 0], minlength=len(values))
    ranked = sorted(((-int(c), v) for c, v in zip(counts, values, strict=True) if c >= SEGMENT_ROWS))
    return tuple(value for _, value in ranked[:SEGMENT_VALUES])


def _versions(reference: pa.Table) -> tuple[str, ...]:
    found, values = codes(reference, "version")
    counts = np.bincount(found[found >= 0], minlength=len(values))
    return tuple(sorted(v for v, c in zip(values, counts, strict=True) if v and c))


def _finite(table: pa.Table, name: str) -> Array:
    if not has(table, name):
        return np.empty(0)
    values = numbers(table, name)
    return values[np.isfinite(values)]


def logit(score: Array) -> Array:
    """log(p / (1 - p)) with p kept within [0.001, 0.999]."""
    p = np.clip(score, 1e-3, 1 - 1e-3)
    return np.asarray(np.log(p / (1 - p)))


def _logit_mean(score: Array) -> float:
    inside = score[(score >= 0) & (score <= 1)]
    return round(float(logit(inside).mean()), 6) if inside.size else 0.0


def _error_scale(reference: pa.Table) -> float:
    """The unit of regression errors: the reference predictions' spread, so that sums fit fixed point."""
    if not has(reference, "prediction") or not pa.types.is_floating(reference.column("prediction").type):
        return 1.0
    values = _finite(reference, "prediction")
    spread = float(values.std()) if values.size else 0.0
    return spread if spread > 0 else 1.0
