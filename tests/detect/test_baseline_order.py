"""A baseline that was saved and loaded judges the same columns as the one that was learnt."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from fireline.clock import parse_time
from fireline.detect.baseline import Baseline
from fireline.detect.fit import Fit
from fireline.reference import take_baseline
from fireline.runbook.draft import draft
from tests.support.books import log


def test_features_keep_their_order_through_the_file(tmp_path: Path) -> None:
    """Channels lie in the order of the plan's features: in another, a null rate meets its neighbour's
    base."""
    events, runbook = tmp_path / "events.parquet", tmp_path / "runbook.yaml"
    table = log(rows=3_000, days=8)
    pq.write_table(table, events)
    made = draft(table, "pricing", parse_time("2026-01-09"))
    runbook.write_text(made.text, encoding="utf-8")
    assert list(made.runbook.columns.features) != sorted(made.runbook.columns.features), (
        "else nothing is tested"
    )
    learnt = take_baseline(runbook, [events])
    loaded = Baseline.load(tmp_path / "runbook.baseline.npz")
    assert list(loaded.plan.features) == list(learnt.plan.features)
    assert loaded.plan == learnt.plan
    for place, fit in learnt.fits.items():
        for item in fields(Fit):
            before, after = getattr(fit, item.name), getattr(loaded.fits[place], item.name)
            np.testing.assert_array_equal(np.asarray(before), np.asarray(after))
