"""Service-level objectives: the error budget and how fast it burns.

Burn rates decide severity, never detection: alone they miss a 2-3x fault where the budget is 1.5x the base.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from fireline.terms import words
from fireline.terms.alert import Urgency

Total = Callable[[timedelta], tuple[float, float]]
"""Bad events and all events of the last so much time."""


@dataclass(frozen=True, slots=True)
class Slo:
    """A promise: of all events in ``window`` at least ``objective`` (a share in (0, 1)) are good."""

    name: str
    objective: float
    window: timedelta = timedelta(days=28)

    @property
    def allowed(self) -> float:
        """The share of events that may be bad."""
        return 1 - self.objective


@dataclass(frozen=True, slots=True)
class BurnRule:
    """Fires when the budget burns ``rate`` times as fast as allowed over the long and the short window
    alike."""

    rate: float
    long: timedelta
    short: timedelta
    urgency: Urgency


BURN_RULES = (
    BurnRule(14.4, timedelta(hours=1), timedelta(minutes=5), "page"),
    BurnRule(6.0, timedelta(hours=6), timedelta(minutes=30), "page"),
    BurnRule(3.0, timedelta(days=1), timedelta(hours=2), "ticket"),
    BurnRule(1.0, timedelta(days=3), timedelta(hours=6), "ticket"),
)
"""The multi-window rules of Google's SRE workbook, fastest first."""


@dataclass(frozen=True, slots=True)
class Burn:
    """The fastest rule that holds: ``rate`` is the lower of the two windows' burn rates."""

    slo: Slo
    rule: BurnRule
    rate: float
    because: str


def burn_rate(bad: float, total: float, slo: Slo) -> float:
    """How many times faster than allowed the budget burns; 1 spends it exactly in the SLO's window.

    No events burn nothing. An objective of 1 leaves no budget: any bad event burns it infinitely fast.

    >>> round(burn_rate(144, 1000, Slo("availability", 0.99)), 6)
    14.4
    """
    if total <= 0 or bad <= 0:
        return 0.0
    return bad / total / slo.allowed if slo.allowed > 0 else float("inf")


def burning(slo: Slo, totals: Total, rules: tuple[BurnRule, ...] = BURN_RULES) -> Burn | None:
    """The fastest of ``rules`` that holds for ``slo``, or None."""
    for rule in rules:
        rate = min(burn_rate(*totals(rule.long), slo), burn_rate(*totals(rule.short), slo))
        if rate >= rule.rate:
            return Burn(slo, rule, rate, _says(slo, rule, rate))
    return None


def _says(slo: Slo, rule: BurnRule, rate: float) -> str:
    if rate == float("inf"):
        return (
            f"{slo.name} allows no bad event at all, and there were some in the last "
            f"{words.length(rule.short)}."
        )
    return (
        f"{slo.name} burns its error budget {rate:.1f} times as fast as allowed over "
        f"{words.length(rule.long)} "
        f"and {words.length(rule.short)}: all of it would be gone in {words.length(slo.window / rate)}."
    )


def budget_left(bad: float, total: float, slo: Slo) -> float:
    """The share of the window's error budget that is left; negative once it is overspent.

    >>> round(budget_left(5, 1000, Slo("availability", 0.99)), 6)
    0.5
    """
    if total <= 0:
        return 1.0
    return 1 - burn_rate(bad, total, slo)
