"""The smallest effect each monitor would notice within 24 hours: at today's traffic where that is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from fireline.detect.baseline import Baseline
from fireline.detect.courts import Court
from fireline.detect.evalue import LAMBDAS, ODDS
from fireline.detect.judge import Judge
from fireline.detect.kinds import Array, Means
from fireline.detect.report import share_in_words
from fireline.terms.counts import SERVICE, Scope
from fireline.terms.plan import Layout

DAY = 86_400.0
MOST_DAYS = 7
DULL = 10.0
NOTHING = "nothing within a day"
Read = Callable[[Layout, int, int, int], Mapping[Scope, Array]]


@dataclass(frozen=True)
class Recent:
    """Where counts of live traffic lie: ``read``, and the microsecond up to which they are complete."""

    read: Read
    until: int


def noticeable(judge: Judge, recent: Recent | None = None) -> list[dict[str, Any]]:
    """For each monitor of the whole service: its usual figure and the smallest that fires within a day.

    At the traffic of the last whole days (seven at most) that ``recent`` knows since the judge began, else at
    the reference's; ``at`` says which.

    The expected growth of the statistic's best component over a day's ticks must reach the page level;
    effects of that size are noticed about half of the time within the day, larger ones sooner.
    """
    found = []
    days: dict[tuple[str, int], tuple[Array, str] | None] = {}
    for court in judge.courts:
        bank = court.bank
        if court.rival is not None or SERVICE not in bank.scopes or bank.kind.test == "silence":
            continue
        events, at = _traffic(judge, court, recent, days)
        for group, (scope, monitor) in enumerate(bank.owners):
            if scope != SERVICE:
                continue
            channel = int(bank.groups[group])
            if not bank.usable[channel]:
                continue
            n = events[channel % bank.width]
            if bank.kind.test == "rate":
                usual, smallest = _rate(court, group, channel, n)
            else:
                one = _unit_variance(court, judge.baseline, channel)
                usual, smallest = _mean(court, group, channel, n, one)
            found.append({
                "monitor": bank.kind.name.replace("_", " "),
                "scope": monitor.feature or "the whole service",
                "usual": _words(bank.kind.unit, usual),
                "smallest": NOTHING if smallest is None else _words(bank.kind.unit, smallest),
                "within": "24 h",
                "at": at,
            })  # fmt: skip
    return found


def dull(judge: Judge) -> list[tuple[str, str, float]]:
    """Monitors of the whole service that a restless reference made dull: (what, what it would notice still,
    how many times the spread of chance its reference has)."""
    spread = {}
    for court in judge.courts:
        for group, (scope, monitor) in enumerate(court.bank.owners):
            start = int(court.bank.groups[group])
            channels = slice(start, start + int(court.bank.sizes[group]))
            if court.rival is None and scope == SERVICE and court.bank.kind.test != "silence":
                name = court.bank.kind.name.replace("_", " ")
                spread[name, monitor.feature] = float(court.bank.inflation[channels].max())
    found = []
    for row in noticeable(judge):
        feature = None if row["scope"] == "the whole service" else row["scope"]
        wide = spread.get((row["monitor"], feature), 0.0)
        if wide >= DULL:
            what = f"{row['monitor']} of {feature}" if feature else str(row["monitor"])
            found.append((what, f"{row['smallest']} (usually {row['usual']})", wide))
    return found


def blind(judge: Judge) -> list[str]:
    """Business figures that would notice nothing at all within a day, at the reference's traffic: few rows or
    rare sales leave nothing but chance in a day's mean."""
    return [
        f"{row['monitor']} of {row['scope']}"
        for row in noticeable(judge)
        if str(row["monitor"]).startswith("kpi") and str(row["smallest"]).startswith("nothing within a day")
    ]


def _traffic(
    judge: Judge, court: Court, recent: Recent | None, known: dict[tuple[str, int], tuple[Array, str] | None]
) -> tuple[Array, str]:
    """Events behind each channel on an average day, and which days those were; ``known`` keeps what was
    read."""
    kind = court.bank.kind
    if recent is not None:
        key = kind.layout, court.grain
        if key not in known:
            known[key] = _lately(judge, court, recent)
        lately = known[key]
        if lately is not None:
            a_day, said = lately
            return np.asarray(kind.ticks(judge.plan, a_day[None, :]).n[0], dtype=np.float64), said
    return _events_a_day(judge.baseline, court), "the reference's traffic"


def _lately(judge: Judge, court: Court, recent: Recent) -> tuple[Array, str] | None:
    """Counts [width] of an average one of the last days, and the days in words; None before there is one."""
    layout, until = court.bank.kind.laid_out(judge.plan), recent.until
    if layout.name == "quality" and judge.runbook.labels is not None:
        until -= int(judge.runbook.labels.age.total_seconds() * 1e6)
    days = min(MOST_DAYS, int((until - judge.since) / 1e6 // DAY))
    if days < 1:
        return None
    last = until // (court.grain * 1_000_000)
    counts = recent.read(layout, court.grain, last - int(days * DAY) // court.grain, last).get(SERVICE)
    if counts is None:
        return None
    said = f"the traffic of the last {days} days" if days > 1 else "the last day's traffic"
    return counts.sum(axis=0) / days, said


CHANCE = "chance "


def _words(unit: str, value: float) -> str:
    if unit == "log events":
        return f"{np.expm1(value):.3g} events a tick"
    if unit == "reference sd":
        return f"{value:.2g} sd"
    if unit == "log of the value":
        return f"{np.exp(value):.3g} in the middle"
    if unit.startswith(CHANCE):
        return f"a chance of {value:.2g} {unit.removeprefix(CHANCE)}" if value <= 1 else NOTHING
    return share_in_words(value) if unit.startswith("share") else f"{value:.3g} {unit}"


def _events_a_day(baseline: Baseline, court: Court) -> Array:
    """Events behind each channel on an average day of the reference: [channels]."""
    kind, plan = court.bank.kind, baseline.plan
    total = baseline.totals.get((kind.layout, SERVICE))
    days = max((baseline.until - baseline.since) / 1e6 / DAY, 1 / 24)
    if total is None:
        return np.zeros(court.bank.width)
    return np.asarray(kind.ticks(plan, total.sum(axis=0)[None, :]).n[0] / days, dtype=np.float64)


def _rate(court: Court, group: int, channel: int, n: float) -> tuple[float, float | None]:
    """Usual share and the smallest that n events would show: n KL(p1, p0) / phi reaches log A."""
    bank = court.bank
    usual = max(float(np.median(bank.base[:, channel])), bank.kind.floor)
    odds = usual / (1 - usual) * float(bank.tolerance[channel])
    p0, level = odds / (1 + odds), np.log(court.page[group] * len(ODDS) * bank.sizes[group])
    for step in np.geomspace(1.02, 1000, 400):
        p1 = odds * step / (1 + odds * step)
        gain = p1 * np.log(p1 / p0) + (1 - p1) * np.log((1 - p1) / (1 - p0))
        if n * gain / bank.inflation[channel] >= level:
            return usual, float(p1)
    return usual, None


def _mean(court: Court, group: int, channel: int, n: float, one: float) -> tuple[float, float | None]:
    """Usual figure and the smallest other: T (lambda z - lambda^2 / 2) reaches log A at the best lambda."""
    bank, ticks = court.bank, DAY / court.seconds
    usual = float(np.median(bank.base[:, channel]))
    if n <= 0:
        return usual, None
    variance = one * ticks / n
    sd = np.sqrt(bank.inflation[channel] * (bank.design_effect[channel] * variance + bank.tau2[channel]))
    level = np.log(court.page[group] * len(LAMBDAS) * 2 * bank.sizes[group]) / ticks
    z = min((level + lam * lam / 2) / lam for lam in LAMBDAS)
    effect = float(bank.tolerance[channel] + z * sd)
    return usual, usual + effect if bank.kind.sides != "down" else usual - effect


def _unit_variance(court: Court, baseline: Baseline, channel: int) -> float:
    """The variance one event has: about .08 a pair of classes for AUC; of labelled figures what the reference
    had, of others 1, being in reference standard deviations."""
    known = {"AUC": 0.08, "share": 0.15, "share wrong": 0.2}.get(court.bank.kind.unit)
    kind, plan = court.bank.kind, baseline.plan
    total = baseline.totals.get((kind.layout, SERVICE))
    if known is not None or total is None or kind.unit in ("reference sd", "log events"):
        return known or 1.0
    ticks = kind.ticks(plan, total.sum(axis=0)[None, :])
    if not isinstance(ticks, Means):
        return 1.0
    found = float(ticks.variance[0, channel % court.bank.width] * ticks.n[0, channel % court.bank.width])
    return found if np.isfinite(found) and found > 0 else 1.0


def monitor_families(judge: Judge) -> Mapping[str, int]:
    """How many monitors of each family are judged."""
    found: dict[str, int] = {}
    for court in judge.courts:
        for _, monitor in court.bank.owners:
            family = monitor.family or court.bank.kind.family
            found[family] = found.get(family, 0) + 1
    return dict(sorted(found.items()))
