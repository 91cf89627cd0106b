"""Simple monitors for the scenes: what a detector would hand to triage, with none of its finer points."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np

from fireline.clock import MICROS, from_micros, micros
from fireline.terms.alert import Finding
from fireline.triage.case import Case, Frame, Trace
from fireline.triage.compare import auc, hanley

CUT = 14.0
SLACK = 0.6


@dataclass
class Watched:
    """One monitor's series: finding fields, and seen, usual, n, z per tick."""

    fields: dict[str, Any]
    trace: Trace
    at: Any
    ready: int


def make_case(
    rows: dict[str, Any],
    book: Any,
    changes: list[Any],
    start: Any,
    now_hours: float,
    from_: int = 0,
    lead_days: float = 3.0,
) -> Case | None:
    """The case as of ``now_hours`` after the first page (else the first ticket); None when nothing fired."""
    until = micros(book.reference.until)
    fired = []
    for watched in _monitors(rows, book, start):
        tick = _first(watched, max(until, from_))
        if tick is not None:
            at = watched.trace.at(tick + 1) + timedelta(microseconds=watched.ready)
            fired.append((at, watched, tick))
    fired.sort(key=lambda f: (f[0], f[1].fields["monitor"], f[1].fields["series"]))
    if not fired:
        return None
    first = next((f for f in fired if f[1].fields["urgency"] == "page"), fired[0])
    now = first[0] + timedelta(hours=now_hours)
    kept = [first, *(f for f in fired if f is not first and first[0] - timedelta(hours=12) <= f[0] <= now)]
    findings, traces = [], {}
    for i, (at, watched, tick) in enumerate(kept):
        findings.append(_finding(watched, at, tick))
        last = int(
            (micros(now) - watched.ready - micros(watched.trace.start)) // (watched.trace.grain * MICROS)
        )
        traces[i] = _cut(watched.trace, max(0, tick - int(3 * 86_400 / watched.trace.grain)), last)
    frame = dict(rows)
    since = micros(first[0]) - int((lead_days + 1) * 86_400) * MICROS
    before = Frame(frame).pick(frame["time"] < until)
    after = Frame(frame).pick((frame["time"] >= since) & (frame["time"] < micros(now)))
    known = after.number("label_time") <= micros(now)
    columns = dict(after.columns)
    columns["label"] = np.where(known, columns["label"], np.nan)
    columns["label_time"] = np.where(known, columns["label_time"], np.nan)
    quiet = sorted(
        {"error_rate", "latency", "drift", "null_rate", "score_drift", "auc"} - {f.family for f in findings}
    )
    return Case(
        tuple(findings),
        traces,
        before,
        Frame(columns),
        tuple(c for c in changes if c.at <= now),
        tuple(quiet),
        book,
        now,
    )


def _cut(t: Trace, first: int, last: int) -> Trace:
    part = slice(first, last)
    return Trace(t.at(first), t.grain, t.seen[part], t.usual[part], t.n[part], t.z[part], t.infl)


def _finding(w: Watched, at: Any, tick: int) -> Finding:
    lo = max(0, tick - 6)
    n = w.trace.n[lo : tick + 1]
    seen = float(np.nansum(np.nan_to_num(w.trace.seen[lo : tick + 1]) * n) / max(n.sum(), 1e-9))
    usual = float(np.nanmean(w.trace.usual[lo : tick + 1]))
    return Finding(
        at=at, evidence=2.0, threshold=1.5, seen=seen, usual=usual, because="it crossed", **w.fields
    )


def _first(w: Watched, until: int) -> int | None:
    """The first tick after the reference whose CUSUM crosses."""
    level = 0.0
    start = int((until - micros(w.trace.start)) // (w.trace.grain * MICROS))
    for tick in range(max(start, 0), w.trace.ticks):
        z = w.trace.z[tick]
        if math.isfinite(z):
            level = max(0.0, level + min(z / math.sqrt(w.trace.infl), 5.0) - SLACK)
            if level > CUT:
                return tick
    return None


def _monitors(rows: dict[str, Any], book: Any, start: Any) -> list[Watched]:
    live = ~rows["shadow"]
    base, until = micros(start), micros(book.reference.until)
    time = rows["time"]
    found = [
        _rate("error_rate", "error_rate", rows["error"].astype(float), live, time, base, until, "page", 300),
        _rate(
            "latency",
            "latency",
            (rows["latency_ms"] > _p95(rows, until)).astype(float),
            live,
            time,
            base,
            until,
            "page",
            300,
        ),
    ]
    for version in sorted(set(rows["version"])):
        mine = live & (rows["version"] == version)
        found.append(
            _rate(
                "error_rate",
                "error_rate",
                rows["error"].astype(float),
                mine,
                time,
                base,
                until,
                "page",
                300,
                version=version,
                pool=live,
            )
        )
    for name, kind in sorted(book.columns.features.items()):
        empty = _empty(rows[name], kind)
        found.append(
            _rate(
                "null_rate",
                "null_rate",
                empty.astype(float),
                live,
                time,
                base,
                until,
                "page",
                900,
                feature=name,
            )
        )
        if kind == "numeric":
            score = _ranked(rows[name], time < until)
            found += _mean("numeric_drift", "drift", score, live, time, base, until, "ticket", feature=name)
        else:
            for value in sorted({str(v) for v in rows[name][time < until] if v})[:4]:
                found += _mean(
                    "category_drift",
                    "drift",
                    (rows[name] == value).astype(float),
                    live,
                    time,
                    base,
                    until,
                    "ticket",
                    feature=name,
                )
    score = _ranked(rows["score"], time < until)
    found += _mean("score_drift", "score_drift", score, live, time, base, until, "page")
    for version in sorted(set(rows["version"])):
        found += _mean(
            "score_drift",
            "score_drift",
            score,
            live & (rows["version"] == version),
            time,
            base,
            until,
            "page",
            version=version,
            pool=live,
        )
    found += _volume(time, live, base, until)
    found += _quality(rows, live, base, until, book)
    return found


def _p95(rows: dict[str, Any], until: int) -> float:
    return float(np.quantile(rows["latency_ms"][rows["time"] < until], 0.95))


def _empty(values: Any, kind: str) -> Any:
    return ~np.isfinite(values) if kind == "numeric" else values == ""


def _ranked(values: Any, reference: Any) -> Any:
    known = np.sort(values[reference & np.isfinite(values)])
    place = (np.searchsorted(known, values, "left") + np.searchsorted(known, values, "right")) / (
        2 * len(known)
    )
    return np.where(np.isfinite(values), np.clip(place, 0.0005, 0.9995) - 0.5, np.nan) * 3.46


def _sums(values: Any, rows: Any, time: Any, base: int, grain: int) -> tuple[Any, Any, Any]:
    good = rows & np.isfinite(values)
    tick = (time[good] - base) // (grain * MICROS)
    size = int((time.max() - base) // (grain * MICROS)) + 1
    n = np.bincount(tick, minlength=size).astype(float)
    return n, np.bincount(tick, values[good], size), np.bincount(tick, values[good] ** 2, size)


def _seasonal(s: Any, n: Any, grain: int, ref: int) -> Any:
    cell = ((np.arange(len(n)) * grain) // 3600 + 1) % 24
    total = np.bincount(cell[:ref], n[:ref], 24)
    mean = s[:ref].sum() / max(n[:ref].sum(), 1)
    return ((np.bincount(cell[:ref], s[:ref], 24) + 50 * mean) / (total + 50))[cell]


def _rate(
    monitor: str,
    family: str,
    values: Any,
    rows: Any,
    time: Any,
    base: int,
    until: int,
    urgency: str,
    grain: int,
    feature: str | None = None,
    version: str | None = None,
    pool: Any = None,
) -> Watched:
    n, s, _ = _sums(values, rows, time, base, grain)
    ref = int((until - base) // (grain * MICROS))
    n0, s0, _ = (n, s, s) if pool is None else _sums(values, pool, time, base, grain)
    usual = np.maximum(_seasonal(s0, n0, grain, ref), 5e-4)
    with np.errstate(all="ignore"):
        seen = np.where(n > 0, s / n, np.nan)
        z = (s - n * usual * 1.25) / np.sqrt(np.maximum(n * usual * (1 - usual), 1e-9))
    return Watched(
        {
            "monitor": monitor,
            "family": family,
            "series": "rates",
            "urgency": urgency,
            "feature": feature,
            "version": version,
            "unit": "share",
        },
        Trace(from_micros(base), grain, seen, usual, n, np.where(n > 0, z, np.nan), 1.5),
        None,
        5 * 60 * MICROS,
    )


def _mean(
    monitor: str,
    family: str,
    values: Any,
    rows: Any,
    time: Any,
    base: int,
    until: int,
    urgency: str,
    feature: str | None = None,
    version: str | None = None,
    pool: Any = None,
) -> list[Watched]:
    grain = 900
    n, s, _ = _sums(values, rows, time, base, grain)
    ref = int((until - base) // (grain * MICROS))
    n0, s0, q0 = _sums(values, rows if pool is None else pool, time, base, grain)
    usual = _seasonal(s0, n0, grain, ref)
    variance = max(q0[:ref].sum() / n0[:ref].sum() - (s0[:ref].sum() / n0[:ref].sum()) ** 2, 1e-6)
    with np.errstate(all="ignore"):
        seen = np.where(n > 0, s / n, np.nan)
        plain = (seen - usual) / np.sqrt(variance / np.maximum(n, 1) + 0.0004 * variance)
        ref_z = ((s0 / n0 - usual) / np.sqrt(variance / np.maximum(n0, 1) + 0.0004 * variance))[:ref]
    blocks = ref_z[: len(ref_z) // 96 * 96].reshape(-1, 96)
    infl = float(np.clip(np.nansum(blocks, axis=1).var() / 96, 1.0, 40.0))
    tol = 0.1 * math.sqrt(variance) / np.sqrt(variance / np.maximum(n, 1) + 0.0004 * variance)
    found = []
    for sign, direction in ((1, "up"), (-1, "down")):
        series = f"feature:{feature}" if feature else "score"
        fields = {
            "monitor": monitor,
            "family": family,
            "series": series,
            "urgency": urgency,
            "feature": feature,
            "version": version,
            "unit": "reference sd",
            "direction": direction,
        }
        found.append(
            Watched(
                fields,
                Trace(
                    from_micros(base),
                    grain,
                    seen,
                    usual,
                    n,
                    np.where(n > 0, sign * plain - tol, np.nan),
                    infl,
                ),
                None,
                5 * 60 * MICROS,
            )
        )
    return found


def _volume(time: Any, live: Any, base: int, until: int) -> list[Watched]:
    grain = 900
    n, _, _ = _sums(np.ones(len(time)), live, time, base, grain)
    ref = int((until - base) // (grain * MICROS))
    usual = _seasonal(n, np.ones(len(n)), grain, ref)
    plain = (n - usual) / np.sqrt(usual + (0.1 * usual) ** 2)
    found = []
    for sign, direction in ((1, "up"), (-1, "down")):
        fields = {
            "monitor": "traffic",
            "family": "traffic",
            "series": "traffic",
            "urgency": "page",
            "unit": "events",
            "direction": direction,
        }
        found.append(
            Watched(
                fields,
                Trace(from_micros(base), grain, n, usual, np.ones(len(n)), sign * plain - 1.0, 2.0),
                None,
                5 * 60 * MICROS,
            )
        )
    return found


def _quality(rows: dict[str, Any], live: Any, base: int, until: int, book: Any) -> list[Watched]:
    grain, age = 6 * 3600, int(book.labels.age.total_seconds()) * MICROS
    time = rows["time"]
    in_time = live & np.isfinite(rows["label"]) & (rows["label_time"] - time <= age)
    tick = (time - base) // (grain * MICROS)
    size = int(tick.max()) + 1
    area, spread, n, had = np.full(size, np.nan), np.full(size, np.nan), np.zeros(size), np.full(size, np.nan)
    for t in range(size):
        pick = in_time & (tick == t)
        total = int((live & (tick == t)).sum())
        positive = rows["label"][pick] == 1
        n[t] = pick.sum()
        had[t] = pick.sum() / max(total, 1)
        if positive.sum() >= 20:
            area[t] = auc(rows["score"][pick], positive)
            spread[t] = hanley(area[t], int(positive.sum()), int((~positive).sum()))
    ref = int((until - base) // (grain * MICROS))
    usual = np.full(size, np.nanmedian(area[:ref]))
    z = -(area - usual + 0.005) / np.sqrt(spread + 0.0001)
    fields = {
        "monitor": "auc",
        "family": "auc",
        "series": "score_label",
        "urgency": "page",
        "unit": "AUC",
        "direction": "down",
    }
    found = [Watched(fields, Trace(from_micros(base), grain, area, usual, n, z * 2, 1.3), None, age)]
    level = np.full(size, np.nanmedian(had[:ref]))
    fields = {
        "monitor": "label_coverage",
        "family": "label_coverage",
        "series": "labels",
        "urgency": "ticket",
        "unit": "share",
        "direction": "down",
    }
    z = -(had - level + 0.05) / np.sqrt(0.05 / np.maximum(n, 20) + 0.0004)
    found.append(Watched(fields, Trace(from_micros(base), grain, had, level, n, z, 1.3), None, age))
    return found
