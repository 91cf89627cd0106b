"""Plays every harm that a service's log can show, in three sizes, and its harmless twin, against the
runbook's baseline."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from fireline.clock import MICROS, from_micros, iso, micros
from fireline.detect.baseline import Baseline
from fireline.drill.coverage.harm import SIZES, Harm, Scene
from fireline.drill.coverage.harms import harms
from fireline.drill.coverage.judging import (
    Bench,
    Copy,
    Tallied,
    count,
    first_of,
    same,
    span,
    whole_hours,
)
from fireline.errors import InputError, Where
from fireline.ingest import log_of
from fireline.reference import take_baseline
from fireline.runbook.load import load
from fireline.runbook.schema import Runbook
from fireline.telemetry.columns import Array, booleans, has, times
from fireline.telemetry.dedup import Dedup
from fireline.telemetry.log import Log
from fireline.terms.alert import Alert

WARM = 24 * 3600 * MICROS
LEAST_ROWS = 100
Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Noticed:
    """An alert, and how long after the onset it was known (seconds)."""

    by: str
    family: str
    urgency: str
    after: float
    because: str

    def as_json(self) -> dict[str, Any]:
        """As ``coverage.json`` shows it."""
        return {"by": self.by, "family": self.family, "urgency": self.urgency, "after_s": self.after,
                "because": self.because}  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """One harm in one size: the first alert, and the first page, None where nothing was noticed."""

    size: str
    amount: float
    first: Noticed | None
    page: Noticed | None

    def as_json(self) -> dict[str, Any]:
        """As ``coverage.json`` shows it."""
        return {
            "size": self.size,
            "amount": self.amount,
            "first": self.first.as_json() if self.first else None,
            "page": self.page.as_json() if self.page else None,
        }


@dataclass(frozen=True)
class Row:
    """One harm: what came of each size, and whether its harmless twin stayed silent (``woke`` None)."""

    harm: Harm
    target: str
    sizes: tuple[Outcome, ...]
    woke: Noticed | None

    @property
    def name(self) -> str:
        """Its name and what it was put into."""
        return f"{self.harm.name} ({self.target})" if self.target else self.harm.name

    def as_json(self) -> dict[str, Any]:
        """As ``coverage.json`` shows it."""
        harm = self.harm
        return {
            "fault": harm.name, "group": harm.group, "says": harm.says, "target": self.target,
            "unit": harm.unit, "labels_needed": harm.aged,
            "sizes": [outcome.as_json() for outcome in self.sizes],
            "twin": {"says": harm.twin, "paged": self.woke.as_json() if self.woke else None},
        }  # fmt: skip


SIZE_WORDS = ("small", "medium", "large")


@dataclass(frozen=True)
class Coverage:
    """What a runbook would notice. ``skipped`` are harms that this log cannot show, ``already`` the alerts
    that the events raise as they are; labels come of age ``labels_after`` seconds."""

    service: str
    onset: str
    hours: float
    events: int
    monitors: int
    rows: tuple[Row, ...]
    skipped: tuple[Harm, ...]
    already: tuple[str, ...]
    labels_after: float = 0.0
    notes: tuple[str, ...] = ()

    @property
    def outcomes(self) -> list[Outcome]:
        """Every harm in every size."""
        return [outcome for row in self.rows for outcome in row.sizes]

    def as_json(self) -> dict[str, Any]:
        """``coverage.json``."""
        return {
            "service": self.service, "onset": self.onset, "hours": self.hours, "events": self.events,
            "monitors": self.monitors, "faults": [row.as_json() for row in self.rows],
            "not_shown_by_this_log": [{"fault": h.name, "add": h.lacks} for h in self.skipped if h.lacks],
            "already_alerting": list(self.already), "gaps": gaps(self), "notes": list(self.notes),
        }  # fmt: skip


def gaps(coverage: Coverage) -> list[str]:
    """What is not covered and what to add, a sentence each."""
    found = []
    for row in coverage.rows:
        seen = [o.first is not None for o in row.sizes]
        if not any(seen):
            more = f"; {row.harm.remedy}" if row.harm.remedy else ""
            found.append(f"{row.name}: nothing notices it within {coverage.hours:g} h{more}")
        elif not all(seen[1:]):
            found.append(f"{row.name}: {_partly(seen)}")
        if row.woke is not None:
            found.append(
                f"{row.name}: the harmless twin ({row.harm.twin}) pages, by {row.woke.by}; a tolerance or "
                "urgency: ticket under monitors: would keep it quiet"
            )
    found += [
        f"{harm.name}: this log cannot show it; {harm.lacks}" for harm in coverage.skipped if harm.lacks
    ]
    return found


def _partly(seen: list[bool]) -> str:
    """Which sizes are noticed, and what would show the others."""
    if not any(seen[:-1]):
        return (
            "only the large one is noticed; a lower tolerance under monitors:, or more false_pages_per_30d, "
            "would show smaller ones"
        )
    missed = [size for size, shown in zip(SIZE_WORDS, seen, strict=True) if not shown]
    sizes = " and the ".join(missed)
    return f"a smaller one is noticed, but not the {sizes} one: do the events hold it already?"


def cover(
    runbook_path: Path,
    events: Iterable[Path | str],
    *,
    window: timedelta = timedelta(hours=24),
    only: Iterable[str] = (),
    progress: Progress = lambda what, done: None,
) -> Coverage:
    """Plays harms into the last ``window`` of ``events`` (label logs among them): those whose name or group
    holds a word of ``only``, all where it is empty.

    Harms that only labels can show are played as long before the log's end as labels take to come of age.
    Raises InputError when the log is too short or empty there, or no harm has such a name.
    """
    runbook = load(runbook_path)
    chosen = _chosen(list(only))
    log = log_of(runbook, events, lambda path, i, n: progress(f"reading {path.name}", 0.0))
    baseline = _baseline(runbook_path, runbook, log, progress)
    stretches = [_Stretch.of(runbook, baseline, log, window, aged, progress) for aged in (False, True)]
    rows, skipped = [], []
    for number, harm in enumerate(chosen):
        progress(harm.name, number / len(chosen))
        stretch = stretches[harm.aged]
        if stretch is None or not harm.fits(stretch.scene):
            skipped.append(harm)
        else:
            rows.append(stretch.played(harm))
    main = stretches[0] or stretches[1]
    if main is None:
        raise InputError(
            f"the last {window} of the log hold too few events to judge", where=Where(file=str(runbook_path)),
            todo=f"give a log with at least {LEAST_ROWS} events in its last day, or a longer --within",
        )  # fmt: skip
    return Coverage(
        runbook.service, iso(from_micros(main.scene.onset)), window / timedelta(hours=1),
        len(main.scene.copy.events), main.monitors, tuple(rows), tuple(skipped), tuple(main.already),
        runbook.labels.age.total_seconds() if runbook.labels else 0.0, _notes(runbook, stretches, window),
    )  # fmt: skip


def _chosen(only: list[str]) -> list[Harm]:
    found = [h for h in harms() if not only or any(w.lower() in f"{h.group} {h.name}".lower() for w in only)]
    if not found:
        known = ", ".join(h.name for h in harms())
        raise InputError(f"no fault is called {', '.join(only)}", todo=f"there are: {known}")
    return found


def _notes(runbook: Runbook, stretches: list[_Stretch | None], window: timedelta) -> tuple[str, ...]:
    notes = []
    if runbook.labels is not None and stretches[1] is None:
        notes.append(
            f"no faults in quality were played: the log holds too little before its labels come of age "
            f"({runbook.labels.age}) and {window} more; a longer log shows them"
        )
    return tuple(notes)


def _baseline(runbook_path: Path, runbook: Runbook, log: Log, progress: Progress) -> Baseline:
    path = runbook_path.parent / runbook.reference.baseline
    if path.exists():
        return Baseline.load(path)
    return take_baseline(runbook_path, (), log=log, progress=progress)


@dataclass
class _Stretch:
    """A window of the log into which harms are put, with the bench that judges it."""

    bench: Bench
    scene: Scene
    calm: frozenset[tuple[str, ...]]
    already: list[str]
    monitors: int

    @classmethod
    def of(
        cls, runbook: Runbook, baseline: Baseline, log: Log, window: timedelta, aged: bool, progress: Progress
    ) -> _Stretch | None:
        """The last window of the log (whose labels have come of age); None where it holds too little."""
        if aged and (runbook.labels is None or not len(log.labels)):
            return None
        age = span(runbook.labels.age) if aged and runbook.labels else 0
        until = whole_hours(micros(log.last) - age)
        onset = until - max(span(window) // (3600 * MICROS), 1) * 3600 * MICROS
        since = onset - WARM
        progress("counting the labelled window" if aged else "counting the last window", 0.0)
        table = _once(log.events(from_micros(since), from_micros(micros(log.last) + 1)))
        split = Dedup(runbook.service, runbook.dedup_horizon).split(table)
        before = Copy(_between(split.kept, since, until), _between(split.dropped, since, until), log.labels)
        copy = Copy(_between(split.kept, onset, until), _between(split.dropped, onset, until), log.labels)
        if len(copy.events) < LEAST_ROWS:
            return None
        calm = Tallied(count(baseline.plan, runbook, before, quality=aged), since, until)
        known = before.versions
        bench = Bench(runbook, baseline, calm, onset, known, quality=aged)
        before_onset = bench.warm(since)
        day_before = _between(split.kept, since, onset)
        scene = Scene(baseline.plan, runbook, copy, onset, until, day_before)
        quiet = bench.judge(calm, until, {})
        already = list(dict.fromkeys(_words(a) for a in (*before_onset, *quiet)))
        return cls(bench, scene, frozenset(same(a) for a in quiet), already, bench.monitors)

    def played(self, harm: Harm) -> Row:
        """What comes of ``harm`` in each size, and of its twin."""
        sizes = []
        for size, amount in zip(SIZES, harm.sizes, strict=True):
            alerts = self._alerts(harm, harm.change(self.scene, amount))
            sizes.append(Outcome(size, amount, self._noticed(first_of(alerts)),
                                 self._noticed(first_of(alerts, "page"))))  # fmt: skip
        quiet = self._alerts(harm, harm.calm(self.scene, 0.0))
        return Row(harm, harm.target(self.scene), tuple(sizes), self._noticed(first_of(quiet, "page")))

    def _alerts(self, harm: Harm, copy: Copy) -> list[Alert]:
        plan, runbook, scene = self.scene.plan, self.scene.runbook, self.scene
        rows = count(plan, runbook, copy, quality=harm.aged)
        counted = frozenset(lay.identity for lay in plan.layouts if harm.aged or not lay.aged)
        read = Tallied(rows, scene.onset, scene.until, self.bench.calm, counted)
        new = {v: at for v, at in copy.versions.items() if v not in self.bench.known}
        alerts = self.bench.judge(
            read, scene.until, new, lambda a: a.urgency == "page" and same(a) not in self.calm
        )
        return [a for a in alerts if same(a) not in self.calm]

    def _noticed(self, alert: Alert | None) -> Noticed | None:
        if alert is None:
            return None
        after = (micros(alert.fired_at) - self.scene.onset) / MICROS
        return Noticed(_words(alert), alert.finding.family, alert.urgency, after, alert.because)


def _words(alert: Alert) -> str:
    """The monitor, and where it looks."""
    f = alert.finding
    said = [f.monitor.replace("_", " ")]
    said += [f"of {f.feature}"] if f.feature else []
    said += [f"in {'='.join(next(iter(f.segment.items())))}"] if f.segment else []
    said += [f"in version {f.version}"] if f.version is not None else []
    return " ".join(said)


def _once(table: pa.Table) -> pa.Table:
    """The rows that came in time: late ones are never judged."""
    return table.filter(pa.array(~booleans(table, "late"))) if has(table, "late") else table


def _between(table: pa.Table, since: int, until: int) -> pa.Table:
    at: Array = times(table)
    return table.filter(pa.array(np.asarray((at >= since) & (at < until))))
