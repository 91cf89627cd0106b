"""Weighted sums of counts: end to end or each by itself, the same numbers to the last bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fireline.detect.kinds import Kind, Means, Rates
from fireline.detect.registry import kind_named, kinds
from fireline.detect.sums import Sums
from fireline.terms.plan import Plan
from tests.support import logs
from tests.support import town as towns

PLANS = {"classes": towns.calm, "numbers": towns.calm_numbers}


@given(seed=st.integers(0, 999), cells=st.integers(1, 30), channels=st.integers(0, 12))
def test_they_are_the_product_with_the_matrix(seed: int, cells: int, channels: int) -> None:
    rng = np.random.default_rng(seed)
    matrix = rng.integers(-2, 3, (cells, channels)) * rng.integers(0, 2, (cells, channels))
    counts = rng.integers(0, 1_000_000, (4, cells))
    np.testing.assert_array_equal(Sums.of_matrix(matrix).of(counts), counts @ matrix)


@given(seed=st.integers(0, 999), services=st.integers(1, 5))
def test_end_to_end_is_each_by_itself_to_the_last_bit(seed: int, services: int) -> None:
    rng = np.random.default_rng(seed)
    parts, counts = [], []
    for _ in range(services):
        width = int(rng.integers(1, 200))
        counts.append(rng.integers(0, 1_000_000, width))
        spans = [sorted(rng.integers(0, width + 1, 2)) for _ in range(rng.integers(1, 6))]
        told = [(range(low, high), rng.normal(size=high - low)) for low, high in spans if high > low]
        parts.append(Sums.of_parts(told or [([0], np.ones(1))]))
    offsets = np.cumsum([0, *(len(one) for one in counts)])[:-1]
    together = Sums.beside(parts, offsets).of(np.concatenate(counts)[None])
    alone = [part.of(one[None]) for part, one in zip(parts, counts, strict=True)]
    assert together.tobytes() == np.concatenate(alone, axis=1).tobytes()


def watched(plan: Plan) -> list[Kind]:
    return [kind for kind in kinds() if kind.laid_out(plan).width and kind.monitors(plan)]


@pytest.mark.parametrize("name", PLANS)
def test_kinds_that_add_up_say_the_same_of_a_tick_among_others_and_by_itself(name: str) -> None:
    plan = PLANS[name]()[0].plan
    known = [kind for kind in watched(plan) if kind.sums(plan) is not None]
    assert {"numeric_drift", "score_drift", "traffic", "silence"} <= {kind.name for kind in known}
    rng = np.random.default_rng(5)
    for kind in known:
        counts = rng.integers(0, 60, (9, kind.laid_out(plan).width))
        counts[3] = 0
        block = kind.ticks(plan, counts)
        channels = sum(len(one.channels) for one in kind.monitors(plan))
        for i, row in enumerate(counts):
            by_itself = kind.ticks(plan, row[None])
            assert isinstance(by_itself, Means | Rates)
            for figure in ("value", "variance", "n"):
                mine, all_ = (np.ascontiguousarray(getattr(of, figure)) for of in (by_itself, block))
                assert mine.shape == (1, channels)
                assert mine[0].tobytes() == all_[i].tobytes(), (kind.name, figure)


def test_kinds_that_are_alike_say_the_same_by_either_plan() -> None:
    """Whoever is asked with another service's plan, because they are alike, gets what its own would say."""
    one = towns.calm()[0].plan
    other = logs.plan()  # other edges, other shares
    rng = np.random.default_rng(6)
    asked = 0
    for kind in watched(one):
        told = kind.depends_on(one)
        if told is not None and told == kind.depends_on(other):
            asked += 1
            counts = rng.integers(0, 60, (5, kind.laid_out(one).width))
            mine, theirs = kind.ticks(one, counts), kind.ticks(other, counts)
            for figure in ("value", "variance", "n"):
                np.testing.assert_array_equal(getattr(mine, figure), getattr(theirs, figure))
    assert asked >= 1
    assert kind_named("numeric_drift").depends_on(one) is None
