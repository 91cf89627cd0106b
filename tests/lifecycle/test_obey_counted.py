"""Does live traffic obey a measure, where all that comes is counts: the newest whole minutes say it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fireline.clock import MICROS, from_micros, micros
from fireline.terms.counts import MINUTE, QUARTER, SERVICE, Scope, Series
from fireline.terms.measure import Measure
from fireline.terms.plan import RATE_GRAINS, Layout, Plan
from fireline.verify.counted import counted_obedience
from fireline.verify.obey import ENOUGH, Obedience, judge_obedience
from tests.lifecycle.make import T0, at
from tests.lifecycle.test_obey import journal, measure

WITHIN = timedelta(hours=1)
NONE = Layout("none", (), {})
RATES = Layout("rates", (Series("rates", "conditions", MINUTE, ("n", "error", "fallback")),), RATE_GRAINS)
PLAN = Plan("flights", "UTC", "binary", RATES, NONE, NONE, NONE, {}, {"carrier": ("UA", "DL")})


def counts_of(cells: Mapping[tuple[Scope, int], tuple[int, int]]) -> Any:
    """A reader of (scope, minute or quarter after T0) -> (calls, of them answered by a lower rung)."""

    def read(layout: Layout, grain: int, first: int, stop: int) -> dict[Scope, np.ndarray]:
        found: dict[Scope, np.ndarray] = {}
        for (scope, tick), (n, lower) in cells.items():
            place = micros(T0) // (grain * MICROS) + tick - first
            if layout.grains[scope.kind] == grain and 0 <= place < stop - first:
                table = found.setdefault(scope, np.zeros((stop - first, 3), np.int64))
                table[place] += (n, 0, lower)
        return found

    return read


def calls(*minutes: Mapping[str, int], lower: int = 0) -> dict[tuple[Scope, int], tuple[int, int]]:
    """Minute by minute after T0 how many calls each version answered ("" names none)."""
    found: dict[tuple[Scope, int], tuple[int, int]] = {}
    for tick, versions in enumerate(minutes):
        found[SERVICE, tick] = (sum(versions.values()), lower)
        for name, n in versions.items():
            if name:
                found[Scope("version", "", name), tick] = (n, lower)
    return found


def seen(
    cells: Mapping[tuple[Scope, int], tuple[int, int]], one: Measure, through: float,
    now: float | None = None, **more: Any,
) -> Obedience:  # fmt: skip
    """What counts up to ``through`` minutes after T0 show ``now`` minutes after it."""
    moment: datetime = T0 + timedelta(minutes=through if now is None else now)
    upto = T0 + timedelta(minutes=through)
    given_: dict[str, Any] = {"through": upto, "within": WITHIN, "rungs": True, **more}
    return counted_obedience(PLAN, counts_of(cells), one, moment, **given_)


def test_a_rollback_is_obeyed_once_whole_minutes_hold_enough_calls_and_no_other() -> None:
    cells = calls({"B": 9}, {"B": 1, "A": 8}, {"A": 3}, {"A": 2})
    assert not seen(cells, measure(), 2).obeys
    assert not seen(cells, measure(), 3).obeys, "three calls are not enough"
    found = seen(cells, measure(), 4)
    assert found.obeys
    assert (found.obeying, found.disobeying) == (ENOUGH, 10)


@pytest.mark.parametrize("wrong", [{"B": 1}, {"C": 1}, {"": 1}], ids=str)
def test_one_call_answered_otherwise_in_the_newest_minute_is_disobedience(wrong: dict[str, int]) -> None:
    assert not seen(calls({"A": 99}, {"A": 99, **wrong}), measure(), 2).obeys
    assert seen(calls({"A": 99, **wrong}, {"A": 99}), measure(), 2).obeys


def test_the_minute_in_which_it_was_applied_says_nothing() -> None:
    late = Measure(
        **{**{f: getattr(measure(), f) for f in measure().__slots__}, "applied_at": at(seconds=20)}
    )
    assert not seen(calls({"A": 99}), late, 1).obeys
    assert seen(calls({"A": 99}, {"A": 99}), late, 2).obeys


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 2)), max_size=12))
def test_it_is_obeyed_exactly_when_the_last_minutes_without_other_calls_hold_enough(
    minutes: list[tuple[int, int]],
) -> None:
    cells = calls(*[{"A": good, "B": bad} for good, bad in minutes])
    run = 0
    for good, bad in reversed(minutes):
        if bad:
            break
        run += good
    found = seen(cells, measure(), len(minutes))
    assert found.obeys == (run >= ENOUGH)
    assert found.disobeying == sum(bad for _, bad in minutes)


def test_a_share_is_kept_within_what_chance_allows() -> None:
    step = measure("route_share", version="B", to="A", share=0.1)
    assert seen(calls({"A": 90, "B": 10}), step, 1).obeys
    assert not seen(calls({"A": 50, "B": 50}), step, 1).obeys
    assert not seen(calls({"A": 90, "C": 1}), step, 1).obeys


def test_a_fallback_is_told_from_calls_that_a_lower_rung_answered() -> None:
    step = measure("fallback", rung="rules")
    found = seen(calls({"A": 9}, lower=9), step, 1)
    assert found.obeys
    assert "lower rung" in found.how
    assert not seen(calls({"A": 9}, lower=8), step, 1).obeys
    assert seen(calls({"A": 9}, lower=9), step, 1, rungs=False).cannot
    before = {(SERVICE, -tick): (9, 9) for tick in range(1, 30)}
    assert "already" in seen({**before, **calls({"A": 9}, lower=9)}, step, 1).cannot


def test_a_fallback_for_a_segment_is_read_off_its_quarters() -> None:
    united = Scope("segment", "carrier", "UA")
    step = measure("fallback", rung="rules", segment={"carrier": "UA"})
    assert QUARTER == 900
    cells = {(united, 0): (9, 9), **calls(*[{"A": 50}] * 15)}
    assert not seen(cells, step, 14).obeys, "the quarter is not over"
    assert seen(cells, step, 15).obeys


@pytest.mark.parametrize(
    ("action", "segment", "says"),
    [
        ("route_share", {"carrier": "UA"}, "inside carrier=UA"),
        ("fallback", {"carrier": "UA", "origin": "JFK"}, "together"),
        ("fallback", {"carrier": "XX"}, "not counted"),
    ],
)
def test_what_counts_cannot_show_is_said_at_once_and_never_taken_for_obedience(
    action: str, segment: dict[str, str], says: str
) -> None:
    one = measure(action, rung="rules", to="A", version="B", segment=segment)
    found = seen(calls({"A": 99}, lower=99), one, 1, rows="ml.events")
    assert not found.obeys
    (note,) = judge_obedience(journal().now, one, found, at(minutes=1))
    assert says in note.because
    assert "look at ml.events" in note.because


def test_notes_reckon_with_how_far_was_counted_and_not_with_the_clock() -> None:
    """Counts that come an hour late are no silence, and no disobedience."""
    early = seen(calls({"B": 9}, {"B": 9}), measure(), 2, now=55)
    assert judge_obedience(journal().now, measure(), early, at(minutes=55)) == []
    bad = seen(calls(*[{"B": 9}] * 6), measure(), 6, now=55)
    (note,) = judge_obedience(journal().now, measure(), bad, at(minutes=55))
    assert "version B (54)" in note.because
    nothing = seen({}, measure(), 0, now=59)
    assert judge_obedience(journal().now, measure(), nothing, at(minutes=59)) == []
    stopped = seen({}, measure(), 0, now=61)
    (note,) = judge_obedience(journal().now, measure(), stopped, at(minutes=61))
    assert "no counts of calls since have come" in note.because


def test_it_is_confirmed_with_how_far_was_counted() -> None:
    (said,) = judge_obedience(journal().now, measure(), seen(calls({"A": 7}), measure(), 1), at(minutes=9))
    assert "as counted up to" in said.because
    assert from_micros(micros(T0) + 60 * MICROS).strftime("%H:%M") in said.because


def test_guards_that_obey_an_older_switch_hold_it_back_and_keep_needs_no_call() -> None:
    assert not seen(calls({"A": 9}), measure(), 1, behind=("gate-2",)).obeys
    assert seen({}, measure("keep"), 1).obeys
