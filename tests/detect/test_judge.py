"""The judge: one budget, restarts that show in nothing, the runbook's word, and newcomers against the old."""

import re
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from fireline.clock import micros
from fireline.detect.budget import DAYS, RESERVE, TICKETS, purse, reserve_share
from fireline.detect.duel import duel
from fireline.detect.example import plan as example_plan
from fireline.detect.judge import Judge
from fireline.detect.registry import kind_named, kinds
from fireline.detect.track import Track
from fireline.terms.alert import Finding
from fireline.terms.counts import SERVICE, Scope
from fireline.triage.figure import LABELLED
from tests.support import town as towns
from tests.support.town import Tables, Town

NEW = Scope("version", "", "B")
OLD = Scope("version", "", "A")


def judge(since: float = 28, **rules: object) -> Judge:
    town, baseline = towns.calm()
    return Judge(baseline, towns.runbook(**rules), town.at(since))


def run(town: Town, until: float, meets: tuple[str, ...] = ("B",), **rules: object) -> list[Finding]:
    one = judge(**rules)
    for version in meets:
        one.meet(version)
    return one.advance(town.read, town.at(until), town.at(until))


def burning(day: float = 29, share: float = 0.2, scopes: tuple[Scope, ...] = (SERVICE, OLD, NEW)) -> Town:
    """The calm town with more errors from ``day`` on, in these scopes."""
    town, _ = towns.calm()
    cells = town.plan.rates.series[0].cells

    def edit(tables: Tables) -> None:
        added = 0
        for scope in sorted(scopes, reverse=True):  # versions first: the service has what they have
            counts = tables["rates", 60][scope][int(day * 1440) :]
            good = counts[:, cells.index("n")] - counts[:, cells.index("error")]
            more = added if scope == SERVICE else np.random.default_rng(1).binomial(good, share)
            counts[:, cells.index("error")] += more
            added = added + more

    return town.edited(edit)


def drifting(day: float = 29) -> Town:
    """The calm town whose feature x moves up, in the service and in one carrier."""
    town, _ = towns.calm()
    span = town.plan.shapes.span("feature:x")

    def edit(tables: Tables) -> None:
        for scope in (SERVICE, Scope("segment", "carrier", "UA")):
            counts = tables["shapes", 900][scope][int(day * 96) :, span.start : span.stop - 3]
            moved = counts[:, :-4] * 3 // 4
            counts[:, :-4] -= moved
            counts[:, 4:] += moved

    return town.edited(edit)


# -- the budget


def spent(one: Judge) -> float:
    """False pages in 30 days that the levels of all monitors allow by the union bound."""
    return sum(float((DAYS * 86_400 / court.seconds / court.page).sum()) for court in one.courts)


@pytest.mark.parametrize("pages", [0.2, 1.0, 5.0])
@pytest.mark.parametrize("newcomers", [0, 1, 12])
def test_all_monitors_together_stay_within_the_budget(pages, newcomers):
    one = judge(false_pages_per_30d=pages)
    for i in range(newcomers):
        one.meet(f"v{i}")
    assert 0.5 * pages * (1 - RESERVE) < spent(one) <= pages * (1 + 1e-9)


def test_the_budget_holds_where_the_reference_knew_several_versions():
    town, baseline = towns.calm()
    several = replace(baseline, plan=replace(town.plan, versions=("A", "B", "C")))
    one = Judge(several, towns.runbook(), town.at(28))
    assert {scope for court in one.courts for scope in court.bank.scopes} >= {NEW, OLD}
    assert spent(one) <= 1 + 1e-9


def test_newcomers_draw_on_the_reserve_and_leave_the_others_as_they_were():
    one = judge()
    before = {court.name: court.page.copy() for court in one.courts}
    used = spent(one)
    one.meet("B")
    assert {court.name: court.page.tolist() for court in one.courts if court.name in before} == {
        name: page.tolist() for name, page in before.items()
    }
    assert 0.9 * reserve_share(0) < spent(one) - used <= reserve_share(0)  # some of it for duels never fought
    assert any(court.rival == "B" for court in one.courts)
    assert any(court.rival is None and NEW in court.bank.scopes for court in one.courts)


def test_reserves_of_all_newcomers_sum_to_the_reserve():
    assert sum(reserve_share(i) for i in range(60)) == pytest.approx(RESERVE)


def test_a_version_is_met_once_and_a_known_one_never():
    one = judge()
    one.meet("B")
    courts = len(one.courts)
    for version in ("B", "A", ""):
        one.meet(version)
    assert len(one.courts) == courts


@given(st.floats(0.1, 20), st.floats(1e-4, 1), st.sampled_from([60, 900, 3600, 86_400]))
def test_a_level_is_the_ticks_of_30_days_over_the_accepted_pages(pages, share, seconds):
    levels = purse(pages, share, seconds)
    ticks = 30 * 86_400 / seconds
    assert ticks / levels.page <= pages * share * (1 + 1e-12)
    assert ticks / levels.ticket <= pages * share * TICKETS * (1 + 1e-12)


# -- what is found


def test_a_faultless_month_with_a_harmless_newcomer_pages_nobody():
    town, _ = towns.calm()
    found = run(town, 58)
    assert [f for f in found if f.details["level"] == "page"] == []
    assert len(found) <= 2


def test_errors_are_found_and_told_in_full():
    found = [f for f in run(burning(), 31) if f.monitor == "error_rate" and f.scope_key == "service"]
    assert found
    first, town = found[0], towns.calm()[0]
    assert town.at(29) < micros(first.at) <= town.at(29.25)
    assert abs(micros(first.since) - town.at(29)) <= 2 * 3600 * 10**6
    assert first.seen == pytest.approx(0.24, abs=0.06)
    assert first.usual == pytest.approx(0.05, abs=0.01)
    assert first.direction == "up"
    assert first.evidence >= first.threshold - np.log10(TICKETS) - 1e-3
    assert {f.urgency for f in found if f.details["level"] == "page"} == {"page"}
    assert re.fullmatch(r"answers are errors: \d+ %, usually 5 %, over \d+", first.because)


def test_no_segment_is_blamed_for_what_it_does_not_have():
    segments = {f.scope_key for f in run(drifting(), 31) if f.monitor == "numeric_drift"}
    assert {"service", "segment:carrier=UA"} <= segments <= {"service", "segment:carrier=UA", "version=B"}


def test_findings_come_in_the_order_in_which_they_became_known():
    found = run(burning(), 32)
    assert [f.at for f in found] == sorted(f.at for f in found)
    lateness = towns.runbook().allowed_lateness
    soon = [f for f in found if f.family not in LABELLED]
    assert soon
    for f in soon:
        into = micros(f.at - lateness) % (f.details["tick_seconds"] * 10**6)
        assert into == 0, "a tick ended then"


def test_quality_is_known_only_when_labels_have_come_of_age():
    town, _ = towns.calm()
    labels = town.plan.quality.offsets["labels"]

    def edit(tables: Tables) -> None:
        counts = tables["quality", 3600][SERVICE][29 * 24 :]
        counts[:, labels + 4] //= 2

    wrong = town.edited(edit)
    aged = {"labels": {"age": "2d", "positive": None}}
    one = judge(**aged)
    assert one.advance(wrong.read, town.at(31), town.at(29)) == []
    late = one.advance(wrong.read, town.at(33), town.at(31))
    assert {f.monitor for f in late} == {"accuracy"}
    assert min(f.at for f in late) >= late[0].since + timedelta(days=2)


# -- the runbook's word


def rules(*given_: dict) -> dict[str, object]:
    return {"monitors": [{"because": "test", **one} for one in given_]}


@pytest.mark.parametrize("rule", [
    {"monitor": "error_rate", "off": True},
    {"monitor": "error_rate", "tolerance": 40.0},
])  # fmt: skip
def test_a_monitor_switched_off_or_told_to_bear_it_is_silent(rule):
    town = burning()
    assert "error_rate" in {f.monitor for f in run(town, 30.5)}
    assert "error_rate" not in {f.monitor for f in run(town, 30.5, **rules(rule))}


def test_a_family_can_be_switched_off_for_one_feature():
    told = {(f.monitor, f.feature) for f in run(drifting(), 31)}
    quieter = {
        (f.monitor, f.feature)
        for f in run(drifting(), 31, **rules({"monitor": "drift", "feature": "x", "off": True}))
    }
    assert ("numeric_drift", "x") in told
    assert quieter == told - {("numeric_drift", "x")}


def test_a_rule_for_another_feature_changes_nothing():
    other = rules({"monitor": "drift", "feature": "zeros", "off": True})
    assert run(drifting(), 30.5, **other) == run(drifting(), 30.5)


# -- across restarts


def blocks(town: Town, cuts: list[float], restarts: bool, until: float = 31.5) -> tuple[list[Finding], bytes]:
    one, found = judge(), []
    one.meet("B")
    for day in [*sorted(cuts), until]:
        if restarts:
            body = one.save()
            one = judge()
            one.restore(body)
        found += one.advance(town.read, town.at(day), town.at(day))
    return sorted(found, key=lambda f: (f.at, repr(f))), one.save()


@settings(max_examples=6)
@given(st.lists(st.floats(28, 31.5), max_size=5), st.booleans())
def test_blocks_and_restarts_change_neither_findings_nor_state(cuts, restarts):
    town = burning(day=29.3)
    expected = blocks(town, [], False)
    assert expected[0]
    assert blocks(town, cuts, restarts) == expected


def test_a_state_of_another_plan_is_not_mixed_in():
    town, baseline = towns.calm()
    one = judge()
    one.meet("B")
    one.advance(town.read, town.at(29), town.at(29))
    series = town.plan.rates.series[0]
    moved = replace(town.plan.rates, series=(replace(series, reference="another"),))
    other = Judge(replace(baseline, plan=replace(town.plan, rates=moved)), towns.runbook(), town.at(28))
    cold = other.save()
    other.restore(one.save())
    assert other.save() == cold
    assert other.versions == []


def test_a_state_of_other_monitors_is_not_mixed_in():
    """The same series, but a new baseline judges other things: shapes of the state do not fit."""
    town, baseline = towns.calm()
    one = judge()
    one.advance(town.read, town.at(29), town.at(29))
    fits = {key: fit for key, fit in baseline.fits.items() if key[0] != "auc"}
    other = Judge(replace(baseline, fits=fits), towns.runbook(), town.at(28))
    cold = other.save()
    other.restore(one.save())
    assert other.save() == cold


def test_two_saves_of_one_state_are_the_same_bytes():
    one = judge()
    assert one.save() == one.save()


def test_a_tick_is_judged_once():
    town = burning()
    one = judge()
    first = one.advance(town.read, town.at(30), town.at(30))
    assert first
    assert one.advance(town.read, town.at(30), town.at(30)) == []
    assert one.advance(town.read, town.at(29), town.at(29)) == []


# -- traces, for those who draw


def test_a_trace_shows_the_monitor_over_time():
    town = burning()
    one = judge()
    found = next(f for f in one.advance(town.read, town.at(30), town.at(30)) if f.monitor == "error_rate")
    first, seconds, reading = one.trace(found, town.read, town.at(28.5), town.at(29.5))
    assert (first, seconds) == (town.at(28.5) // (60 * 10**6), 60)
    assert reading.seen.shape == (1440, 1)
    assert np.nansum(reading.seen[720:] * reading.weight[720:]) / reading.weight[720:].sum() > 0.2
    assert np.nanmean(reading.z[720:]) > 1 > abs(np.nanmean(reading.z[:720]))
    assert one.trace(found, town.read, town.at(29), town.at(29)) is None


# -- a newcomer against the old on the same traffic


def test_a_bad_newcomer_is_told_against_the_old():
    found = run(burning(day=29, share=0.3, scopes=(NEW, SERVICE)), 31)
    duels = [f for f in found if f.against is not None]
    assert {(f.monitor, f.version) for f in duels} == {("error_rate", "B")}
    assert duels[0].seen > 0.2
    assert duels[0].usual == pytest.approx(0.05, abs=0.02)


def test_harm_that_strikes_all_versions_is_no_newcomers_fault():
    found = run(burning(), 31)
    assert "error_rate" in {f.monitor for f in found}
    assert [f for f in found if f.against is not None] == []


Sides = tuple[np.ndarray, np.ndarray]


def sides(rng: np.random.Generator, rate: float, share: float, bad: float, usual: float, ticks: int) -> Sides:
    """Minutes of errors of a newcomer that serves ``share`` and of the old one, under storms that strike
    both."""
    cells = example_plan().rates.series[0].cells
    storm = np.where(rng.random(ticks // 60 + 1) < 0.03, 5.0, 1.0).repeat(60)[:ticks]
    found = []
    for part, rate_of_errors in ((share, bad), (1 - share, usual)):
        counts = np.zeros((ticks, len(cells)), np.int64)
        n = rng.poisson(rate * part, ticks)
        counts[:, cells.index("n")] = n
        counts[:, cells.index("error")] = rng.binomial(n, np.clip(rate_of_errors * storm, 0, 1))
        found.append(counts)
    return found[0], found[1]


def first_page(name: str, new: np.ndarray, old: np.ndarray, level: float = 43_200 / 0.005) -> int | None:
    kind, plan = kind_named(name), example_plan()
    caps, sizes = np.array([np.log(level) / kind.k]), np.array([1])
    reading = duel(kind, plan, new, old, np.array([kind.tolerance]), caps, sizes)
    track = Track.start(sizes, np.array([level]), np.array([level]), 4, 0)
    return next((crossing.tick for crossing in track.add([reading])), None)


@pytest.mark.parametrize(("rate", "within"), [(5, 2 * 1440), (50, 360)])
def test_a_canary_with_thrice_the_errors_is_caught(rate, within):
    caught = [
        first_page("error_rate", *sides(np.random.default_rng(seed), rate, 0.2, 0.06, 0.02, 4 * 1440))
        for seed in range(8)
    ]
    assert all(tick is not None for tick in caught)
    assert np.median(caught) <= within


@pytest.mark.parametrize(("rate", "share"), [(5, 0.2), (50, 0.05), (50, 0.5)])
def test_an_equal_canary_is_left_in_peace(rate, share):
    caught = [
        first_page("error_rate", *sides(np.random.default_rng(seed), rate, share, 0.02, 0.02, 10 * 1440))
        for seed in range(8)
    ]
    assert caught == [None] * 8


@given(st.integers(1, 60), st.integers(1, 200), st.floats(0, 1), st.booleans())
def test_between_equals_a_tick_of_a_duel_is_1_on_average_at_most(n, m, part, up):
    """Exactly, over every way the hits of a tick can fall to one side or the other."""
    kind, plan = kind_named("error_rate" if up else "category_drift"), example_plan()
    hits = 1 + int(part * (n + m - 1))
    fallen = np.arange(max(0, hits - m), min(n, hits) + 1)
    layout = kind.laid_out(plan)
    new, old = (np.zeros((len(fallen), layout.width), np.int64) for _ in range(2))
    for counts, total, mine in ((new, n, fallen), (old, m, hits - fallen)):
        if up:
            cells = plan.rates.series[0].cells
            counts[:, cells.index("n")], counts[:, cells.index("error")] = total, mine
        else:
            start = plan.shapes.offsets["feature:country"]
            counts[:, start], counts[:, start + 1] = mine, total - mine
    channels = np.array([len(monitor.channels) for monitor in kind.monitors(plan)])
    reading = duel(kind, plan, new, old, np.full(channels.sum(), 1.0), np.full(1, 50.0), channels)
    chance = stats.hypergeom.pmf(fallen, n + m, hits, n)
    expected = (chance[:, None] * np.exp(reading.log_factors[:, 0])).sum(axis=0)
    assert (expected <= 1 + 1e-9).all()


def each_scored_kind() -> list[str]:
    return [kind.name for kind in kinds() if "version" in kind.scopes and kind.layout == "rates"]


@pytest.mark.parametrize("name", each_scored_kind())
def test_a_duel_without_data_says_nothing(name):
    kind, plan = kind_named(name), example_plan()
    none = np.zeros((5, plan.rates.width), np.int64)
    monitors = kind.monitors(plan)
    sizes = np.array([len(m.channels) for m in monitors])
    reading = duel(kind, plan, none, none, np.full(sizes.sum(), 1.25), np.ones(len(sizes)), sizes)
    assert not reading.valid.any()
    assert not np.isnan(reading.log_factors).any()
