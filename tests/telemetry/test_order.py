from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fireline.telemetry.order import arrange

MINUTES = 60 * 10**6
HOUR = 3600 * 10**6
DAY = 24 * HOUR
FIVE = timedelta(minutes=5)
START = 1_363_000_000 * 10**6


def traffic(n, days=3.0, seed=0, jitter=0.0):
    """Times of n requests in order, thin at night; ``jitter`` seconds of disorder, as several writers
    give."""
    rng = np.random.default_rng(seed)
    hours = np.sort(rng.uniform(0, days * 24, 4 * n))
    kept = hours[rng.uniform(0, 1, 4 * n) < 0.05 + np.sin(np.pi * (hours % 24) / 24) ** 2][:n]
    times = START + (kept * HOUR).astype(np.int64)
    return (
        times[np.argsort(times + rng.normal(0, jitter * 10**6, len(times)), kind="stable")]
        if jitter
        else times
    )


gaps = st.lists(st.integers(0, 20 * DAY) | st.integers(0, 10**6), min_size=0, max_size=300)


@given(gaps)
def test_a_log_in_order_has_nothing_ahead_and_nothing_late(found):
    times = START + np.cumsum(np.array(found, np.int64))
    order = arrange(times, FIVE, FIVE)
    assert order.index.tolist() == list(range(len(times)))
    assert not order.late.any()
    assert not len(order.ahead)
    assert not order.sorted
    assert (order.clock == times).all()


@given(
    st.lists(st.integers(0, 40 * DAY), max_size=200), st.sampled_from([0, 5, 60]), st.sampled_from([0, 5, 60])
)
def test_every_row_has_one_place_and_the_clock_never_falls(found, skew, lateness):
    times = START + np.array(found, np.int64)
    order = arrange(times, timedelta(minutes=skew), timedelta(minutes=lateness))
    everyone = np.concatenate([order.index, order.ahead, order.far])
    assert sorted(everyone.tolist()) == list(range(len(times)))
    assert (np.diff(order.clock) >= 0).all()
    assert len(order.clock) == len(order.late) == len(order.index)
    if order.sorted:
        assert not order.late.any()


def test_writers_that_are_seconds_apart_are_neither_late_nor_ahead():
    times = traffic(20_000, jitter=20)
    order = arrange(times, FIVE, FIVE)
    assert not order.sorted
    assert not order.late.any()
    assert not len(order.ahead)


@pytest.mark.parametrize("share", [0.0001, 0.01, 0.1, 0.25, 0.4])
@pytest.mark.parametrize("hours", [1, 3, -3, 12])
def test_hosts_with_clocks_hours_off_are_found(share, hours):
    times = traffic(20_000)
    rng = np.random.default_rng(1)
    off = rng.uniform(0, 1, len(times)) < share
    off[7_000] = True
    wrong = times + off * hours * HOUR
    order = arrange(wrong, FIVE, FIVE)
    assert not order.sorted
    found = order.ahead if hours > 0 else order.index[order.late]
    missed, blamed = set(np.flatnonzero(off)) - set(found), set(found) - set(np.flatnonzero(off))
    assert len(missed) <= 0.02 * off.sum() + 3
    assert len(blamed) <= 3
    if hours > 0:
        assert abs(np.median(order.ahead_by) - hours * HOUR) < 10 * MINUTES
    assert abs(int(order.clock[-1]) - int(times[-1])) <= 30 * MINUTES


def test_a_block_hours_ahead_is_found_and_does_not_move_the_clock():
    times = traffic(20_000)
    wrong = times.copy()
    wrong[5_000:5_300] += 3 * HOUR
    order = arrange(wrong, FIVE, FIVE)
    assert order.ahead.tolist() == list(range(5_000, 5_300))
    assert not order.late.any()
    assert (order.clock == times[order.index]).all()


def test_a_block_that_comes_hours_late_is_kept_and_marked():
    times = traffic(20_000)
    moved = np.concatenate([times[:5_000], times[5_300:9_000], times[5_000:5_300], times[9_000:]])
    order = arrange(moved, FIVE, FIVE)
    assert len(order.index) == len(times)
    assert order.index[order.late].tolist() == list(range(8_700, 9_000))


def test_one_row_a_minute_too_late_is_late_and_one_at_the_limit_is_not():
    times = START + np.arange(1_000) * MINUTES
    moved = np.concatenate([times[:500], [times[499] - 6 * MINUTES, times[499] - 5 * MINUTES], times[500:]])
    order = arrange(moved, FIVE, FIVE)
    assert order.index[order.late].tolist() == [500]


def test_rows_in_no_order_are_sorted_and_none_is_late():
    times = np.random.default_rng(3).permutation(traffic(5_000))
    order = arrange(times, FIVE, FIVE)
    assert order.sorted
    assert order.out_of_order > 0.1
    assert (np.diff(times[order.index]) >= 0).all()
    assert not len(order.ahead)


def test_newest_first_is_sorted():
    assert arrange(traffic(5_000)[::-1], FIVE, FIVE).sorted


@pytest.mark.parametrize("first", [0.2, 0.5, 0.8])
def test_one_host_after_the_other_in_one_file_is_sorted(first):
    times = traffic(6_000)
    mine = np.random.default_rng(5).uniform(0, 1, len(times)) < first
    order = arrange(np.concatenate([times[mine], times[~mine]]), FIVE, FIVE)
    assert order.sorted
    assert len(order.index) == len(times)


@pytest.mark.parametrize("minutes", [20, 60])
@pytest.mark.parametrize("share", [0.35, 0.5, 0.65])
def test_hosts_that_flush_in_turn_are_sorted_and_lose_nothing(minutes, share):
    times = traffic(6_000)
    mine = np.random.default_rng(5).uniform(0, 1, len(times)) < share
    flush = times // (minutes * MINUTES)
    order = arrange(times[np.lexsort((times, ~mine, flush))], FIVE, FIVE)
    assert not len(order.ahead)
    assert order.sorted or not order.late.any()


def test_rows_a_year_from_all_others_stand_apart():
    times = traffic(5_000)
    times = np.insert(times, 2_500, [times[0] - 300 * DAY, times[0] + 2_000 * DAY])
    order = arrange(times, FIVE, FIVE)
    assert order.far.tolist() == [2_500, 2_501]
    assert not order.late.any()


def test_a_log_of_two_seasons_keeps_both():
    times = np.concatenate([traffic(500), traffic(500) + 200 * DAY])
    assert not len(arrange(times, FIVE, FIVE).far)


def test_the_end_of_a_log_is_not_drawn_out_by_clocks_ahead():
    times = traffic(20_000)
    off = np.random.default_rng(8).uniform(0, 1, len(times)) < 0.3
    off[-10:] = True
    order = arrange(times + off * 3 * HOUR, FIVE, FIVE)
    assert int(order.clock[-1]) - int(times[-1]) < 30 * MINUTES


def test_no_rows_are_in_order():
    assert arrange(np.empty(0, np.int64), FIVE, FIVE).index.size == 0


arrivals = st.lists(st.tuples(st.integers(0, 40 * DAY), st.integers(-2 * HOUR, 3 * DAY)), max_size=200)


@given(arrivals, st.sampled_from([1, 5, 60]), st.sampled_from([1, 5, 60]))
def test_where_arrival_is_said_rows_are_met_as_a_server_would_meet_them(found, skew, lateness):
    times = START + np.array([at for at, _ in found], np.int64)
    came = times + np.array([lag for _, lag in found], np.int64)
    order = arrange(times, timedelta(minutes=skew), timedelta(minutes=lateness), came)
    assert sorted([*order.index, *order.ahead, *order.far]) == list(range(len(times)))
    assert order.clock.tolist() == came[order.index].tolist() == sorted(order.clock.tolist())
    assert (order.late == (times < came - lateness * MINUTES)[order.index]).all()
    assert (times[order.ahead] > came[order.ahead] + skew * MINUTES).all()
    assert (times[order.index] <= came[order.index] + skew * MINUTES).all()
    assert not order.sorted


def test_a_stream_that_stalled_is_late_and_not_sorted_away():
    times = np.sort(traffic(5_000))
    held = (times > START + 30 * HOUR) & (times < START + 40 * HOUR) & (np.arange(len(times)) % 4 > 0)
    came = np.where(held, START + 40 * HOUR, times)
    shuffled = np.random.default_rng(5).permutation(len(times))
    order = arrange(times[shuffled], FIVE, FIVE, came[shuffled])
    late = np.zeros(len(times), bool)
    late[shuffled[order.index]] = order.late
    assert (late == (held & (times < START + 40 * HOUR - 5 * MINUTES))).all()
