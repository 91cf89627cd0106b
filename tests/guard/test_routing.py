"""Where a call goes: shares hold, keys stick, the first route wins, expired ones never take."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fireline.clock import ManualClock
from fireline.guard import Guard, Rung
from fireline.guard.ladder import Ladder
from fireline.guard.plan import plan
from fireline.terms.switch import Route, Switch, place_of
from tests.guard.conftest import NOW, switch

RUNGS = [
    Rung("current", version="B", call=lambda *_: "B"),
    Rung("good", kind="last_known_good", version="A", call=lambda *_: "A"),
    Rung("small", kind="reduced", version="S", call=lambda *_: "S"),
    Rung("rules", kind="rules", call=lambda *_: "rules"),
]
AT = NOW.timestamp()
HOURS = st.none() | st.integers(-2, 2).map(lambda hours: NOW + timedelta(hours=hours))
SEGMENTS = st.fixed_dictionaries(
    {}, optional={"country": st.sampled_from("ND"), "device": st.sampled_from("pm")}
)
TARGETS = st.sampled_from([("A", None), ("B", None), ("S", None), (None, "rules"), (None, "reduced")])


@st.composite
def routes(draw):
    version, rung = draw(TARGETS)
    share = draw(st.sampled_from([0.0, 0.1, 0.5, 1.0]) | st.floats(0, 1))
    return Route("m", version, rung, share, draw(SEGMENTS) or None, draw(HOURS))


@settings(max_examples=300)
@given(
    st.lists(routes(), max_size=4), HOURS, SEGMENTS, st.lists(st.text(max_size=9), min_size=1, max_size=20)
)
def test_a_plan_goes_the_way_the_switch_says_to_the_letter(given_routes, ends, segments, keys):
    told = Switch("pricing", 1, tuple(given_routes), NOW, ends, "")
    ladder = Ladder(RUNGS)
    made = plan(ladder, told, {}, AT)
    for key in keys:
        route = told.route_for(place_of(key), segments, NOW)
        meant = ladder.to(route) if route is not None else ladder.usual()
        found = made.only or made.way(key, segments)
        assert found.rung is meant.rung
        assert made.way(key, segments).rung is meant.rung


@given(st.lists(routes(), max_size=4), st.floats(0, 4 * 3600))
def test_a_plan_holds_until_the_first_route_expires_and_not_longer(given_routes, later):
    told = Switch("pricing", 1, tuple(given_routes), NOW, None, "")
    ladder = Ladder(RUNGS)
    made = plan(ladder, told, {}, AT)
    assert made.until > AT
    if AT + later < made.until:
        again = plan(ladder, told, {}, AT + later)
        for i in range(20):
            assert again.way(f"k{i}", {"country": "N"}).rung is made.way(f"k{i}", {"country": "N"}).rung


@pytest.mark.parametrize("share", [0.05, 0.3, 0.9])
def test_shares_are_respected_in_the_large_by_switch_and_by_deployment(share):
    guard = Guard("pricing", RUNGS, url="", exercise=0.0)
    keys = [f"req-{i}" for i in range(20_000)]
    guard.obey(switch(1, Route("m", version="A", share=share)))
    by_switch = [guard.call(key=key) for key in keys]
    guard.obey(switch(2))
    guard.deploy({"A": share})
    by_deployment = [guard.call(key=key) for key in keys]
    assert by_switch == by_deployment == [guard.call(key=key) for key in keys]  # sticky
    assert abs(by_switch.count("A") / len(keys) - share) < 4 * (share * (1 - share) / len(keys)) ** 0.5


def test_who_is_sticky_by_another_key_goes_one_way_whatever_the_request():
    guard = Guard("pricing", RUNGS, url="", deploy={"A": 0.5, "B": 0.5}, exercise=0.0)
    for customer in ("ann", "bob", "eve"):
        assert len({guard.call(key=f"req-{i}", sticky=customer) for i in range(50)}) == 1


@given(st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_a_growing_share_takes_nobody_back(one, two):
    low, high = sorted((one, two))
    ladder = Ladder(RUNGS)
    small, large = (plan(ladder, None, {"A": share}, AT) for share in (low, high))
    for i in range(50):
        if (small.only or small.way(f"k{i}", None)).rung.version == "A":
            assert (large.only or large.way(f"k{i}", None)).rung.version == "A"


def test_a_switch_comes_before_the_deployment_and_a_segment_is_asked_for_whole():
    guard = Guard("pricing", RUNGS, url="", deploy={"B": 1.0}, exercise=0.0)
    guard.obey(switch(1, Route("m", version="A", segment={"country": "NL", "device": "phone"})))
    assert guard.call(key="x", segments={"country": "NL", "device": "phone"}) == "A"
    assert guard.call(key="x", segments={"country": "NL"}) == "B"
    assert guard.call(key="x") == "B"


def test_numbers_in_segments_are_compared_as_they_are_written():
    guard = Guard("pricing", RUNGS, url="", exercise=0.0)
    guard.obey(switch(1, Route("m", version="A", segment={"store": "12"})))
    assert guard.call(segments={"store": 12}) == "A"
    assert guard.call(segments={"store": None}) == "B"


def test_a_route_to_what_nobody_has_is_passed_by_and_said(caplog):
    guard = Guard("pricing", RUNGS, url="", exercise=0.0)
    guard.obey(switch(1, Route("m", version="Z"), Route("n", rung="rules", share=0.999)))
    assert [guard.call(key="a") for _ in range(3)] == ["rules"] * 3
    assert guard.status()["plan"]["lost"] == ["100% of all calls to version Z"]
    assert caplog.text.count("no rung for") == 1


def test_a_deployment_changes_while_it_runs_and_never_by_halves():
    guard = Guard("pricing", RUNGS, url="", deploy={"A": 1.0}, exercise=0.0)
    assert guard.call(key="k") == "A"
    with pytest.raises(ValueError, match="no rung has the version 'Z'"):
        guard.deploy({"Z": 1.0})
    assert guard.call(key="k") == "A"
    guard.deploy({"B": 1.0})
    assert guard.call(key="k") == "B"
    with pytest.raises(ValueError, match="not below 0"):
        guard.deploy({"B": -1.0})


def test_shares_that_add_up_to_more_than_one_are_scaled_down():
    ladder = Ladder(RUNGS)
    made = plan(ladder, None, {"A": 30.0, "B": 70.0}, AT)
    tops = [(round(top, 6), way.rung.version) for top, way in made.split]
    assert tops == [(0.3, "A"), (1.0, "B")]


def test_an_expired_route_never_takes_whichever_way_the_clock_jumps():
    clock = ManualClock(datetime(2026, 3, 1, 11, tzinfo=UTC))
    guard = Guard("pricing", RUNGS, url="", clock=clock, exercise=0.0)
    early = Route("m", version="A", share=1.0, expires_at=NOW)
    late = Route("n", rung="rules", expires_at=NOW + timedelta(hours=1))
    guard.obey(Switch("pricing", 1, (early, late), NOW, NOW + timedelta(hours=1), ""))
    said = []
    for hours in (0, 1, 0.5, 10):
        clock.advance(timedelta(hours=hours))
        said.append(guard.call())
    assert said == ["A", "rules", "rules", "B"]
