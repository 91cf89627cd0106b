"""The frozen baseline of a service: its plan, its fits, and the reference's counts in total."""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from fireline.detect.calibrate import quieten
from fireline.detect.fit import Fit, cold_fit, fit, warmed
from fireline.detect.kinds import Array, Kind
from fireline.detect.metrics import psi
from fireline.detect.registry import kinds
from fireline.detect.season import CELLS, cells_of
from fireline.errors import InputError, Where
from fireline.terms.counts import SERVICE, Scope
from fireline.terms.plan import Layout, Plan

Read = Callable[[Layout, int, int, int], Mapping[Scope, Array]]
FORMAT = 3
# What numpy and zipfile raise for an empty file, another array, a damaged or truncated archive.
UNREADABLE = (OSError, ValueError, KeyError, TypeError, EOFError, zlib.error, zipfile.BadZipFile)


@dataclass(frozen=True)
class Baseline:
    """What is usual. ``fits`` by (kind, scope); ``totals`` by (layout name, scope): counts [48, width] of the
    reference by season cell; ``psi_usual`` by (scope, series): the 95 % points of the PSI of four reference
    hours and of a reference day, each against the reference of the same season cells."""

    plan: Plan
    fits: Mapping[tuple[str, Scope], Fit]
    totals: Mapping[tuple[str, Scope], Array]
    psi_usual: Mapping[tuple[Scope, str], tuple[float, float]]
    since: int
    until: int

    def save(self, path: Path) -> None:
        """Writes one file (zip of arrays), whole or not at all."""
        arrays: dict[str, Array] = {}
        for (kind, scope), one in self.fits.items():
            for item in fields(Fit):
                arrays[f"fit|{kind}|{scope.key}|{item.name}"] = np.asarray(getattr(one, item.name))
        for (layout, scope), total in self.totals.items():
            arrays[f"total|{layout}|{scope.key}"] = total
        meta = {
            "format": FORMAT,
            "plan": self.plan.as_json(),
            "since": self.since,
            "until": self.until,
            "psi": [[scope.key, name, *value] for (scope, name), value in self.psi_usual.items()],
        }
        # In the plan's own order: channels lie in the order of its features, which sorting the keys would
        # change.
        text = np.frombuffer(json.dumps(meta).encode(), np.uint8)
        partial = path.with_name(path.name + ".part")
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, array in {"meta": text, **arrays}.items():
                buffer = io.BytesIO()
                np.save(buffer, array, allow_pickle=False)
                archive.writestr(zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0)), buffer.getvalue())
        partial.replace(path)

    @classmethod
    def load(cls, path: Path) -> Baseline:
        """Reads what ``save`` wrote; InputError when the file is something else."""
        try:
            with np.load(path, allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
            meta = json.loads(arrays.pop("meta").tobytes())
        except UNREADABLE as error:
            raise InputError(
                f"not a readable baseline ({error})",
                where=Where(file=str(path)),
                todo="take a new one with `fireline init`",
            ) from error
        if meta.get("format") != FORMAT:
            raise InputError(
                f"a baseline of format {meta.get('format')}, this release reads {FORMAT}",
                where=Where(file=str(path)), todo="take a new one with `fireline init`",
            )  # fmt: skip
        return cls._assemble(meta, arrays)

    @classmethod
    def _assemble(cls, meta: Mapping[str, Any], arrays: Mapping[str, Array]) -> Baseline:
        parts: dict[tuple[str, Scope], dict[str, Any]] = {}
        totals: dict[tuple[str, Scope], Array] = {}
        for name, array in arrays.items():
            what, first, rest = name.split("|", 2)
            if what == "total":
                totals[first, Scope.of_key(rest)] = array
            else:
                key, _, item = rest.rpartition("|")
                parts.setdefault((first, Scope.of_key(key)), {})[item] = array
        for values in parts.values():  # which older ones do not know
            values.setdefault("design_effect", np.ones(len(values["tau2"])))
        fits = {key: Fit(**{**values, "merge": int(values["merge"])}) for key, values in parts.items()}
        usual = {(Scope.of_key(key), name): (float(few), float(day)) for key, name, few, day in meta["psi"]}
        return cls(Plan.of_json(meta["plan"]), fits, totals, usual, int(meta["since"]), int(meta["until"]))


def learn(
    plan: Plan, read: Read, since: int, until: int, quality_until: int, progress: Callable[[str], None]
) -> Baseline:
    """Learns every kind's usual from the counts between two instants (microseconds); labels only up to
    ``quality_until``, the last cohort whose labels have come of age by ``until``."""
    fits: dict[tuple[str, Scope], Fit] = {}
    totals: dict[tuple[str, Scope], Array] = {}
    psi_usual: dict[tuple[Scope, str], tuple[float, float]] = {}
    for layout in plan.layouts:
        end = quality_until if layout.aged else until
        for grain in sorted(set(layout.grains.values())) if layout.series else ():
            first, stop = -(-since // (grain * 1_000_000)), end // (grain * 1_000_000)
            if stop <= first:
                continue
            progress(f"reference: {layout.name}, ticks of {grain} s")
            counts = {
                s: c for s, c in read(layout, grain, first, stop).items() if s.kind in ("service", "segment")
            }
            for scope, one in counts.items():
                cells = cells_of(np.arange(first, stop), grain, plan.timezone)
                totals[layout.name, scope] = by_season(one, cells)
                if layout.name == "shapes":
                    usual = usual_psi(layout, one, cells)
                    psi_usual |= {(scope, name): value for name, value in usual.items()}
            for kind in kinds():
                if kind.layout == layout.name and kind.monitors(plan):
                    for (name, scope), found in _learn_kind(kind, plan, counts, first, grain).items():
                        fits[name, scope] = found
    return Baseline(plan, fits | _cold(plan, fits), totals, psi_usual, since, until)


def _cold(plan: Plan, fits: Mapping[tuple[str, Scope], Fit]) -> dict[tuple[str, Scope], Fit]:
    """Fits of the kinds that judge what the reference did not hold."""
    found = {}
    for kind in kinds():
        cold = cold_fit(kind, plan) if kind.cold and kind.monitors(plan) else None
        if cold is not None:
            one = fits.get((kind.name, SERVICE))
            found[kind.name, SERVICE] = warmed(one, cold) if one else cold
    return found


def _learn_kind(
    kind: Kind, plan: Plan, counts: Mapping[Scope, Array], first: int, grain: int
) -> dict[tuple[str, Scope], Fit]:
    layout = kind.laid_out(plan)
    fits = {
        scope: fit(kind, plan, one, first, grain)
        for scope, one in counts.items()
        if scope.kind in kind.scopes and layout.grains.get(scope.kind) == grain and one.any()
    }
    done: dict[tuple[str, Scope], Fit] = {}
    for merge in sorted({f.merge for f in fits.values()}):
        same = {scope: f for scope, f in fits.items() if f.merge == merge}
        quiet = quieten(kind, plan, same, {s: counts[s] for s in same}, first, grain)
        done |= {(kind.name, scope): f for scope, f in quiet.items()}
    return done


def by_season(counts: Array, cells: Array) -> Array:
    """Counts [T, W] added up by season cell: [48, W]."""
    total = np.zeros((CELLS, counts.shape[1]), np.int64)
    np.add.at(total, cells, counts)
    return total


def in_season(totals: Array, cells: Array, events: Array) -> Array:
    """The reference [width] as it would look at these ticks: ``totals`` [48, width] weighed by the ``events``
    [T] that fell into the ``cells`` [T], a twentieth of the whole mixed in; cells the reference never saw
    take the whole."""
    whole = totals.sum(axis=0)
    weight = np.bincount(cells, weights=events, minlength=CELLS)
    sums = totals.sum(axis=1)
    shares = np.where(sums[:, None] > 0, totals / np.maximum(sums, 1)[:, None], whole / max(whole.sum(), 1))
    mixed = (shares * weight[:, None]).sum(axis=0) / max(weight.sum(), 1e-12)
    smooth: Array = (0.95 * mixed + 0.05 * whole / max(whole.sum(), 1)) * whole.sum()
    return smooth


def usual_psi(layout: Layout, counts: Array, cells: Array) -> dict[str, tuple[float, float]]:
    """For each shape series the 95 % points of the PSI of four hours and of a day of the reference."""
    found = {}
    for series in layout.series:
        part = counts[:, layout.span(series.name)]
        totals = by_season(part, cells)
        pair = [_usual_psi(part, totals, cells, length) for length in (16, 96)]
        found[series.name] = (pair[0], pair[1])
    return found


def _usual_psi(part: Array, totals: Array, cells: Array, length: int) -> float:
    each = []
    for start in range(0, len(part) - length + 1, length):
        window = part[start : start + length]
        if window.sum() >= 30:
            events = window.sum(axis=1)
            each.append(psi(in_season(totals, cells[start : start + length], events), window.sum(axis=0)))
    return float(np.quantile(each, 0.95)) if each else 1.0
