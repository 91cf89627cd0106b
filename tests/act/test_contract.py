"""What every action must hold to, whichever it is: a new file in actions/ is tested here without being
named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import fireline.actions
from fireline.act import SimulatedSwitchBoard, plan, undoing
from fireline.actions import Action, Hands, found, named
from fireline.drill.fakes import FakeDataPlane
from fireline.errors import RunbookError
from fireline.store.plain import plain
from fireline.terms.switch import StaleSwitch
from tests.support.incidents import T0, after, measure

EXAMPLES: Mapping[str, Mapping[str, Any]] = {
    "rollback": {"to": "A", "from": "B"},
    "route_share": {"version": "B", "share": 0.05, "to": "A"},
    "fallback": {"rung": "rules"},
    "restore": {"measure": "msr-0", "was": "all calls the usual way"},
    "keep": {"measure": "msr-0"},
}
BROKEN: Mapping[str, list[tuple[Mapping[str, Any], str]]] = {
    "rollback": [({}, "params.to"), ({"to": 7}, "params.to")],
    "route_share": [
        ({"version": "B", "to": "A"}, "params.share"),
        ({"version": "B", "to": "A", "share": 5}, "params.share"),
        ({"version": "B", "to": "A", "share": True}, "params.share"),
        ({"version": "B", "share": 0.1}, "params.to"),
        ({"to": "A", "share": 0.1}, "params.version"),
        ({"version": "B", "to": "A", "share": 0.1, "segment": "UA"}, "params.segment"),
    ],
    "fallback": [({}, "params.rung"), ({"rung": "rules", "segment": {"carrier": 1}}, "params.segment")],
    "restore": [({}, "params.measure")],
    "keep": [({}, "params.measure")],
}


@pytest.fixture(params=sorted(found()))
def action(request: pytest.FixtureRequest) -> Action:
    return found()[request.param]


@pytest.fixture
def params(action: Action) -> Mapping[str, Any]:
    assert action.name in EXAMPLES, f"give an example of {action.name}'s params in EXAMPLES"
    return EXAMPLES[action.name]


def test_the_listing_is_the_registry() -> None:
    folder = Path(fireline.actions.__file__).parent
    assert sorted(found()) == sorted(p.stem for p in folder.glob("*.py") if not p.stem.startswith("_"))
    with pytest.raises(RunbookError, match="there is no action 'reboot'") as refused:
        named(found(), "reboot")
    assert "rollback" in refused.value.todo


def test_it_is_named_after_its_file_and_says_what_it_is(action: Action) -> None:
    assert type(action).__module__ == f"fireline.actions.{action.name}"
    assert ">>>" in (type(action).__doc__ or ""), "its docstring carries an example that runs"


def test_good_params_pass_and_bad_ones_name_the_key(action: Action, params: Mapping[str, Any]) -> None:
    action.check(params)
    for bad, key in BROKEN[action.name]:
        with pytest.raises(RunbookError) as refused:
            action.check(bad)
        assert refused.value.where is not None
        assert refused.value.where.key == key
        assert refused.value.todo


def test_it_says_in_a_sentence_what_it_would_do_and_what_should_come_of_it(
    action: Action, params: Mapping[str, Any]
) -> None:
    for said in (action.dry_run(params), action.expected(params)):
        assert said.endswith(".")
        assert said[0].isupper()
        assert "None" not in said


def test_its_inverse_can_be_done(action: Action, params: Mapping[str, Any]) -> None:
    planned = plan(measure(action=action.name, params=params))
    if not planned.inverse:
        pytest.skip(f"nothing takes back {action.name}")
    undo = undoing(planned, "it did not help", after(60))
    named(found(), undo.action).check(undo.params)
    assert undo.service == planned.service
    assert not undo.temporary


def test_it_is_done_once_per_key(action: Action, params: Mapping[str, Any]) -> None:
    plane = FakeDataPlane()
    wanted = replace(measure(action=action.name, params=params), ordinal=1)
    first = action.perform(Hands(plane, T0), wanted, key="msr-1")
    again = action.perform(Hands(plane, after(60)), wanted, key="msr-1")
    assert plane.effects() == {"msr-1": 1}
    assert (first["already"], again["already"]) == (False, True)
    assert first["told"]
    assert plain(first) == first, "a receipt is JSON"


def test_what_comes_too_late_is_refused(action: Action, params: Mapping[str, Any]) -> None:
    plane = FakeDataPlane()
    old = replace(measure("msr-1", action=action.name, params=params), ordinal=1)
    new = replace(measure("msr-2", action="fallback", params={"rung": "rules"}), ordinal=2)
    found()["fallback"].perform(Hands(plane, T0), new, key="msr-2")
    with pytest.raises(StaleSwitch) as refused:
        action.perform(Hands(plane, T0), old, key="msr-1")
    assert refused.value.permanent
    assert plane.effects() == {"msr-2": 1}


def test_taken_back_it_leaves_everything_as_it_was(action: Action, params: Mapping[str, Any]) -> None:
    plane = FakeDataPlane()
    other = replace(measure("msr-0", action="fallback", params={"rung": "cached"}), ordinal=1)
    found()["fallback"].perform(Hands(plane, T0), other, key="msr-0")
    if not action.inverse(params, None):
        pytest.skip("what undoes something is itself not undone")
    before = plane.current("flights")
    wanted = replace(plan(measure(action=action.name, params=params), before), ordinal=2)
    action.perform(Hands(plane, after(1)), wanted, key="msr-1")
    undo = replace(undoing(wanted, "it did not help", after(2)), ordinal=3)
    named(found(), undo.action).perform(Hands(plane, after(2)), undo, key=undo.id)
    now = plane.current("flights")
    assert before is not None
    assert now is not None
    assert now.routes == before.routes


def test_simulated_it_touches_nothing_and_says_what_would_have_been(
    action: Action, params: Mapping[str, Any]
) -> None:
    wanted = replace(measure(action=action.name, params=params, simulated=True), ordinal=1)
    receipt = action.perform(Hands(SimulatedSwitchBoard(), T0), wanted, key="msr-1")
    assert str(receipt["told"]).startswith("Would have told the data plane")
