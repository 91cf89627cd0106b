"""Exhibits: the evidence as a page draws it, frozen and small."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from fireline.clock import iso
from fireline.terms.alert import Finding
from fireline.terms.evidence import Evidence
from fireline.triage.book import Book, Column
from fireline.triage.case import Bools, Case, Floats, Trace
from fireline.triage.inputs import Inputs
from fireline.triage.reweigh import Reweighed
from fireline.triage.slices import Found
from fireline.triage.truth import Truth
from fireline.triage.versions import Split
from fireline.triage.windows import Windows
from fireline.triage.words import figure as say
from fireline.triage.words import share

MOST_POINTS = 600
MOST_METRICS = 4
MOST_HISTOGRAMS = 3
BAND = 2.0


def exhibits(
    case: Case, book: Book, spans: Windows, hit: Bools, split: Split, found: Found, inputs: Inputs,
    reweighed: tuple[Reweighed, ...], truth: Truth,
) -> tuple[Evidence, ...]:  # fmt: skip
    """Every exhibit of the case, in the order a page shows them."""
    shown: list[Evidence] = []
    for index in _metrics(case):
        shown.append(metric(case.findings[index], case.traces[index]))
    shown += _histograms(book, spans, hit, split, inputs)
    if split.rows:
        shown.append(_versions(split))
    if found.rows:
        shown.append(_slices(found))
    if inputs.moved:
        shown.append(_moved(inputs))
    if reweighed:
        shown.append(_reweighed(reweighed))
    if truth.known:
        shown.append(
            Evidence("note", "Labels", "whether the truth itself changed", {"text": truth.in_words()})
        )
    return tuple(shown)


def _metrics(case: Case) -> list[int]:
    """The trigger's series first, then pages, one per family and scope."""
    order = sorted((i for i in case.traces if 0 <= i < len(case.findings)),
                   key=lambda i: (i != 0, case.findings[i].urgency != "page", i))  # fmt: skip
    seen: set[tuple[str, str | None, str]] = set()
    chosen = []
    for i in order:
        f = case.findings[i]
        if (f.family, f.feature, f.scope_key) not in seen:
            seen.add((f.family, f.feature, f.scope_key))
            chosen.append(i)
    return chosen[:MOST_METRICS]


def metric(finding: Finding, trace: Trace) -> Evidence:
    """A monitor's series with its usual level and band, at most MOST_POINTS points.

    Neighbouring ticks are pooled, weighted by their events; the band is what an undisturbed point stays in.
    """
    pool = max(1, math.ceil(trace.ticks / MOST_POINTS))
    seen, usual = _pooled(trace.seen, trace.n, pool), _pooled(trace.usual, trace.n, pool)
    half = _half_band(trace, pool)
    data = {
        "t": [iso(trace.at(i * pool)) for i in range(len(seen))],
        "seen": _numbers(seen),
        "usual": _numbers(usual),
        "low": _numbers(usual - half),
        "high": _numbers(usual + half),
        "n": _numbers(_summed(trace.n, pool)),
        "unit": finding.unit,
    }
    what = finding.feature or finding.series
    scope = "" if finding.scope_key == "service" else f", {finding.scope_key}"
    title = f"{finding.monitor.replace('_', ' ')}: {what}{scope}"
    return Evidence("metric", title, finding.because or f"{finding.monitor} fired", data)


def _blocks(values: Floats, pool: int) -> Floats:
    padded = np.full(-(-len(values) // pool) * pool, math.nan)
    padded[: len(values)] = values
    return padded.reshape(-1, pool)


def _summed(values: Floats, pool: int) -> Floats:
    return np.asarray(np.nansum(_blocks(values, pool), axis=1))


def _pooled(values: Floats, n: Floats, pool: int) -> Floats:
    x, w = _blocks(values, pool), _blocks(np.where(np.isfinite(n), n, 0.0), pool)
    w = np.where(np.isfinite(x) & np.isfinite(w), np.maximum(w, 1e-9), 0.0)
    total = w.sum(axis=1)
    summed = (np.where(np.isfinite(x), x, 0.0) * w).sum(axis=1)
    return np.asarray(np.where(total > 0, summed / np.where(total > 0, total, 1.0), math.nan))


def _half_band(trace: Trace, pool: int) -> Floats:
    """Twice the noise of a point, read off how the residual and its z go together."""
    residual = np.abs(trace.seen - trace.usual)
    ok = np.isfinite(residual) & np.isfinite(trace.z) & (np.abs(trace.z) > 0.05) & (trace.n > 0)
    if not ok.any():
        return np.full(-(-trace.ticks // pool), math.nan)
    unit = float(np.median(residual[ok] / np.abs(trace.z[ok]) * np.sqrt(trace.n[ok])))
    n = np.maximum(_summed(np.where(np.isfinite(trace.n), trace.n, 0.0), pool), 1.0)
    return np.asarray(BAND * unit / np.sqrt(n))


def _numbers(values: Floats) -> list[float | None]:
    return [float(f"{v:.6g}") if math.isfinite(v) else None for v in values.tolist()]


def _histograms(book: Book, spans: Windows, hit: Bools, split: Split, inputs: Inputs) -> list[Evidence]:
    names = list(dict.fromkeys([*split.moved, *inputs.names]))[:MOST_HISTOGRAMS]
    told = {m.feature: m.says for m in inputs.moved}
    shown = []
    for name in names:
        who = f" in what {split.new} reads" if name in split.moved else ""
        why = told.get(name, f"{name} differs between the versions") + who
        shown.append(histogram(book.column(name), spans, hit, name, why))
    if book.after.has(book.answer) and np.isfinite(book.after.number(book.answer)).any():
        column, why = book.column(book.answer, "numeric"), f"the {book.answer} before and since the onset"
        shown.append(histogram(column, spans, hit, book.answer, why))
    return shown


def histogram(column: Column, spans: Windows, hit: Bools, name: str, because: str) -> Evidence:
    """Shares of each cell in the reference (at the same hours) and since the onset; the last cell is missing
    values."""
    before = column.counts(column.before, spans.reference)
    after = column.counts(column.after[hit])
    p, q = before / max(before.sum(), 1e-9), after / max(after.sum(), 1e-9)
    labels = [*column.labels, "missing"]
    kept = [i for i in range(len(labels)) if p[i] > 0 or q[i] > 0]
    if len(kept) > 30:
        kept = sorted(sorted(kept, key=lambda i: -(p[i] + q[i]))[:30])
    data = {
        "cells": [labels[i] for i in kept], "before": [round(float(p[i]), 5) for i in kept],
        "after": [round(float(q[i]), 5) for i in kept], "unit": "share",
    }  # fmt: skip
    return Evidence("histogram", f"{name} before and after", because, data)


def _versions(split: Split) -> Evidence:
    names = [
        k for k in dict.fromkeys(k for row in split.rows for k in row) if k not in ("version", "shadow", "n")
    ]
    return Evidence(
        "versions", "Versions since the onset", split.because, {"rows": list(split.rows), "figures": names}
    )


def _slices(found: Found) -> Evidence:
    rows: list[Mapping[str, Any]] = [dict(row) for row in found.rows]
    return Evidence(
        "slices", "Slices that changed most", found.because, {"rows": rows, "figure": found.figure}
    )


def _moved(inputs: Inputs) -> Evidence:
    rows = [
        [
            m.feature,
            m.damage.replace("_", " "),
            round(m.psi, 3),
            round(m.noise, 4),
            round(m.step.z, 1),
            m.says,
        ]
        for m in inputs.moved[:12]
    ]
    columns = ["feature", "what", "PSI", "PSI of noise", "step against days", "in words"]
    return Evidence("table", "Inputs that moved", inputs.in_words(), {"columns": columns, "rows": rows})


def _reweighed(found: tuple[Reweighed, ...]) -> Evidence:
    rows = [
        [r.figure, say(r.usual, r.unit), say(r.expected, r.unit), say(r.seen, r.unit),
         share(r.explained) if math.isfinite(r.explained) else "cannot tell"]
        for r in found
    ]  # fmt: skip
    columns = ["figure", "usual", "expected from today's mix", "seen", "explained"]
    because = (
        "the reference reweighted to today's inputs: what it explains is the world's doing, not the model's"
    )
    return Evidence("table", "Reweighting test", because, {"columns": columns, "rows": rows})
