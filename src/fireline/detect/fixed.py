"""Fixed thresholds, such as PSI > 0.2, for teams that have them: plain figures over plain windows.

A rule with ``threshold`` takes its monitors from the judge. A window is an hour, or as many hours up to a day
as it takes to hold enough events (30 a bin for histograms, 100 for rates); a day that holds fewer is not
judged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from fireline.clock import MICROS, from_micros
from fireline.detect.baseline import Baseline
from fireline.detect.choice import judged, measures
from fireline.detect.kinds import Array, Kind, Monitor, Rates, Ticks
from fireline.detect.metrics import js_distance, ks_of_bins, psi
from fireline.runbook.schema import MonitorRule, Runbook
from fireline.terms.alert import Finding
from fireline.terms.counts import SERVICE, Scope
from fireline.terms.plan import Layout

Read = Callable[[Layout, int, int, int], Mapping[Scope, Array]]
HOUR = 3600
LONGEST_HOURS = 24
ROWS_A_BIN = 30
LEAST_EVENTS = 100
STATISTICS: Mapping[str, Callable[[Array, Array], float]] = {
    "psi": psi,
    "js": js_distance,
    "ks": lambda p, q: ks_of_bins(p, q).value,
}


@dataclass(frozen=True)
class Ruled:
    """One monitor of the whole service under a fixed threshold; ``place`` is its first channel."""

    rule: MonitorRule
    kind: Kind
    monitor: Monitor
    place: int

    @property
    def is_histogram(self) -> bool:
        return self.kind.layout == "shapes" and self.monitor.series != "traffic"


def names(rule: MonitorRule, kind: Kind, monitor: Monitor) -> bool:
    """Whether ``rule`` is about ``monitor``: by kind or family, and by feature where it gives one."""
    named = rule.monitor in (kind.name, kind.family, monitor.family)
    return named and any(monitor.about(rule.feature))


class FixedThresholds:
    """The fixed thresholds of one service; ``starts`` [rules] is the hour (since 1970) each window began."""

    def __init__(self, baseline: Baseline, runbook: Runbook, since: int) -> None:
        self.baseline, self.plan, self.runbook = baseline, baseline.plan, runbook
        self.ruled = tuple(self._find())
        self.starts = [-(-since // (HOUR * MICROS))] * len(self.ruled)

    def _find(self) -> Iterator[Ruled]:
        for rule in self.runbook.monitors:
            for kind in judged(self.plan, self.runbook) if rule.threshold is not None else ():
                place = 0
                for monitor in kind.monitors(self.plan):
                    if kind.test != "silence" and measures(rule, kind, monitor, self.plan):
                        first = int(np.argmax(monitor.about(rule.feature)))
                        yield Ruled(rule, kind, monitor, place + first)
                    place += len(monitor.channels)

    def advance(self, read: Read, until: int, quality_until: int) -> list[Finding]:
        """Findings of every window that is complete by ``until`` (quality: ``quality_until``), in
        microseconds."""
        found = []
        for i, one in enumerate(self.ruled):
            limit = (quality_until if one.kind.laid_out(self.plan).aged else until) // (HOUR * MICROS)
            while (hours := self._window(one, read, self.starts[i], limit)) is not None:
                figure = self._figure(
                    one, self._hours(one, read, self.starts[i], self.starts[i] + hours).sum(axis=0)
                )
                if figure is not None and self._crossed(one, figure[0]):
                    found.append(self._finding(one, *figure, self.starts[i], hours))
                self.starts[i] += hours
        return found

    def _hours(self, one: Ruled, read: Read, first: int, last: int) -> Array:
        """The service's counts by hour: [hours, width]."""
        layout = one.kind.laid_out(self.plan)
        grain = layout.grains["service"]
        per = HOUR // grain
        counts = read(layout, grain, first * per, last * per).get(SERVICE)
        if counts is None:
            return np.zeros((last - first, layout.width), np.int64)
        return np.asarray(counts.reshape(last - first, per, layout.width).sum(axis=1))

    def _window(self, one: Ruled, read: Read, first: int, limit: int) -> int | None:
        """How many hours the window that began at ``first`` takes, or None while it is open."""
        last = min(limit, first + LONGEST_HOURS)
        if last <= first:
            return None
        gathered = np.cumsum(self._hours(one, read, first, last), axis=0)
        full = np.flatnonzero([self._figure(one, so_far) is not None for so_far in gathered])
        if full.size:
            return int(full[0]) + 1
        return LONGEST_HOURS if last == first + LONGEST_HOURS else None

    def _figure(self, one: Ruled, counts: Array) -> tuple[float, float, int] | None:
        """(the figure, its value in the reference, events) of counts [width]; None when there are too few."""
        total = self.baseline.totals.get((one.kind.layout, SERVICE))
        whole = np.zeros_like(counts) if total is None else total.sum(axis=0)
        if one.is_histogram:
            span = self.plan.shapes.span(one.monitor.series)
            events = int(counts[span].sum())
            if events < ROWS_A_BIN * (span.stop - span.start - 3):
                return None
            return STATISTICS[one.rule.statistic or "psi"](whole[span], counts[span]), 0.0, events
        now, usual = (one.kind.ticks(self.plan, part[None, :]) for part in (counts, whole))
        n = float(now.n[0, one.place])
        if n < (LEAST_EVENTS if isinstance(now, Rates) else max(one.kind.least, 1)):
            return None
        return _value(now, one.place), _value(usual, one.place), int(n)

    def _crossed(self, one: Ruled, value: float) -> bool:
        assert one.rule.threshold is not None
        return value < one.rule.threshold if one.kind.sides == "down" else value > one.rule.threshold

    def _finding(
        self, one: Ruled, value: float, usual: float, events: int, first: int, hours: int
    ) -> Finding:
        at = from_micros((first + hours) * HOUR * MICROS) + self.runbook.allowed_lateness
        if one.kind.laid_out(self.plan).aged and self.runbook.labels is not None:
            at += self.runbook.labels.age
        what = (one.rule.statistic or "psi") if one.is_histogram else one.kind.name.replace("_", " ")
        of = f" of {one.monitor.feature}" if one.monitor.feature else ""
        beyond = "below" if one.kind.sides == "down" else "above"
        because = (
            f"{what}{of} {value:.3g} over {events:,}, {beyond} the fixed threshold {one.rule.threshold:g}"
        )
        return Finding(
            monitor=one.kind.name,
            family=one.monitor.family or one.kind.family,
            series=one.monitor.series,
            at=at,
            urgency=one.rule.urgency or one.kind.urgency,
            evidence=round(value, 4),
            threshold=float(one.rule.threshold or 0.0),
            feature=one.monitor.feature,
            seen=float(f"{value:.6g}"),
            usual=float(f"{usual:.6g}"),
            unit=what if one.is_histogram else one.kind.unit,
            direction="down" if one.kind.sides == "down" else "up",
            since=from_micros(first * HOUR * MICROS),
            because=because,
            details={
                "channel": "",
                "events": events,
                "level": "page",
                "fixed": True,
                "tick_seconds": int(timedelta(hours=hours).total_seconds()),
            },
        )


def _value(ticks: Ticks, place: int) -> float:
    if isinstance(ticks, Rates):
        return float(ticks.hits[0, place] / max(float(ticks.n[0, place]), 1.0))
    value = float(ticks.value[0, place])
    return value if np.isfinite(value) else 0.0
