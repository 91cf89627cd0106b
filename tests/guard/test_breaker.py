"""The breaker's window, its settings, and what it does not count."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fireline.guard import Breaker, BreakerOpen
from tests.guard.conftest import Ticks


def test_failures_older_than_the_window_are_forgotten():
    now = Ticks()
    breaker = Breaker(least=4, window=10.0, now=now)
    for _ in range(3):
        breaker.bad(breaker.admit())
    now.at += 11.0
    breaker.bad(breaker.admit())
    assert breaker.state == "closed"
    assert breaker.failure_rate() == (1.0, 1)


def test_the_window_slides_bucket_by_bucket():
    now = Ticks()
    breaker = Breaker(least=1000, window=10.0, now=now)
    seen = []
    for _ in range(30):
        breaker.good(breaker.admit())
        seen.append(breaker.failure_rate()[1])
        now.at += 1.0
    assert seen[:9] == list(range(1, 10))
    assert set(seen[10:]) == {10}


@given(st.lists(st.tuples(st.floats(0.0, 3.0), st.booleans()), min_size=1, max_size=80))
def test_it_counts_what_the_window_holds_give_or_take_a_bucket(calls):
    now = Ticks()
    breaker = Breaker(rate=1.0, least=10_000, window=10.0, now=now)
    past = []
    for wait, good in calls:
        now.at += wait
        (breaker.good if good else breaker.bad)(breaker.admit())
        past.append(now.at)
        counted = breaker.failure_rate()[1]
        surely = sum(at > now.at - 8.9 for at in past)
        at_most = sum(at >= now.at - 10.1 for at in past)
        assert surely <= counted <= at_most


def test_it_wants_as_many_good_probes_as_told():
    now = Ticks()
    breaker = Breaker(least=1, cool=5.0, needed=2, now=now)
    breaker.bad(breaker.admit())
    with pytest.raises(BreakerOpen) as refused:
        breaker.admit()
    assert refused.value.retry_after == 5.0
    assert not refused.value.permanent
    now.at += 5.0
    breaker.good(breaker.admit())
    assert breaker.state == "half_open"
    breaker.good(breaker.admit())
    assert breaker.state == "closed"
    assert breaker.failure_rate() == (0.0, 0)


def test_a_failed_probe_opens_it_for_another_cooling():
    now = Ticks()
    breaker = Breaker(least=1, cool=5.0, now=now)
    breaker.bad(breaker.admit())
    now.at += 5.0
    breaker.bad(breaker.admit())
    assert (breaker.state, breaker.trips) == ("open", 2)
    now.at += 4.9
    with pytest.raises(BreakerOpen):
        breaker.admit()


def test_the_callers_own_mistakes_are_answers():
    breaker = Breaker(least=2, passes=(ValueError,))
    for _ in range(5):
        with pytest.raises(ValueError, match="invalid literal"):
            breaker.call(int, "x")
    assert breaker.failure_rate() == (0.0, 5)


def test_an_interrupt_is_nobodys_failure():
    def interrupted():
        raise KeyboardInterrupt

    breaker = Breaker(least=1)
    with pytest.raises(KeyboardInterrupt):
        breaker.call(interrupted)
    assert breaker.failure_rate() == (0.0, 0)


@pytest.mark.parametrize("wrong", [{"rate": 0.0}, {"rate": 1.5}, {"least": 0}, {"window": 0}, {"cool": -1}])
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match="a breaker wants"):
        Breaker(**wrong)


class Reference:
    """The breaker's rules without its tricks: who holds the permit, and whose results count."""

    def __init__(self) -> None:
        self.open, self.holder, self.until, self.era = False, None, 0.0, 0


@given(
    st.lists(
        st.one_of(
            st.just(("admit", 0)),
            st.tuples(st.sampled_from(["good", "bad", "left"]), st.integers(0, 5)),
            st.tuples(st.just("wait"), st.sampled_from([0.5, 2.0, 5.0])),
        ),
        max_size=60,
    )
)
def test_one_permit_at_a_time_and_only_its_holder_decides(steps):
    now = Ticks()
    breaker, model, tickets = Breaker(least=1, rate=1e-9, cool=2.0, lease=5.0, now=now), Reference(), []
    for what, which in steps:
        if what == "wait":
            now.at += which
        elif what == "admit":
            may = not model.open or now.at >= model.until
            try:
                tickets.append((breaker.admit(), model.era, len(tickets)))
            except BreakerOpen:
                assert not may
                continue
            assert may
            if model.open:
                model.holder, model.until = len(tickets) - 1, now.at + 5.0
        elif tickets:
            ticket, era, number = tickets[-1 - which % len(tickets)]
            getattr(breaker, what)(ticket)
            if model.open and model.holder == number:
                model.holder = None
                model.until = now.at + (2.0 if what == "bad" else 0.0)
                if what == "good":
                    model.open, model.era = False, model.era + 1
            elif not model.open and era == model.era and what == "bad":
                model.open, model.until, model.era = True, now.at + 2.0, model.era + 1
        assert (breaker.state == "closed") == (not model.open)


def test_a_success_of_before_the_trip_counts_for_nothing_after_the_recovery():
    now = Ticks()
    breaker = Breaker(least=1, cool=1.0, now=now)

    def trips_and_recovers_meanwhile():
        breaker.bad(breaker.admit())
        now.at += 1.0
        breaker.good(breaker.admit())

    breaker.call(trips_and_recovers_meanwhile)
    assert breaker.state == "closed"
    assert breaker.failure_rate() == (0.0, 0)


def test_a_ticket_drawn_in_the_very_moment_of_the_trip_decides_nothing():
    breaker = Breaker(least=1, now=Ticks())
    breaker.bad(breaker.admit())
    for result in (breaker.good, breaker.bad, breaker.left):
        result(breaker.generation)  # what a thread read just after the trip
        assert (breaker.state, breaker.trips) == ("open", 1)
