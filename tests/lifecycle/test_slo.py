"""Error budgets: how fast they burn, and which window says so."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fireline.terms.slo import BURN_RULES, Slo, budget_left, burn_rate, burning

SLO = Slo("availability", 0.999)


def steady(share: float) -> object:
    return lambda window: (share * window.total_seconds(), window.total_seconds())


CASES = [(0.02, 14.4, "page"), (0.008, 6.0, "page"), (0.004, 3.0, "ticket"), (0.0015, 1.0, "ticket")]


@pytest.mark.parametrize(("share", "rate", "urgency"), CASES)
def test_the_fastest_rule_that_holds_is_told(share: float, rate: float, urgency: str) -> None:
    found = burning(SLO, steady(share))  # type: ignore[arg-type]
    assert found is not None
    assert (found.rule.rate, found.rule.urgency) == (rate, urgency)
    assert "availability burns its error budget" in found.because


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


@given(st.floats(0, 1e6), st.floats(0, 1e6), st.floats(0.5, 0.9999))
def test_more_bad_events_burn_faster_and_leave_less(bad: float, more: float, objective: float) -> None:
    slo = Slo("x", objective)
    total = bad + more + 1
    assert burn_rate(bad, total, slo) <= burn_rate(bad + more, total, slo)
    assert budget_left(bad + more, total, slo) <= budget_left(bad, total, slo) <= 1
