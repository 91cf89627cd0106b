from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fireline.terms.switch import Route, Switch, amended, place_of
from tests.support.incidents import T0, after

WORDS = st.sampled_from(["A", "B", "UA", "rules"])
ROUTES = st.builds(
    lambda measure, to, rung, share, segment, ends: Route(
        measure, None if rung else to, to if rung else None, share, segment, after(ends) if ends else None
    ),
    st.sampled_from(["m1", "m2", "m3"]),
    WORDS,
    st.booleans(),
    st.floats(0, 1),
    st.none() | st.dictionaries(WORDS, WORDS, min_size=1, max_size=2),
    st.none() | st.integers(1, 100),
)


def switch(*routes: Route, version: int = 1) -> Switch:
    return amended(None, "flights", version, T0, "because", add=routes)


@given(routes=st.lists(ROUTES, max_size=4))
def test_a_switch_survives_json(routes: list[Route]) -> None:
    one = switch(*routes)
    assert Switch.of_json(json.loads(json.dumps(one.as_json()))) == one


@given(routes=st.lists(ROUTES, max_size=4), new=ROUTES, at=st.integers(0, 120))
def test_amending_is_done_once_however_often_and_can_be_taken_back(
    routes: list[Route], new: Route, at: int
) -> None:
    before = switch(*(r for r in routes if r.measure != new.measure))
    once = amended(before, "flights", 2, after(at), "x", add=(new,))
    twice = amended(once, "flights", 2, after(at), "x", add=(new,))
    assert once == twice
    back = amended(once, "flights", 3, after(at), "x", drop=new.measure)
    assert back.routes == amended(before, "flights", 3, after(at), "x").routes


def test_the_first_route_that_takes_a_call_decides() -> None:
    some = Route("m1", version="A", share=0.25, segment={"carrier": "UA"})
    rest = Route("m2", rung="rules", expires_at=after(60))
    one = switch(some, rest)
    assert one.route_for(0.2, {"carrier": "UA"}, T0) == some
    assert one.route_for(0.3, {"carrier": "UA"}, T0) == rest
    assert one.route_for(0.2, {"carrier": "DL"}, T0) == rest
    assert one.route_for(0.3, {}, after(60)) is None, "an expired route takes nothing"
    assert str(one) == "25% of carrier=UA to version A; then 100% of all calls to rung rules"


def test_a_switch_ends_with_its_last_route_and_not_before() -> None:
    assert switch(Route("m1", version="A"), Route("m2", rung="r", expires_at=after(5))).expires_at is None
    ending = switch(Route("m1", version="A", expires_at=after(9)), Route("m2", rung="r", expires_at=after(5)))
    assert ending.expires_at == after(9)
    assert ending.route_for(0.5, {}, after(9)) is None
    assert switch().expires_at is None


def test_a_route_leads_somewhere_and_to_one_place() -> None:
    with pytest.raises(ValueError, match="one of them only"):
        Route("m1")
    with pytest.raises(ValueError, match="one of them only"):
        Route("m1", version="A", rung="rules")
    with pytest.raises(ValueError, match="between 0 and 1"):
        Route("m1", version="A", share=20)


def test_calls_are_spread_evenly_and_always_the_same() -> None:
    places = [place_of(f"request-{number}") for number in range(4000)]
    assert places == [place_of(f"request-{number}") for number in range(4000)]
    assert all(0 <= place < 1 for place in places)
    assert 0.22 < sum(place < 0.25 for place in places) / 4000 < 0.28
