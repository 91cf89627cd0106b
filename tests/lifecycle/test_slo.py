"""Error budgets: how fast they burn, and which window says so."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fireline.terms.slo import BURN_RULES, Slo, budget_left, burn_rate, burning, paces, verdict

SLO = Slo("availability", 0.999)


def steady(share: float) -> object:
    return lambda window: (share * window.total_seconds(), window.total_seconds())


CASES = [(0.02, 14.4, "page"), (0.008, 6.0, "page"), (0.004, 3.0, "ticket"), (0.0015, 1.0, "ticket")]


@pytest.mark.parametrize(("share", "rate", "urgency"), CASES)
def test_the_fastest_rule_that_holds_is_told(share: float, rate: float, urgency: str) -> None:
    found = burning(SLO, steady(share))  # type: ignore[arg-type]
    assert found is not None
    assert (found.rule.rate, found.rule.urgency) == (rate, urgency)
    assert found.because.startswith("The error budget of availability burns ")


def test_a_budget_that_lasts_burns_nothing() -> None:
    assert burning(SLO, steady(0.0009)) is None  # type: ignore[arg-type]
    assert burning(SLO, lambda window: (0, 0)) is None


def test_a_spike_that_is_over_is_no_page() -> None:
    """The short window has to agree."""
    shorts = {rule.short for rule in BURN_RULES}
    assert burning(SLO, lambda window: (0.0, 300.0) if window in shorts else (180.0, 3600.0)) is None


def test_an_objective_of_one_allows_nothing() -> None:
    found = burning(Slo("never wrong", 1.0), steady(0.001))  # type: ignore[arg-type]
    assert found is not None
    assert "allows no bad event at all" in found.because


def test_one_bad_hour_of_a_figure_is_no_trend() -> None:
    """A rule wants three time slices at least in its long window."""
    hourly = Slo("ranks", 0.95, slice=timedelta(hours=1))

    def last_hour_bad(window: timedelta) -> tuple[float, float]:
        return 1.0, max(window / timedelta(hours=1), 1.0)

    assert burning(hourly, lambda window: (1.0, 1.0) if window <= timedelta(hours=1) else (0.0, 99.0)) is None
    assert [pace.asks for pace in paces(hourly, last_hour_bad)] == [False, True, True, True]
    found = burning(
        hourly,
        lambda window: (min(2.0, max(window / timedelta(hours=1), 1)), max(window / timedelta(hours=1), 1)),
    )
    assert found is not None
    assert found.rule.rate == 6.0
    assert [pace.asks for pace in paces(Slo("ranks", 0.9, slice=timedelta(days=1)), last_hour_bad)][-1]


@pytest.mark.parametrize(
    ("bad", "total", "says"),
    [(0, 0, "unmeasured"), (0, 1000, "kept"), (0.5, 1000, "kept"), (2, 1000, "ticket"), (9, 1000, "page")],
)
def test_the_verdict_is_the_gravest_that_holds(bad: float, total: float, says: str) -> None:
    def totals(window: timedelta) -> tuple[float, float]:
        return bad, total

    assert verdict(total, 0.5, paces(SLO, totals)) == says
    assert verdict(total, -0.1, paces(SLO, totals)) == ("broken" if total else "unmeasured")


@given(st.floats(0, 1e6), st.floats(0, 1e6), st.floats(0.5, 0.9999))
def test_more_bad_events_burn_faster_and_leave_less(bad: float, more: float, objective: float) -> None:
    slo = Slo("x", objective)
    total = bad + more + 1
    assert burn_rate(bad, total, slo) <= burn_rate(bad + more, total, slo)
    assert budget_left(bad + more, total, slo) <= budget_left(bad, total, slo) <= 1
