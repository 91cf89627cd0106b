"""Events in, counts out: each event is added into one vector of cells per scope and tick.

Counts are int64 and add exactly, whatever the order and however the log was cut into batches.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from fireline.clock import MICROS
from fireline.telemetry.columns import Array, booleans, codes, has, numbers, recode, times
from fireline.telemetry.layout import category_cells, logit, numeric_cells
from fireline.terms.counts import SERVICE, CountsRow, Scope, ScopeKind, Series
from fireline.terms.plan import Layout, Plan

RANGE_MARGIN = 0.25
FIXED_POINT = 1_000_000
RUN_GAP = 16


@dataclass(frozen=True)
class Membership:
    """Rows by scope for one marginal: ``code`` [n] is an index into ``scopes``, -1 for rows in none."""

    scopes: tuple[Scope, ...]
    code: Array
    grain_kind: ScopeKind


@dataclass(frozen=True)
class Block:
    """Counts of one scope: ``counts`` int64 [ticks, width] from tick ``first`` (an index of ``grain`` seconds)."""

    scope: Scope
    grain: int
    first: int
    counts: Array


def tally(plan: Plan, events: pa.Table, duplicates: pa.Table | None = None) -> list[CountsRow]:
    """Counts of rates, shapes and delays for one batch of canonical events [n rows].

    ``duplicates`` are the dropped rows: they are counted as such and nowhere else.
    """
    rows: list[CountsRow] = []
    marked = booleans(events, "late") if has(events, "late") else np.zeros(len(events), bool)
    for late in (False, True):
        picked = events.filter(pa.array(marked == late)) if marked.any() else (events if not late else None)
        if picked is None or len(picked) == 0:
            continue
        members = memberships(plan, picked)
        instants = times(picked)
        rows += _count(plan.rates, _rate_cells(plan, picked), members, instants, late)
        rows += _count(plan.shapes, shape_cells(plan, picked), members, instants, late)
        if plan.delays.series:
            delay = {"latency": numeric_cells(plan.delays.series[0], numbers(picked, "latency_ms"))[None, :]}
            rows += _count(plan.delays, delay, members, instants, late)
    if duplicates is not None and len(duplicates):
        cells = {
            "rates": _condition_cells(plan.rates.series[0], {"duplicate": np.ones(len(duplicates), bool)})
        }
        rows += _count(plan.rates, cells, memberships(plan, duplicates), times(duplicates), late=False)
    return rows


def tally_quality(plan: Plan, events: pa.Table, label: Array) -> list[CountsRow]:
    """Quality counts of whole cohorts: ``events`` [n] with their ``label`` as known at the cohort's age.

    ``label`` is float64 [n] (NaN unknown; 0/1 for classes) as ``outcome`` gives it.
    """
    if len(events) == 0:
        return []
    members, instants = memberships(plan, events), times(events)
    rows = _count(plan.quality, quality_cells(plan, events, label), members, instants, late=False)
    return rows + _sums(plan, events, label, members, instants)


def memberships(plan: Plan, events: pa.Table) -> list[Membership]:
    """The marginals a row belongs to: service, version, shadow, and one for each segment column."""
    shadow = booleans(events, "shadow") if has(events, "shadow") else np.zeros(len(events), bool)
    found, values = codes(events, "version")
    live = np.where(shadow, -1, 0)
    result = [Membership((SERVICE,), live, "service")]
    named = np.where(shadow, -1, recode(found, values, {v: i for i, v in enumerate(values) if v}, -1, -1))
    result.append(Membership(tuple(Scope("version", "", v) for v in values), named, "version"))
    if shadow.any():
        ghosts = np.where(shadow, found, -1)
        result.append(Membership(tuple(Scope("shadow", "", v) for v in values), ghosts, "shadow"))
    for column, declared in plan.segments.items():
        if declared and has(events, column):
            part, names = codes(events, column)
            mapped = recode(part, names, {v: i for i, v in enumerate(declared)}, -1, -1)
            scopes = tuple(Scope("segment", column, v) for v in declared)
            result.append(Membership(scopes, np.where(shadow, -1, mapped), "segment"))
    return result


def shape_cells(plan: Plan, events: pa.Table) -> dict[str, Array]:
    """For each shape series the cell of each row, int64 [1, n]."""
    found: dict[str, Array] = {}
    for series in plan.shapes.series:
        name = series.name.removeprefix("feature:")
        if not has(events, name):
            found[series.name] = np.full((1, len(events)), series.width - 1)
        elif series.kind == "numeric":
            found[series.name] = numeric_cells(series, numbers(events, name))[None, :]
        else:
            found[series.name] = category_cells(series, events, name)[None, :]
    return found


def _rate_cells(plan: Plan, events: pa.Table) -> dict[str, Array]:
    holds: dict[str, Array] = {"n": np.ones(len(events), bool)}
    if has(events, "error"):
        holds["error"] = booleans(events, "error")
    if has(events, "rung"):
        found, values = codes(events, "rung")
        usual = dict.fromkeys(("", "current"), 0)
        holds["fallback"] = recode(found, values, usual, missing=0, other=1).astype(bool)
    if plan.latency_p95 is not None and has(events, "latency_ms"):
        took = numbers(events, "latency_ms")
        holds |= {
            "timed": ~np.isnan(took),
            "slow": took > plan.latency_p95,
            "very_slow": took > 1.25 * plan.latency_p95,
        }
    for name in plan.flags:
        if has(events, name):
            holds[f"flag:{name}"] = booleans(events, name)
    for name, kind in plan.features.items():
        holds |= _feature_conditions(plan.shapes.by_name[f"feature:{name}"], events, name, kind)
    return {"rates": _condition_cells(plan.rates.series[0], holds)}


def _feature_conditions(series: Series, events: pa.Table, name: str, kind: str) -> dict[str, Array]:
    if not has(events, name):
        return {f"null:{name}": np.ones(len(events), bool)}
    if kind == "numeric":
        values = numbers(events, name)
        margin = RANGE_MARGIN * (series.edges[-1] - series.edges[0])
        out = (values < series.edges[0] - margin) | (values > series.edges[-1] + margin)
        return {f"null:{name}": np.isnan(values), f"out:{name}": out}
    cells = category_cells(series, events, name)
    return {f"null:{name}": cells == series.width - 1, f"unseen:{name}": cells == series.width - 2}


def _condition_cells(series: Series, holds: Mapping[str, Array]) -> Array:
    """Cells [conditions that ever hold, n] with -1 where the condition does not hold for the row."""
    index = {cell: i for i, cell in enumerate(series.cells)}
    rows = [
        np.where(flags, index[cell], -1) for cell, flags in holds.items() if cell in index and flags.any()
    ]
    size = len(next(iter(holds.values())))
    return np.stack(rows) if rows else np.empty((0, size), np.int64)


def quality_cells(plan: Plan, events: pa.Table, label: Array) -> dict[str, Array]:
    """Cells of the quality layout that are plain counts."""
    known = ~np.isnan(label)
    layout = plan.quality
    holds: dict[str, Array] = {"n": np.ones(len(events), bool), "labelled": known, "positive": label == 1}
    right = _correct(plan, events, label)
    if right is not None:
        judged = known & ~np.isnan(right)
        holds |= {"judged": judged, "correct": judged & (right == 1)}
    found = {"labels": _condition_cells(layout.by_name["labels"], holds)}
    if has(events, "score") and plan.task != "regression":
        series = layout.by_name["negatives"]
        cells = score_cells(series, numbers(events, "score"))
        found["negatives"] = np.where(label == 0, cells, -1)[None, :]
        found["positives"] = np.where(label == 1, cells, -1)[None, :]
    return found


def score_cells(series: Series, score: Array) -> Array:
    """Score bins in order (below first, above last), -1 where the score is missing: int64 [n]."""
    edges = np.asarray(series.edges)
    cells = np.searchsorted(edges, score, side="right")
    cells[score == edges[-1]] = len(edges) - 1
    return np.where(np.isnan(score), -1, cells)


def outcome(
    plan: Plan, label: pa.ChunkedArray | pa.Array, prediction: pa.ChunkedArray | None = None
) -> Array:
    """Labels as float64 [n], NaN unknown.

    Binary: 1 for the positive class, else 0. Several classes: 1 when the prediction named the class, else 0.
    Regression: the number itself.
    """
    if plan.task == "multiclass" and prediction is not None:
        named = prediction.cast(pa.string()).to_numpy(zero_copy_only=False).astype(object)
        truth = label.cast(pa.string()).to_numpy(zero_copy_only=False).astype(object)
        right = (named == truth).astype(np.float64)
        right[[t is None for t in truth]] = np.nan
        return right
    if pa.types.is_string(label.type) or pa.types.is_large_string(label.type):
        text = label.to_numpy(zero_copy_only=False).astype(object)
        positive = plan.positive if plan.positive is not None else "1"
        return np.array([np.nan if t is None else float(t == positive) for t in text])
    values = np.asarray(label.cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)
    if plan.task in ("binary", "llm", "unknown", "ranking") and plan.positive is not None:
        with np.errstate(invalid="ignore"):
            return np.where(np.isnan(values), np.nan, (values == float(plan.positive)).astype(np.float64))
    return values


def _correct(plan: Plan, events: pa.Table, label: Array) -> Array | None:
    """1 where the prediction was right, 0 wrong, NaN without one; None when there is nothing to compare."""
    if plan.task == "multiclass":
        return label
    if plan.task == "regression" or not has(events, "prediction"):
        return None
    said = events.column("prediction")
    guess = outcome(plan, said)
    return np.where(np.isnan(guess) | np.isnan(label), np.nan, (guess == label).astype(np.float64))


def _moments(plan: Plan, events: pa.Table, label: Array) -> dict[str, Array]:
    if plan.task == "regression":
        if not has(events, "prediction"):
            return {}
        gap = (label - numbers(events, "prediction")) / plan.error_scale
        gap = np.clip(gap, -1e4, 1e4)
        return {"error": gap, "error2": gap**2, "absolute": np.abs(gap)}
    if not has(events, "score") or plan.task == "multiclass":
        return {}
    score = numbers(events, "score")
    gap = np.where((score >= 0) & (score <= 1), label - score, np.nan)
    lean = gap * (logit(score) - plan.logit_mean)
    return {"bias": gap, "bias2": gap**2, "slope": lean, "slope2": lean**2, "absolute": np.abs(gap)}


def _sums(
    plan: Plan, events: pa.Table, label: Array, members: list[Membership], instants: Array
) -> list[CountsRow]:
    """Sums in fixed point (millionths), so that they add exactly like counts."""
    layout = plan.quality
    series, offset = layout.by_name["moments"], layout.offsets["moments"]
    index = {cell: offset + i for i, cell in enumerate(series.cells)}
    sums = _moments(plan, events, label)
    rows: list[CountsRow] = []
    for member in members if sums else []:
        grain = layout.grains.get(member.grain_kind)
        if grain is None:
            continue
        tick = instants // (grain * MICROS)
        for position, scope in enumerate(member.scopes):
            chosen = member.code == position
            if chosen.any():
                first = int(tick[chosen].min())
                out = np.zeros((int(tick[chosen].max()) - first + 1, layout.width), np.int64)
                for cell, value in sums.items():
                    good = chosen & ~np.isnan(value)
                    fixed = np.rint(value[good] * FIXED_POINT).astype(np.int64)
                    np.add.at(out[:, index[cell]], tick[good] - first, fixed)
                rows += _encode(Block(scope, grain, first, out), layout, late=False)
    return rows


def _count(
    layout: Layout, cells: Mapping[str, Array], members: Iterable[Membership], instants: Array, late: bool
) -> list[CountsRow]:
    """One bincount on a composite index for each series and marginal."""
    rows: list[CountsRow] = []
    for member in members:
        grain = layout.grains.get(member.grain_kind)
        if grain is None or not member.scopes:
            continue
        tick = instants // (grain * MICROS)
        for first, chosen in _runs(tick):
            code, local = member.code[chosen], tick[chosen] - first
            if not (code >= 0).any():
                continue
            out = _count_run(layout, cells, chosen, code, local, len(member.scopes))
            for position, scope in enumerate(member.scopes):
                if out[position].any():
                    rows += _encode(Block(scope, grain, first, out[position]), layout, late)
    return rows


def _runs(tick: Array) -> Iterator[tuple[int, Array | slice]]:
    """Stretches of ticks without a gap of more than RUN_GAP, so that a stray row does not widen the block."""
    distinct = np.unique(tick)
    cuts = np.flatnonzero(np.diff(distinct) > RUN_GAP)
    if cuts.size == 0:
        yield int(distinct[0]), slice(None)
        return
    starts = np.concatenate([distinct[:1], distinct[cuts + 1]])
    which = np.searchsorted(starts, tick, side="right") - 1
    for i, start in enumerate(starts):
        yield int(start), np.flatnonzero(which == i)


def _count_run(
    layout: Layout, cells: Mapping[str, Array], chosen: Array | slice, code: Array, local: Array, scopes: int
) -> Array:
    ticks = int(local.max()) + 1
    out = np.zeros((scopes, ticks, layout.width), np.int64)
    inside = code >= 0
    place = code * ticks + local
    for name, block in cells.items():
        width, span = layout.by_name[name].width, layout.span(name)
        for row in block[:, chosen]:
            good = inside & (row >= 0) if not inside.all() or (row < 0).any() else slice(None)
            flat = np.bincount(place[good] * width + row[good], minlength=scopes * ticks * width)
            out[:, :, span] += flat.reshape(scopes, ticks, width)
    return out


def _encode(block: Block, layout: Layout, late: bool) -> list[CountsRow]:
    """Stored rows of a block, without leading and trailing empty ticks."""
    busy = np.flatnonzero(block.counts.any(axis=1))
    if busy.size == 0:
        return []
    counts = block.counts[busy[0] : busy[-1] + 1]
    body = pack(counts)
    return [
        CountsRow(
            layout.identity, block.grain, block.scope.key, block.first + int(busy[0]), len(counts), late, body
        )
    ]


def pack(counts: Array) -> bytes:
    """Counts [ticks, width] in the narrowest integers that hold them, compressed."""
    low, high = int(counts.min()), int(counts.max())
    kind = "b" if low < 0 else "B" if high < 2**8 else "H" if high < 2**16 else "I" if high < 2**32 else "q"
    if low < 0:
        kind = "q"
    return kind.encode() + zlib.compress(counts.astype(np.dtype(kind).newbyteorder("<")).tobytes(), 1)


def unpack(body: bytes, ticks: int) -> Array:
    """What ``pack`` packed, int64 [ticks, width]."""
    kind = np.dtype(body[:1].decode()).newbyteorder("<")
    flat = np.frombuffer(zlib.decompress(body[1:]), kind)
    return flat.reshape(ticks, -1).astype(np.int64)


def add_up(
    rows: Iterable[CountsRow], layout: Layout, grain: int, from_tick: int, to_tick: int
) -> dict[Scope, Array]:
    """Stored rows of one layout and grain added into int64 [to_tick - from_tick, width] for each scope.

    Rows of another identity are left out: they belong to another declaration.
    """
    found: dict[Scope, Array] = {}
    for row in rows:
        if row.layout != layout.identity or row.grain != grain:
            continue
        low, high = max(row.first_tick, from_tick), min(row.first_tick + row.ticks, to_tick)
        if low >= high:
            continue
        scope = Scope.of_key(row.scope)
        if scope not in found:
            found[scope] = np.zeros((to_tick - from_tick, layout.width), np.int64)
        counts = unpack(row.body, row.ticks)
        found[scope][low - from_tick : high - from_tick] += counts[
            low - row.first_tick : high - row.first_tick
        ]
    return found
