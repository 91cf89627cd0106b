"""A blip never alarms by itself; a long tick that no blip can explain does."""

from __future__ import annotations

import numpy as np
import pytest

from fireline.detect.bank import Bank
from fireline.detect.fit import fit
from fireline.detect.kinds import Array
from fireline.detect.merging import merged
from fireline.detect.registry import kind_named, kinds
from fireline.detect.season import cells_of, shifts
from fireline.terms.counts import HOUR, QUARTER, SERVICE
from tests.support.references import DAYS, START, ages, plan

LEVEL = 4e4
WINTER = 1_707_109_200  # 5 February 2024, midnight in New York; clocks change on 10 March


def cohorts(
    rng: np.random.Generator, hours: int, n: int, labelled: float = 0.9, wrong: float = 0.15
) -> Array:
    """Hours of labels: [hours, width of quality]."""
    layout = plan().quality
    counts = np.zeros((hours, layout.width), np.int64)
    known = rng.binomial(n, labelled, hours)
    span = layout.span("labels")
    right = rng.binomial(known, 1 - wrong)
    counts[:, span] = np.stack([np.full(hours, n), known, known // 5, known, right], axis=1)
    return counts


def loudest(name: str, hour: Array, n: int) -> float:
    """What one hour says, beside what it takes to fire in one: log e over log level."""
    kind, first = kind_named(name), START // HOUR
    usual = cohorts(np.random.default_rng(1), DAYS * 24, n)
    bank = Bank(kind, plan(), {SERVICE: fit(kind, plan(), usual, first, HOUR)})
    caps = bank.caps(np.full(1, LEVEL))
    reading = bank.read([hour], first + DAYS * 24, HOUR, caps)
    return float(reading.log_factors.max() / np.log(LEVEL * bank.branches))


@pytest.mark.parametrize("n", [60, 600, 6_000, 60_000])
def test_two_minutes_of_the_worst_never_fire_by_themselves(n):
    rng = np.random.default_rng(2)
    silent, wrong = cohorts(rng, 1, n, labelled=0.9 * 58 / 60), cohorts(rng, 1, n, wrong=0.15 + 0.85 / 30)
    assert loudest("label_coverage", silent, n) <= 0.501
    assert loudest("accuracy", wrong, n) <= 0.501


def test_an_hour_that_no_blip_explains_fires_by_itself():
    rng = np.random.default_rng(3)
    assert loudest("label_coverage", cohorts(rng, 1, 3_000, labelled=0.6), 3_000) > 1
    assert loudest("accuracy", cohorts(rng, 1, 60_000, wrong=0.22), 60_000) > 1
    gone = loudest("label_coverage", cohorts(rng, 1, 10_000_000, labelled=0.0), 10_000_000)
    assert np.isfinite(np.exp(gone * np.log(LEVEL * 4))), "however many events say it"


def test_ticks_shorter_than_an_hour_are_bound_by_their_cap():
    kind = kind_named("numeric_drift")
    counts = ages(np.random.default_rng(4), 0.0, 50)
    bank = Bank(kind, plan(), {SERVICE: fit(kind, plan(), counts, START // QUARTER, QUARTER)})
    caps = bank.caps(np.full(len(bank.groups), LEVEL))
    far = ages(np.random.default_rng(5), 2.0, 50, days=1)
    reading = bank.read([far], START // QUARTER, QUARTER, caps)
    assert reading.log_factors.max() == pytest.approx(caps.max())


def test_what_every_event_can_do_has_a_number_for_each_channel():
    base = np.array([0.3])
    known = []
    for kind in kinds():
        wide = sum(len(monitor.channels) for monitor in kind.monitors(plan()))
        found = kind.reach(plan(), np.resize(base, wide)) if wide else None
        if found is not None:
            known.append(kind.name)
            assert found.shape == (wide,)
            assert (found >= 0).all()
    assert {"accuracy", "auc", "calibration"} & set(known)


def by_the_hour(rng: np.random.Generator, days: range, rate: float) -> tuple[Array, int]:
    """Quarters of ages that go up with the local hour of the day, in days since ``WINTER``."""
    first = (WINTER + days[0] * 86_400) // QUARTER
    ticks = np.arange(first, first + len(days) * 96)
    shift = (cells_of(ticks, QUARTER, plan().timezone) % 24 - 12) / 8
    return ages(rng, shift, rate, len(days)), first


def test_thin_ticks_of_several_hours_survive_a_change_of_clocks():
    assert shifts(WINTER, plan().timezone) == (-3600, 3600)
    kind, rng = kind_named("numeric_drift"), np.random.default_rng(6)
    counts, first = by_the_hour(rng, range(28), 0.08)
    found = fit(kind, plan(), counts, first, QUARTER)
    assert found.merge == 16
    bank = Bank(kind, plan(), {SERVICE: found})
    away = []
    for days in (range(28, 33), range(36, 64)):  # before the change, and after it
        later, start = by_the_hour(rng, days, 0.08)
        folded, begin = merged(later, start, 16)
        reading = bank.read([folded[1:-1]], begin + 1, QUARTER, None)
        away.append(reading.z[:, 0][reading.valid[:, 0]])
    assert np.abs(away[0]).mean() < 1.3
    assert np.abs(away[1]).mean() < 1.3, "hours of the day at which no tick of the reference began"


def test_a_zone_that_never_changes_its_clocks_moves_nothing():
    assert shifts(WINTER, "UTC") == shifts(WINTER, "Asia/Kolkata") == ()
