"""Service-level objectives: the error budget and how fast it burns.

Burn rates decide severity, never detection: alone they miss a 2-3x fault where the budget is 1.5x the base.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from fireline.terms import words
from fireline.terms.alert import Urgency

Total = Callable[[timedelta], tuple[float, float]]
"""Bad events (or time slices) and all of them in the last so much time."""
Verdict = Literal["kept", "ticket", "page", "broken", "unmeasured"]


@dataclass(frozen=True, slots=True)
class Slo:
    """A promise: of all events in ``window`` at least ``objective`` (a share in (0, 1]) are good; of all time
    slices of that length where ``slice`` is one."""

    name: str
    objective: float
    window: timedelta = timedelta(days=28)
    slice: timedelta | None = None

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

    @property
    def name(self) -> str:
        """The two windows: ``1 h / 5 min``."""
        return f"{words.length(self.long)} / {words.length(self.short)}"


BURN_RULES = (
    BurnRule(14.4, timedelta(hours=1), timedelta(minutes=5), "page"),
    BurnRule(6.0, timedelta(hours=6), timedelta(minutes=30), "page"),
    BurnRule(3.0, timedelta(days=1), timedelta(hours=2), "ticket"),
    BurnRule(1.0, timedelta(days=3), timedelta(hours=6), "ticket"),
)
"""The multi-window rules of Google's SRE workbook, fastest first."""
FEWEST_SLICES = 3
"""A rule asks nothing of an objective of whose time slices its long window holds fewer: one bad hour is no
trend."""


@dataclass(frozen=True, slots=True)
class Burn:
    """The fastest rule that holds: ``rate`` is the lower of the two windows' burn rates."""

    slo: Slo
    rule: BurnRule
    rate: float
    because: str


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast the budget burns over both windows of ``rule``. It does not hold where ``asks`` is false: the
    windows hold too few time slices."""

    rule: BurnRule
    long: float
    short: float
    asks: bool = True

    @property
    def rate(self) -> float:
        """The lower of the two: what counts."""
        return min(self.long, self.short)

    @property
    def holds(self) -> bool:
        """Whether the rule fires."""
        return self.asks and self.rate >= self.rule.rate


def burn_rate(bad: float, total: float, slo: Slo) -> float:
    """How many times faster than allowed the budget burns; 1 spends it exactly in the SLO's window.

    No events burn nothing. An objective of 1 leaves no budget: any bad event burns it infinitely fast.

    >>> round(burn_rate(144, 1000, Slo("availability", 0.99)), 6)
    14.4
    """
    if total <= 0 or bad <= 0:
        return 0.0
    return bad / total / slo.allowed if slo.allowed > 0 else float("inf")


def asks(rule: BurnRule, slo: Slo) -> bool:
    """Whether ``rule`` has enough time slices of ``slo`` to go by; events are always enough."""
    return slo.slice is None or rule.long >= FEWEST_SLICES * slo.slice


def paces(slo: Slo, totals: Total, rules: tuple[BurnRule, ...] = BURN_RULES) -> tuple[Pace, ...]:
    """How fast the budget burns, by each of ``rules``."""
    return tuple(
        Pace(
            rule,
            burn_rate(*totals(rule.long), slo),
            burn_rate(*totals(rule.short), slo),
            asks(rule, slo),
        )
        for rule in rules
    )


def burning(slo: Slo, totals: Total, rules: tuple[BurnRule, ...] = BURN_RULES) -> Burn | None:
    """The fastest of ``rules`` that holds for ``slo``, or None."""
    for pace in paces(slo, totals, rules):
        if pace.holds:
            return Burn(slo, pace.rule, pace.rate, _says(slo, pace.rule, pace.rate))
    return None


def _says(slo: Slo, rule: BurnRule, rate: float) -> str:
    if rate == float("inf"):
        bad = "event" if slo.slice is None else "time slice"
        return (
            f"The objective {slo.name} allows no bad {bad} at all, and there was one in the last "
            f"{words.length(rule.short)}."
        )
    return (
        f"The error budget of {slo.name} burns {rate:.1f} times as fast as allowed over "
        f"{words.length(rule.long)} and {words.length(rule.short)}: all of it would be gone in "
        f"{words.length(slo.window / rate)}."
    )


def budget_left(bad: float, total: float, slo: Slo) -> float:
    """The share of the window's error budget that is left; negative once it is overspent, minus infinity
    where there is none and something was bad.

    >>> round(budget_left(5, 1000, Slo("availability", 0.99)), 6)
    0.5
    """
    if total <= 0:
        return 1.0
    return 1 - burn_rate(bad, total, slo)


def verdict(total: float, left: float, told: tuple[Pace, ...]) -> Verdict:
    """How an objective stands: unmeasured without any event, broken (more than the budget is gone), burning
    as fast as pages or tickets ask, or kept."""
    if total <= 0:
        return "unmeasured"
    if left < 0:
        return "broken"
    return next((pace.rule.urgency for pace in told if pace.holds), "kept")
