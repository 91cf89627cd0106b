"""Objectives in counts: what is bad of what, for each indicator that is a share of events."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from fireline.detect.promise import spent
from fireline.runbook.schema import Slo
from fireline.terms.counts import SERVICE

CELLS = ("n", "error", "fallback", "flag:toxic", "null:age")
RATES = SimpleNamespace(series=(SimpleNamespace(cells=CELLS),), grains={"service": 60})
NONE = SimpleNamespace(series=(), grains={})
PLAN: Any = SimpleNamespace(rates=RATES, delays=NONE, quality=NONE)


@pytest.mark.parametrize(
    ("indicator", "of", "bad"),
    [
        ("availability", None, 1),
        ("fallback_share", None, 2),
        ("flag_rate", "toxic", 3),
        ("null_share", "age", 4),
    ],
)
def test_each_indicator_reads_its_own_cell_over_its_window(indicator: Any, of: str | None, bad: int) -> None:
    asked: list[tuple[int, int]] = []

    def read(layout: Any, grain: int, low: int, high: int) -> Any:
        asked.append((low, high))
        return {SERVICE: np.tile([10, 1, 2, 3, 4], (high - low, 1))}

    slo = Slo(name="s", indicator=indicator, objective=0.9, of=of, window=timedelta(hours=1))
    found = spent(PLAN, slo, read, 7200 * 1_000_000)
    assert found is not None
    n, wrong, grain = found
    assert (int(n.sum()), int(wrong.sum()), grain) == (600, 60 * bad, 60)
    assert asked == [(61, 121)]


def test_what_is_not_counted_has_no_budget() -> None:
    def read(*about: Any) -> Any:
        return {SERVICE: np.ones((60, 5), np.int64)}

    for slo in (
        Slo(name="s", indicator="flag_rate", objective=0.9, of="pii"),
        Slo(name="s", indicator="latency", objective=0.9, threshold=5),
        Slo(name="s", indicator="auc", objective=0.7),
    ):
        assert spent(PLAN, slo, read, 7200 * 1_000_000) is None
