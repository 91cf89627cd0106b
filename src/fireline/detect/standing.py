"""How the error budgets of a service stand, out of stored counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np

from fireline.clock import from_micros
from fireline.detect.account import Account, Counts, Reading, by_days
from fireline.detect.promise import reading
from fireline.runbook.schema import Runbook, Slo
from fireline.runbook.wording import slices
from fireline.runbook.wording import slo as in_words
from fireline.terms.budget import MOST, BurnView, ErrorBudget
from fireline.terms.plan import Layout, Plan
from fireline.terms.slo import BURN_RULES, Pace, budget_left, paces, verdict
from fireline.terms.slo import Slo as Promise
from fireline.terms.words import length

POINTS = 96
MICRO = timedelta(microseconds=1)


def error_budgets(
    plan: Plan,
    runbook: Runbook,
    counts: Counts,
    now: int,
    begins: Callable[[Layout], int],
    kept: dict[str, dict[int, Account]] | None = None,
) -> tuple[ErrorBudget, ...]:
    """Each objective's budget as known at ``now`` (microseconds); ``begins`` says when a layout was first
    counted. ``counts`` reads ticks of every length, so that what was rolled up counts too. ``kept`` holds
    what earlier looks read of days that are over, by the objective's name."""
    known = {} if kept is None else kept
    return tuple(
        _stands(plan, runbook, slo, counts, now, begins, known.setdefault(slo.name, {}))
        for slo in runbook.slos
    )


def _stands(
    plan: Plan,
    runbook: Runbook,
    slo: Slo,
    counts: Counts,
    now: int,
    begins: Callable[[Layout], int],
    kept: dict[int, Account],
) -> ErrorBudget:
    counted = "events" if slo.sliced is None else slices(slo.sliced)
    told = ErrorBudget(slo.name, in_words(slo), slo.objective, length(slo.window), counted, "unmeasured")
    found = reading(plan, slo)
    if not isinstance(found, Reading):
        return replace(told, why=found.why, todo=found.todo)
    until = found.until(runbook, now)
    longest = max(slo.window, *(rule.long for rule in BURN_RULES))
    first = begins(found.layout) if found.recent else 0
    whole = by_days(found, counts, until, longest, first, kept)
    promise = slo.promise
    bad, total = whole.total(slo.window)
    left, pace = budget_left(bad, total, promise), paces(promise, whole.total)
    return replace(
        told, verdict=verdict(total, left, pace), left=_told(left), bad=bad, total=total,
        burns=tuple(_burn(one) for one in pace), curve=_curve(whole, promise), until=from_micros(until),
    )  # fmt: skip


def _burn(pace: Pace) -> BurnView:
    rule = pace.rule
    return BurnView(
        rule.name, _told(pace.long), _told(pace.short), rule.rate, rule.urgency, pace.asks, pace.holds
    )


def _told(value: float) -> float:
    return float(np.clip(value, -MOST, MOST))


def _curve(whole: Account, promise: Promise) -> tuple[tuple[datetime, float], ...]:
    """How the budget of the window was spent: (instant, share left), at most ``POINTS`` and its beginning."""
    since = whole.until - promise.window // MICRO
    inside = whole.start >= since
    start, bad, total = whole.start[inside], whole.bad[inside], float(whole.all[inside].sum())
    if not total:
        return ()
    edges = np.linspace(since, whole.until, POINTS + 1).astype(np.int64)[1:]
    spent = np.r_[0.0, np.cumsum(bad)][np.searchsorted(start, edges, side="left")]
    return (
        (from_micros(since), 1.0),
        *(
            (from_micros(int(at)), _told(budget_left(float(gone), total, promise)))
            for at, gone in zip(edges, spent, strict=True)
        ),
    )
