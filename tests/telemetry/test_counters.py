"""Counts of further layouts add however a log is cut, and are what numpy says of the same rows."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from fireline.telemetry.columns import numbers
from fireline.telemetry.counters import counters
from fireline.telemetry.counters.values import same_bucket
from fireline.telemetry.tally import add_up, tally
from fireline.terms.counts import SERVICE
from tests.support import logs
from tests.support import town as towns
from tests.support.places import answering, asking

MORE = ("ages", "arrivals", "embeddings", "likeness", "scorers", "sources", "texts", "tools", "values")


def _towns():
    for module, dress in ((asking, asking._with_sources), (answering, answering._asked)):
        town, _ = module.town()
        table, _ = towns.events(9, 2.0, 3, 3.3)
        yield town.plan, dress(table, np.random.default_rng(9))


def _counted(plan, parts):
    rows = [row for part in parts for row in tally(plan, part)]
    low, high = logs.START // 60, (logs.START + 5 * 86_400) // 60
    return {
        (layout.name, grain, scope.key): cells.tolist()
        for layout in plan.extras
        for grain in set(layout.grains.values())
        for scope, cells in add_up(rows, layout, grain, low * 60 // grain, high * 60 // grain).items()
    }


@settings(max_examples=2, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_counts_of_every_further_layout_add(seed):
    rng = np.random.default_rng(seed)
    met = set()
    for plan, table in _towns():
        cuts = np.sort(rng.integers(0, len(table), 3)).tolist()
        pieces = [table.slice(a, b - a) for a, b in zip([0, *cuts], [*cuts, len(table)], strict=True)]
        assert _counted(plan, [table]) == _counted(plan, pieces)
        met |= {layout.name for layout in plan.extras}
    assert set(MORE) <= met
    assert set(MORE) <= set(counters())


def test_sums_are_those_of_the_values():
    town, _ = asking.town()
    layout = town.plan.layout("values")
    table, _ = towns.events(9, 2.0, 3, 3.3)
    rows = [row for row in tally(town.plan, table) if row.layout == layout.identity]
    low, high = logs.START // 900, (logs.START + 5 * 86_400) // 900
    cells = add_up(rows, layout, 900, low, high)[SERVICE].sum(axis=0)
    for series in layout.series:
        values = numbers(table, series.name.removeprefix("feature:"))
        values = values[np.isfinite(values)]
        some = values[values != 0]
        got = cells[layout.span(series.name)]
        log = np.log(np.abs(some))
        wanted = [
            log.sum(),
            (log**2).sum(),
            values.sum() / series.edges[0],
            (values**2).sum() / series.edges[0] ** 2,
        ]
        assert got[:2].tolist() == [len(values), len(some)]
        np.testing.assert_allclose(got[2:6] / 1e6, wanted, atol=len(values) * 1e-6)
        np.testing.assert_array_equal(got[6:], np.bincount(same_bucket(values), minlength=32))
