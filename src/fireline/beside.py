"""Two versions beside each other, read off counts: what the one served, and what the other's shadow would.

Where only counts come there are no requests to pair. The counts of a version and of the other's shadow calls
over the same ticks say the same, less sharply: no request is known to be in both, so it is a control, and is
called one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np

from fireline.clock import micros
from fireline.detect.baseline import Read
from fireline.detect.judge import Judge
from fireline.terms.alert import Finding, finding_of
from fireline.terms.counts import Scope
from fireline.terms.plan import Layout
from fireline.verify import Comparison, Figure, series_figure

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Stretch:
    """From ``since`` to ``until`` calls of the one version count in ``harmed``, of the other in
    ``contained``."""

    since: datetime
    until: datetime
    harmed: Scope
    contained: Scope


def before_only(good: str, bad: str, since: datetime, until: datetime) -> list[Stretch]:
    """While ``bad`` serves and ``good`` is its shadow."""
    return [Stretch(since, until, Scope("version", "", bad), Scope("shadow", "", good))]


def both_ways(good: str, bad: str, since: datetime, began: datetime, until: datetime) -> list[Stretch]:
    """``bad`` serves until ``began`` with ``good`` for its shadow, and since then the other way round."""
    later = Stretch(began, until, Scope("shadow", "", bad), Scope("version", "", good))
    return [*before_only(good, bad, since, began), later]


def beside(
    judge: Judge, read: Read, alerts: Iterable[Mapping[str, Any]], stretches: Sequence[Stretch], good: str,
    bad: str,
) -> Comparison | None:  # fmt: skip
    """The figures of ``alerts`` with ``bad`` and with ``good``; None where no tick has calls of both."""
    figures = [_figure(judge, read, alert, stretches, bad) for alert in alerts]
    known = [figure for figure in figures if figure is not None]
    if not any(figure.known for figure in known):
        return None
    named = f"by {good} in its shadow" if len(stretches) == 1 else f"by {good} at the same time"
    return Comparison(
        "control", f"as served by {bad}", named, stretches[0].since, stretches[-1].until, tuple(known)
    )


def _figure(
    judge: Judge, read: Read, alert: Mapping[str, Any], stretches: Sequence[Stretch], bad: str
) -> Figure | None:
    if alert["seen"] is None or alert["usual"] is None or alert["family"] == "job" or alert["segment"]:
        return None  # versions are not counted apart inside a segment
    finding = replace(finding_of(alert), version=bad, against=None)
    parts = [part for one in stretches if (part := _part(judge, read, finding, one)) is not None]
    if not parts:
        return None
    harmed, contained, usual, n, m = (np.concatenate(column) for column in zip(*parts, strict=True))
    level = float(np.nanmean(usual)) if len(usual) else float(alert["usual"])
    found = series_figure(
        alert, harmed - usual + level, contained - usual + level, level,
        tolerance=abs(float(alert["seen"]) - float(alert["usual"])) / 4, infl=judge.inflation_of(finding),
    )  # fmt: skip
    if found.pair is None:
        return found
    return replace(found, pair=replace(found.pair, n_harmed=int(n.sum()), n_contained=int(m.sum())))


def _part(
    judge: Judge, read: Read, finding: Finding, one: Stretch
) -> tuple[Array, Array, Array, Array, Array] | None:
    """Ticks [T] in which both sides have calls: the two figures, what is usual, and how many calls each."""
    role = Scope("version", "", str(finding.version))
    sides = []
    for scope in (one.harmed, one.contained):
        found = judge.trace(finding, _As(read, role, scope), micros(one.since), micros(one.until))
        if found is None:
            return None
        sides.append(found[2])
    a, b = sides
    z = np.where(a.valid, np.abs(a.z), np.nan)
    if not np.isfinite(z).any():
        return None
    lead = int(np.nanargmax(np.nansum(z, axis=0)))
    there = a.valid[:, lead] & b.valid[:, lead]
    usual = a.usual[:, lead].astype(np.float64)
    return (
        a.seen[there, lead], b.seen[there, lead], usual[there], a.weight[there, lead], b.weight[there, lead]
    )  # fmt: skip


@dataclass(frozen=True)
class _As:
    """Reads the counts of ``scope`` in the ``role`` of another, and no others."""

    read: Read
    role: Scope
    scope: Scope

    def __call__(self, layout: Layout, grain: int, from_tick: int, to_tick: int) -> Mapping[Scope, Array]:
        counts = self.read(layout, grain, from_tick, to_tick)
        return {self.role: counts[self.scope]} if self.scope in counts else {}
