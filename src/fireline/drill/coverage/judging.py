"""Counts in memory, and the alerts they lead to: the judge and the desk without a store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np
import pyarrow as pa

from fireline.clock import MICROS
from fireline.detect.baseline import Baseline
from fireline.detect.grouping import Desk, key_of
from fireline.detect.judge import Judge
from fireline.detect.kinds import Array
from fireline.detect.size import sizes
from fireline.recording import quality_rows
from fireline.runbook.schema import Runbook
from fireline.telemetry.changes import first_seen
from fireline.telemetry.tally import add_up, tally
from fireline.terms.alert import Alert
from fireline.terms.counts import CountsRow, Scope
from fireline.terms.plan import Layout, Plan

ROWS = 100_000
STEP = 3 * 3600 * MICROS
Told = Callable[[Alert], bool]


@dataclass(frozen=True)
class Copy:
    """A stretch of a service's life: canonical ``events`` each once, ``repeats`` of them, all ``labels``."""

    events: pa.Table
    repeats: pa.Table
    labels: pa.Table

    @property
    def versions(self) -> dict[str, int]:
        """When each version first answered (microseconds)."""
        return first_seen(self.events)


def count(plan: Plan, runbook: Runbook, copy: Copy, quality: bool = True) -> list[CountsRow]:
    """The counts of ``copy``; those of labels only where ``quality``."""
    rows: list[CountsRow] = []
    for start in range(0, max(len(copy.events), 1), ROWS):
        part = copy.events.slice(start, ROWS)
        rows += tally(plan, part, copy.repeats if start == 0 else None)
        if quality and runbook.labels is not None and len(part):
            rows += quality_rows(plan, runbook, part, copy.labels)
    return rows


@dataclass
class Tallied:
    """Counts between two instants (microseconds), read as the judge reads them; from ``since`` on those of
    ``under`` are hidden by these."""

    rows: list[CountsRow]
    since: int
    until: int
    under: Tallied | None = None
    kinds: frozenset[str] = frozenset()
    _dense: dict[tuple[str, int], dict[Scope, Array]] = field(default_factory=dict)

    def __call__(self, layout: Layout, grain: int, low: int, high: int) -> Mapping[Scope, Array]:
        """int64 [high - low, width] for each scope that has any."""
        if self.under is not None and layout.identity not in self.kinds:
            return self.under(layout, grain, low, high)
        found = {s: c.copy() for s, c in self.under(layout, grain, low, high).items()} if self.under else {}
        start, stop = self._span(grain)
        cut = slice(max(low, start) - low, max(min(high, stop) - low, max(low, start) - low))
        for counts in found.values():
            counts[cut] = 0
        for scope, counts in self._block(layout, grain).items():
            mine = counts[max(low, start) - start : max(high - start, 0)]
            if len(mine):
                whole = found.setdefault(scope, np.zeros((high - low, layout.width), np.int64))
                whole[cut][: len(mine)] = mine[: len(whole[cut])]
        return found

    def _span(self, grain: int) -> tuple[int, int]:
        return self.since // (grain * MICROS), -(-self.until // (grain * MICROS))

    def _block(self, layout: Layout, grain: int) -> dict[Scope, Array]:
        key = (layout.identity, grain)
        if key not in self._dense:
            self._dense[key] = add_up(self.rows, layout, grain, *self._span(grain))
        return self._dense[key]


@dataclass
class Bench:
    """Judges one stretch again and again: what came before the onset is judged once, and taken up from
    there."""

    runbook: Runbook
    baseline: Baseline
    calm: Tallied
    onset: int
    known: Mapping[str, int]
    quality: bool = True
    monitors: int = 0
    _judge: bytes = b""
    _desk: bytes = b""

    @property
    def age(self) -> int:
        """Microseconds until labels are judged."""
        return int(self.runbook.labels.age / timedelta(microseconds=1)) if self.runbook.labels else 0

    def warm(self, since: int) -> list[Alert]:
        """Judges the calm events from ``since`` up to the onset, and keeps how the judge stands then."""
        judge = Judge(self.baseline, self.runbook, since)
        _meet(judge, self.known, self.onset)
        desk = Desk(self.runbook, sizes(self.baseline, self.calm))
        found = judge.advance(self.calm, self.onset, self.onset if self.quality else since)
        alerts = [a for f in found if (a := desk.hear(f, set(desk.told))) is not None]
        self._judge, self._desk, self.monitors = judge.save(), desk.save(), judge.monitors
        return alerts

    def judge(
        self,
        read: Tallied,
        until: int,
        versions: Mapping[str, int],
        enough: Told = lambda alert: False,
        cohorts: int | None = None,
    ) -> list[Alert]:
        """The alerts from the onset on, in the order in which they are known, to events up to ``until`` (and
        to cohorts up to ``cohorts``, the same unless told), or until ``enough`` says so."""
        judge = Judge(self.baseline, self.runbook, self.onset)
        desk, found = Desk(self.runbook, sizes(self.baseline, read)), []
        if self._judge:
            judge.restore(self._judge)
            desk.restore(self._desk)
        _meet(judge, {**self.known, **versions}, until)
        quality_until = (until if cohorts is None else cohorts) if self.quality else 0
        last = max(until, quality_until + self.age)
        at = self.onset
        while at < last:
            at = min(at + STEP, last)
            for finding in judge.advance(read, min(at, until), min(at - self.age, quality_until)):
                alert = desk.hear(finding, set(desk.told))
                if alert is not None:
                    found.append(alert)
            if any(enough(alert) for alert in found):
                break
        return found


def _meet(judge: Judge, versions: Mapping[str, int], until: int) -> None:
    for version in sorted(versions, key=lambda v: (versions[v], v)):
        if versions[version] < until:
            judge.meet(version)


def first_of(alerts: Iterable[Alert], urgency: str | None = None) -> Alert | None:
    """The alert known first, of that urgency where one is named."""
    fit = [a for a in alerts if urgency is None or a.urgency == urgency]
    return min(fit, key=lambda a: a.fired_at, default=None)


def same(alert: Alert) -> tuple[str, ...]:
    """What makes two alerts of two copies the same one."""
    return (*key_of(alert.finding), alert.urgency)


def whole_hours(at: int) -> int:
    """The full hour at or before ``at`` (microseconds)."""
    return at // (3600 * MICROS) * 3600 * MICROS


def span(window: timedelta) -> int:
    """A length of time in microseconds."""
    return int(window / timedelta(microseconds=1))
