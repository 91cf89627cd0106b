"""The smallest effect each monitor would notice within 24 hours at the traffic the reference had."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from fireline.detect.baseline import Baseline
from fireline.detect.evalue import LAMBDAS, ODDS
from fireline.detect.judge import Court, Judge
from fireline.detect.kinds import Array, Means
from fireline.detect.report import share_in_words
from fireline.terms.counts import SERVICE

DAY = 86_400.0
NOTHING = "nothing within a day"


def noticeable(judge: Judge) -> list[dict[str, Any]]:
    """For each monitor of the whole service: its usual figure and the smallest that fires within a day.

    The expected growth of the statistic's best component over a day's ticks must reach the page level;
    effects of that size are noticed about half of the time within the day, larger ones sooner.
    """
    found = []
    for court in judge.courts:
        bank = court.bank
        if court.rival is not None or SERVICE not in bank.scopes or bank.kind.test == "silence":
            continue
        events = _events_a_day(judge.baseline, court)
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
            })  # fmt: skip
    return found


def _words(unit: str, value: float) -> str:
    if unit == "log events":
        return f"{np.expm1(value):.3g} events a tick"
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
    sd = np.sqrt(bank.inflation[channel] * (variance + bank.tau2[channel]))
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
