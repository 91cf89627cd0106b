"""Fireline's own judge over a simulated service, and what it says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from bench.detecting.service import DAY, START, Service, runbook_of
from fireline.detect.baseline import Baseline, learn
from fireline.detect.courts import Round
from fireline.detect.grouping import Desk
from fireline.detect.judge import Judge
from fireline.detect.size import sizes
from fireline.detect.track import Track
from fireline.terms.counts import Scope

GROUP = 4 * 3600
STRIDE = 6 * 3600


@dataclass
class Alarms:
    """Instants in seconds into live: pages, pages and tickets together, and how many of each family."""

    pages: list[float] = field(default_factory=list)
    tickets: list[float] = field(default_factory=list)
    families: Counter[str] = field(default_factory=Counter)


def learned(service: Service) -> Baseline:
    """The baseline of a service's reference."""
    return learn(service.plan, service.read, START, service.until, service.until, lambda _: None)


def watch(
    service: Service,
    baseline: Baseline,
    kinds: Iterable[str] | None = None,
    scope: Scope | None = None,
    onset: float | None = None,
    days: float | None = None,
) -> Alarms:
    """Judges ``days`` of live: all monitors, or those of ``kinds`` (in ``scope``) with the thresholds they
    have among all. With an ``onset`` it ends at the first page after it."""  # fmt: skip
    runbook = runbook_of(service.reference)
    judge = Judge(baseline, runbook, service.until)
    if kinds is not None:
        narrow(judge, set(kinds))
    desk = Desk(runbook, sizes(baseline, service.read))
    found = Alarms()
    end = (days or service.live) * DAY
    for seconds in np.arange(STRIDE, end + STRIDE, STRIDE):
        limit = service.until + int(min(seconds, end)) * 1_000_000
        for finding in judge.advance(service.read, limit, limit):
            if scope is not None and finding.scope_key != scope.key:
                continue
            alert = desk.hear(finding, desk.told.keys())
            if alert is None:
                continue
            at = alert.fired_at.timestamp() - service.until / 1e6
            (found.pages if alert.urgency == "page" else found.tickets).append(at)
            found.families[f"{alert.urgency} {finding.family}"] += 1
        if onset is not None and any(at >= onset for at in found.pages):
            break
        if onset is not None and any(at >= onset for at in found.tickets) and seconds > onset + 2 * DAY:
            break
    return found


def narrow(judge: Judge, kinds: set[str]) -> None:
    """Leaves a fresh judge the monitors of ``kinds`` only, at the levels they have among all."""
    for key, one in list(judge.rounds.items()):
        courts = [court for court in one.courts if court.bank.kind.name in kinds]
        if not courts:
            del judge.rounds[key]
            continue
        tick = one.track.next_tick
        tracks = [Track.start(c.bank.sizes, c.page, c.ticket, c.bank.branches, tick) for c in courts]
        for other in tracks[1:]:
            tracks[0].join(other)
        judge.rounds[key] = Round(one.quality, one.seconds, courts, tracks[0])


def grouped(alarms: Sequence[float]) -> list[float]:
    """Alarms grouped per service: one, and then nothing for four hours (at most 180 in 30 days)."""
    found: list[float] = []
    last = -np.inf
    for at in sorted(alarms):
        if at - last >= GROUP:
            found.append(at)
            last = at
    return found


def delay(alarms: Sequence[float], onset: float) -> float:
    """Seconds from ``onset`` to the first alarm after it; infinite without one."""
    return min((at - onset for at in alarms if at >= onset), default=np.inf)
