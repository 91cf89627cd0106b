"""The frozen baseline of a service: its plan, its fits, and the reference's counts in total."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from fireline.detect.calibrate import quieten
from fireline.detect.fit import Fit, fit
from fireline.detect.kinds import Array, Kind, kinds
from fireline.detect.metrics import psi
from fireline.errors import InputError, Where
from fireline.terms.counts import Scope
from fireline.terms.plan import Layout, Plan

Read = Callable[[Layout, int, int, int], Mapping[Scope, Array]]
FORMAT = 1


@dataclass(frozen=True)
class Baseline:
    """What is usual. ``fits`` by (kind, scope); ``totals`` by (layout name, scope): counts [width] of the reference;
    ``psi_usual`` by (scope, series): the 95 % point of a reference day's PSI against the reference."""

    plan: Plan
    fits: Mapping[tuple[str, Scope], Fit]
    totals: Mapping[tuple[str, Scope], Array]
    psi_usual: Mapping[tuple[Scope, str], float]
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
            "psi": [[scope.key, name, value] for (scope, name), value in self.psi_usual.items()],
        }
        # In the plan's own order: channels lie in the order of its features, which sorting the keys would change.
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
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
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
        fits = {key: Fit(**{**values, "merge": int(values["merge"])}) for key, values in parts.items()}
        usual = {(Scope.of_key(key), name): float(value) for key, name, value in meta["psi"]}
        return cls(Plan.of_json(meta["plan"]), fits, totals, usual, int(meta["since"]), int(meta["until"]))


def learn(
    plan: Plan, read: Read, since: int, until: int, quality_until: int, progress: Callable[[str], None]
) -> Baseline:
    """Learns every kind's usual from the counts between two instants (microseconds); labels only up to
    ``quality_until``, the last cohort whose labels have come of age by ``until``."""
    fits: dict[tuple[str, Scope], Fit] = {}
    totals: dict[tuple[str, Scope], Array] = {}
    psi_usual: dict[tuple[Scope, str], float] = {}
    for layout in plan.layouts:
        end = quality_until if layout.name == "quality" else until
        for grain in sorted(set(layout.grains.values())) if layout.series else ():
            first, stop = -(-since // (grain * 1_000_000)), end // (grain * 1_000_000)
            if stop <= first:
                continue
            progress(f"reference: {layout.name}, ticks of {grain} s")
            counts = {
                s: c for s, c in read(layout, grain, first, stop).items() if s.kind in ("service", "segment")
            }
            for scope, one in counts.items():
                totals[layout.name, scope] = one.sum(axis=0)
                if layout.name == "shapes":
                    psi_usual |= {(scope, name): v for name, v in daily_psi(layout, one).items()}
            for kind in kinds():
                if kind.layout == layout.name and kind.monitors(plan):
                    for (name, scope), found in _learn_kind(kind, plan, counts, first, grain).items():
                        fits[name, scope] = found
    return Baseline(plan, fits, totals, psi_usual, since, until)


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


def daily_psi(layout: Layout, counts: Array) -> dict[str, float]:
    """For each shape series the 95 % point of the PSI of one day's counts against all: what is usual."""
    days = counts[: len(counts) // 96 * 96].reshape(-1, 96, counts.shape[1]).sum(axis=1)
    found = {}
    for series in layout.series:
        span = layout.span(series.name)
        whole = counts[:, span].sum(axis=0)
        each = [psi(whole, day[span]) for day in days if day[span].sum() >= 30]
        found[series.name] = float(np.quantile(each, 0.95)) if each else 1.0
    return found
