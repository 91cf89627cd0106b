"""Many judges side by side: each finds, and remembers, exactly what it would by itself."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from unittest.mock import patch

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from fireline.detect.baseline import Baseline
from fireline.detect.fleet import Asked, Fleet
from fireline.detect.judge import Judge
from fireline.detect.keeping import part_name, parts_of, restore, saved, standing
from fireline.detect.registry import kind_named, kinds
from fireline.detect.terms import terms_of
from fireline.terms.alert import Finding
from fireline.terms.counts import SERVICE, Scope
from fireline.terms.plan import Plan
from tests.support import town as towns
from tests.support.town import Tables, Town

MINUTE = 60 * 1_000_000
OF = {"calm": {}, "five pages": {"false_pages_per_30d": 5.0}, "a threshold": {
    "monitors": ({"monitor": "error_rate", "threshold": 0.001, "because": "agreed"},)}}  # fmt: skip


def usual(name: str) -> tuple[Town, Baseline]:
    return towns.calm_numbers() if name == "numbers" else towns.calm()


@cache
def city(name: str) -> Town:
    """Counts with something to find: errors, drift, silence; and another plan, of numbers."""
    town, _ = usual(name)
    cells = town.plan.rates.series[0].cells
    span = town.plan.shapes.span("feature:x")

    def edit(tables: Tables) -> None:
        for scope, counts in tables["rates", 60].items():
            if name == "burning" and scope.kind != "segment":
                counts[29 * 1440 :, cells.index("error")] += counts[29 * 1440 :, cells.index("n")] // 4
            if name == "silent":
                counts[29 * 1440 + 300 : 29 * 1440 + 420] = 0
        for scope, counts in tables["shapes", 900].items():
            if name == "drifting" and scope.kind in ("service", "segment"):
                block = counts[29 * 96 :, span.start : span.stop - 3]
                moved = block[:, :-4] * 3 // 4
                block[:, :-4] -= moved
                block[:, 4:] += moved

    return town.edited(edit)


CITIES = ("calm", "burning", "silent", "drifting", "numbers")


@dataclass
class Service:
    """One service, judged twice: in the fleet and alone."""

    name: str
    city: str
    rules: str
    since: int
    together: Judge = field(init=False)
    alone: Judge = field(init=False)
    town: Town = field(init=False)
    baseline: Baseline = field(init=False)

    def __post_init__(self) -> None:
        self.town, self.baseline = city(self.city), usual(self.city)[1]
        self.together, self.alone = self.fresh(), self.fresh()

    def fresh(self) -> Judge:
        return Judge(self.baseline, towns.runbook(**OF[self.rules]), self.since)

    def advance_alone(self, until: int, age: int) -> list[Finding]:
        return self.alone.advance(self.town.read, until, until - age)


def sweep_of(services: list[Service]):
    def sweep(grain: int, first: int, stop: int) -> Mapping[str, Mapping[tuple[str, str], np.ndarray]]:
        found: dict[str, dict[tuple[str, str], np.ndarray]] = {}
        for one in services:
            of = found[one.name] = {}
            for layout in one.town.plan.layouts:
                for scope, counts in one.town.read(layout, grain, first, stop).items():
                    if counts.any():
                        of[layout.identity, scope.key] = counts.sum(axis=0)
        return found

    return sweep


def arrays(judge: Judge) -> dict[str, np.ndarray]:
    with np.load(io.BytesIO(judge.save())) as archive:
        return {name: archive[name] for name in archive.files}


def same(one: Judge, other: Judge) -> None:
    a, b = arrays(one), arrays(other)
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_allclose(a[name], b[name], rtol=1e-12, atol=1e-12, err_msg=name)


def restarted(one: Service) -> Judge:
    """Another process takes up what this one kept."""
    parts, judge = saved(one.together, {}), one.fresh()
    assert restore(judge, parts.head, parts.bodies)
    assert judge.save() == one.together.save(), "to the last bit"
    return judge


@st.composite
def plays(draw):
    count = draw(st.integers(1, 5))
    services = [
        (draw(st.sampled_from(CITIES)), draw(st.sampled_from(list(OF))), draw(st.integers(0, 40)))
        for _ in range(count)
    ]
    steps = draw(st.lists(st.tuples(
        st.integers(1, 40),
        st.sets(st.integers(0, count - 1), max_size=2),
        st.sampled_from(["", "", "meet", "restart", "alone"]),
        st.integers(0, count - 1),
    ), min_size=3, max_size=9))  # fmt: skip
    return services, steps


@settings(max_examples=25, deadline=None)
@given(play=plays(), age=st.sampled_from([0, 3600 * 1_000_000]), room=st.sampled_from([1, 2, 100]))
def test_a_fleet_judges_as_each_judge_would(play, age, room):
    with patch("fireline.detect.fleet.ROOM", room):
        judged_as_alone(*play, age)


def judged_as_alone(told, steps, age):
    at = towns.calm()[0].at(29.2)
    services = [
        Service(f"s{i}", name, rules, at + late * MINUTE) for i, (name, rules, late) in enumerate(told)
    ]
    fleet, sweep = Fleet(), sweep_of(services)
    for ticks, missing, event, who in steps:
        at += ticks * MINUTE
        one = services[who]
        if event == "meet":
            one.together.meet("B")
            one.alone.meet("B")
        elif event == "restart":
            one.together = restarted(one)
        elif event == "alone":  # judged by itself once, among the others' steps
            assert one.together.advance(one.town.read, at, at - age) == one.advance_alone(at, age)
        asked = [s for i, s in enumerate(services) if i not in missing]
        found = fleet.advance([Asked(s.name, s.together, s.town.read, at, at - age) for s in asked], sweep)
        for s in asked:
            assert found[s.name] == s.advance_alone(at, age)
    for s in services:
        same(s.together, s.alone)


def test_what_a_fleet_finds_is_something():
    """The cities have troubles, and these are found side by side, tick by tick, with their words."""
    start = towns.calm()[0].at(29)
    services = [Service(name, name, "calm", start) for name in CITIES]
    fleet, sweep = Fleet(), sweep_of(services)
    found: dict[str, list[Finding]] = {name: [] for name in CITIES}
    for step in range(1, 13):
        at = start + step * 60 * MINUTE
        for tick in range(at - 60 * MINUTE, at, 8 * MINUTE):  # no more behind than a lane takes
            for name, said in fleet.advance(
                [Asked(s.name, s.together, s.town.read, tick, tick) for s in services], sweep
            ).items():
                found[name] += said
    assert {f.monitor for f in found["burning"]} >= {"error_rate"}
    assert "silence" in {f.monitor for f in found["silent"]}
    assert "numeric_drift" in {f.monitor for f in found["drifting"]}
    assert len(fleet._lanes) >= 4, "they were judged in lanes"


def test_lanes_hold_views_and_whoever_is_restored_lies_anew():
    start = towns.calm()[0].at(29)
    services = [Service(name, name, "calm", start) for name in CITIES]
    fleet, sweep = Fleet(), sweep_of(services)

    def go(minutes: int) -> None:
        at = start + minutes * MINUTE
        fleet.advance([Asked(s.name, s.together, s.town.read, at, at) for s in services], sweep)

    go(5)
    before = set(fleet._lanes.values())  # held, so that no new lane lies where a dropped one lay
    go(10)
    assert set(fleet._lanes.values()) == before, "the same lanes, tick after tick"
    services[0].together = restarted(services[0])
    go(13)
    assert before.isdisjoint(fleet._lanes.values())


def test_lanes_that_are_laid_beforehand_are_those_of_the_first_tick():
    start = towns.calm()[0].at(29)
    services = [Service(name, name, "calm", start) for name in CITIES]
    fleet, sweep = Fleet(), sweep_of(services)

    def asked(at: int) -> list[Asked]:
        return [Asked(s.name, s.together, s.town.read, at, at) for s in services]

    fleet.lay(asked(start))
    laid = set(fleet._lanes.values())
    assert fleet.begun(start + MINUTE) >= {(60, start // MINUTE, start // MINUTE + 1)}
    for minute in range(1, 17):
        found = fleet.advance(asked(start + minute * MINUTE), sweep)
        for one in services:
            assert found[one.name] == one.advance_alone(start + minute * MINUTE, 0)
    assert set(fleet._lanes.values()) == laid
    for one in services:
        same(one.together, one.alone)


# -- what is kept


def test_only_what_was_judged_is_written():
    one = Service("s", "calm", "calm", towns.calm()[0].at(29))
    at = one.since + 61 * MINUTE
    one.together.advance(one.town.read, at, at)
    stands = standing(one.together)
    one.together.advance(one.town.read, at + MINUTE, at)
    assert set(saved(one.together, stands).bodies) == {"60"}
    assert saved(one.together, standing(one.together)).bodies == {}
    assert set(saved(one.together, {}).bodies) == {part_name(part) for part in parts_of(one.together)}


def test_a_state_of_another_plan_or_of_parts_that_do_not_belong_together_is_not_mixed_in():
    one = Service("s", "burning", "calm", towns.calm()[0].at(29))
    at = one.since + 61 * MINUTE
    one.together.advance(one.town.read, at, at)
    old = saved(one.together, {})
    one.together.advance(one.town.read, at + MINUTE, at + MINUTE)
    new = saved(one.together, {})
    cold = one.fresh().save()

    def refused(judge: Judge, head: bytes, bodies: Mapping[str, bytes]) -> bool:
        return not restore(judge, head, bodies) and judge.save() == cold

    assert refused(one.fresh(), new.head, old.bodies), "of two different ticks"
    assert refused(one.fresh(), new.head, {})
    assert refused(one.fresh(), new.head, {**new.bodies, "60": new.bodies["60"][:-3]}), "cut short"
    assert refused(one.fresh(), b"PK\x03\x04", new.bodies)
    baseline = towns.calm()[1]
    fewer = {place: fit for place, fit in baseline.fits.items() if place[0] != "error_rate"}
    other = Judge(replace(baseline, fits=fewer), towns.runbook(), one.since)
    assert not restore(other, new.head, new.bodies)
    assert restore(one.fresh(), new.head, new.bodies)


# -- kinds that only add up


def test_most_rate_kinds_only_add_up_and_their_terms_say_so():
    plan = towns.calm()[0].plan
    rng = np.random.default_rng(3)
    known = 0
    for kind in kinds():
        if not kind.monitors(plan):
            continue
        found = terms_of(kind, plan)
        if found is None:
            continue
        known += 1
        for counts in rng.integers(0, 9_000_000, (20, kind.laid_out(plan).width)):
            ticks, mine = kind.ticks(plan, counts[None]), found.ticks(counts)
            np.testing.assert_array_equal(mine.hits, ticks.hits)
            np.testing.assert_array_equal(mine.n, ticks.n)
    assert known >= 6


def test_a_kind_that_does_more_than_add_up_has_no_terms():
    kind = type(kind_named("error_rate"))

    class Capped(kind):
        def ticks(self, plan: Plan, counts: np.ndarray):
            found = super().ticks(plan, counts)
            return replace(found, hits=np.minimum(found.hits, 5_000))

    class Ratio(kind):
        def ticks(self, plan: Plan, counts: np.ndarray):
            found = super().ticks(plan, counts)
            return replace(found, hits=found.hits / 2)

    plan = towns.calm()[0].plan
    assert terms_of(kind(), plan) is not None
    assert terms_of(Capped(), plan) is None
    assert terms_of(Ratio(), plan) is None
    assert terms_of(kind_named("numeric_drift"), plan) is None
    assert Scope() == SERVICE
