"""A track's answer does not depend on how ticks came: one by one, in blocks, with restarts between them."""

from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fireline.detect.bank import Reading
from fireline.detect.evalue import run
from fireline.detect.judge import SAVED
from fireline.detect.track import Crossing, Track

BRANCHES = 4


def readings(seed: int, ticks: int, sizes: list[int]) -> list[Reading]:
    """A calm log with stretches of trouble and gaps without data, one reading a monitor kind."""
    rng = np.random.default_rng(seed)
    found = []
    for channels in sizes:
        shape = (ticks, channels)
        trouble = np.repeat(rng.random((ticks // 10 + 1, channels)) < 0.3, 10, axis=0)[:ticks]
        logs = rng.normal(np.where(trouble, 0.8, -0.3)[..., None], 0.5, (*shape, BRANCHES))
        seen = np.where(rng.random(shape) < 0.05, np.nan, rng.normal(5, 1, shape))
        found.append(
            Reading(
                logs,
                rng.random(shape) < 0.85,
                seen,
                np.full(shape, 5.0),
                rng.integers(0, 50, shape) * 1.0,
                seen,
            )
        )
    return found


def part(given_: list[Reading], low: int, high: int) -> list[Reading]:
    return [Reading(*(array[low:high] for array in astuple(one))) for one in given_]


def start(sizes: list[int], first: int = 1000) -> Track:
    count = len(sizes)
    return Track.start(
        np.array(sizes), np.full(count, 300.0), np.linspace(40.0, 90.0, count), BRANCHES, first
    )


def judge(
    given_: list[Reading], sizes: list[int], cuts: list[int], restarts: bool
) -> tuple[list[Crossing], Track]:
    track, found = start(sizes), []
    for low, high in zip([0, *cuts], [*cuts, len(given_[0].valid)], strict=True):
        if restarts:
            again = start(sizes)
            again.next_tick = track.next_tick
            for name in SAVED:
                setattr(again, name, getattr(track, name).copy())
            track = again
        if high > low:
            found += list(track.add(part(given_, low, high)))
    return found, track


def plain(crossing: Crossing) -> tuple:
    return tuple(value.tobytes() if isinstance(value, np.ndarray) else value for value in astuple(crossing))


def state(track: Track) -> tuple:
    return (track.next_tick, *(getattr(track, name).tobytes() for name in SAVED))


@given(
    st.integers(0, 2**32 - 1),
    st.lists(st.integers(1, 3), min_size=1, max_size=4),
    st.integers(1, 120),
    st.lists(st.integers(0, 120), max_size=8),
    st.booleans(),
)
def test_blocks_and_restarts_change_nothing(seed, sizes, ticks, cuts, restarts):
    log = readings(seed, ticks, sizes)
    whole, end = judge(log, sizes, [], False)
    one_by_one, end_of_ticks = judge(log, sizes, list(range(1, ticks)), False)
    cut, end_of_blocks = judge(log, sizes, sorted(min(c, ticks) for c in cuts), restarts)
    assert [plain(c) for c in one_by_one] == [plain(c) for c in whole] == [plain(c) for c in cut]
    assert state(end_of_ticks) == state(end) == state(end_of_blocks)


def test_there_is_something_to_compare():
    log = readings(1, 120, [1, 3])
    levels = {c.level for c in judge(log, [1, 3], [], False)[0]}
    assert levels == {"ticket", "page"}


def steady(ticks: int, log_factor: float, valid: bool = True) -> list[Reading]:
    """One channel that says the same each tick."""
    shape = (ticks, 1)
    ones = np.ones(shape)
    return [
        Reading(
            np.full((*shape, BRANCHES), log_factor), np.full(shape, valid), 3 * ones, 2 * ones, ones, ones
        )
    ]


def test_the_statistic_is_the_one_of_the_formula():
    log = readings(3, 60, [2, 1])
    track = Track.start(np.array([2, 1]), np.full(2, np.inf), np.full(2, np.inf), BRANCHES, 0)
    assert list(track.add(log)) == []
    logs = np.concatenate([r.log_factors for r in log], axis=1)
    valid = np.concatenate([r.valid for r in log], axis=1)
    r = np.zeros((3, BRANCHES))
    run(logs, valid, r, np.array([0, 2]), np.array([2, 1]))
    assert track.r == pytest.approx(r, rel=1e-12)


def test_a_monitor_without_data_keeps_its_evidence():
    track = start([1])
    list(track.add(steady(5, 0.5)))
    before = track.r.copy()
    assert list(track.add(steady(50, 0.5, valid=False))) == []
    assert (track.r == before).all()
    assert track.next_tick == 1055


def test_a_page_starts_the_evidence_afresh():
    track = start([1])
    crossings = list(track.add(steady(60, 0.5)))
    pages = [c for c in crossings if c.level == "page"]
    assert len(pages) >= 2
    gaps = np.diff([c.tick for c in pages])
    assert (gaps == gaps[0]).all()
    assert gaps[0] == pages[0].tick - 1000 + 1
    assert all(c.statistic >= 300 for c in pages)


def test_a_ticket_is_told_once_until_the_monitor_was_quiet():
    track = start([1])
    track.page[:] = np.inf
    told = list(track.add(steady(30, 0.3)))
    assert [c.level for c in told] == ["ticket"]
    assert list(track.add(steady(30, 0.3))) == []
    assert list(track.add(steady(60, -1.0))) == []
    assert [c.level for c in track.add(steady(30, 0.3))] == ["ticket"]


def test_evidence_that_only_dips_tells_no_second_ticket():
    track = start([1])
    track.page[:] = np.inf
    assert len(list(track.add(steady(14, 0.3)))) == 1
    assert list(track.add(steady(8, -0.4))) == []
    assert track.w.min() > 0
    assert track.r.mean() < track.ticket[0]
    assert list(track.add(steady(30, 0.3))) == []


def test_what_was_seen_is_the_mean_since_the_evidence_began():
    quiet, loud = steady(40, -0.5), steady(40, 0.5)
    quiet[0].seen[:] = 2.0
    loud[0].weight[:] = np.arange(40)[:, None] + 1.0
    loud[0].seen[:] = 10.0 + np.arange(40)[:, None]
    track = start([1])
    assert list(track.add(quiet)) == []
    crossing = next(iter(track.add(loud)))
    assert crossing.since == 1040
    weights = np.arange(crossing.tick - 1040 + 1) + 1.0
    assert crossing.weight == pytest.approx([weights.sum()])
    assert crossing.seen == pytest.approx([(weights * (9.0 + weights)).sum() / weights.sum()])
    assert crossing.usual == pytest.approx([2.0])


def test_evidence_is_dated_by_the_branch_that_leads():
    """A faint branch may have been warm for long; the fault began when the one that tells of it did."""
    faint, strong = np.full((20, 1, BRANCHES), -1.0), np.full((20, 1, BRANCHES), -1.0)
    faint[..., 0], strong[..., 0], strong[..., 2] = 0.01, 0.05, 0.9
    logs = np.concatenate([faint, strong])
    ones = np.ones((40, 1))
    crossing = next(iter(start([1]).add([Reading(logs, ones > 0, ones, ones, ones, ones)])))
    assert crossing.since == 1020


def test_the_channel_that_carries_the_evidence_is_told():
    log = steady(60, 0.5)[0]
    calm = steady(60, -0.5)[0]
    both = [
        Reading(*(np.concatenate(pair, axis=1) for pair in zip(astuple(calm), astuple(log), strict=True)))
    ]
    crossing = next(iter(start([2]).add(both)))
    assert crossing.shares.argmax() == 1
    assert crossing.shares.sum() == pytest.approx(1)


@given(st.integers(0, 2**32 - 1))
def test_monitors_that_join_later_leave_the_others_as_they_are(seed):
    log, more = readings(seed, 80, [2, 1]), readings(seed + 1, 80, [1])
    alone, end = judge(log, [2, 1], [], False)
    track = start([2, 1])
    found = list(track.add(part(log, 0, 30)))
    track.join(start([1], first=0))
    assert (track.since[-1] == 1030).all()
    found += list(track.add(part([*log, *more], 30, 80)))
    assert [plain(c) for c in found if c.group < 2] == [plain(c) for c in alone]
    for name in ("r", "w", "since"):
        assert (getattr(track, name)[:3] == getattr(end, name)).all()
