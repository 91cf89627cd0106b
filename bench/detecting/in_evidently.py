"""Evidently's default drift method for each column, by the hour. Needs evidently==0.7.17, pandas < 3.

The reference is 5,000 rows of it (more than 1,000, so that the defaults for large data apply: Wasserstein
distance in standard deviations for numbers, Jensen-Shannon distance for categories, each above .1).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from evidently import Report
from evidently.legacy.calculations.stattests import get_stattest
from evidently.legacy.core import ColumnType
from evidently.metrics import ValueDrift

sys.path.insert(0, str(Path(__file__).parent))
from rows import script, values, views

ROWS = 5_000
CURRENT = 5_000


def scores(kind, counts, split):
    if kind == "figure":
        return None  # a figure an hour is no column of rows
    rng = np.random.default_rng(0)
    names = values(kind, counts.shape[1])
    of = ColumnType.Numerical if kind == "numeric" else ColumnType.Categorical
    whole = counts[:split].sum(axis=0)
    reference = pd.Series(rng.choice(names, ROWS, p=whole / whole.sum()), name="x")
    method = None
    found = []
    for hour in counts[split:]:
        if not hour.sum():
            found.append(None)
            continue
        rows = np.repeat(names, hour)
        current = pd.Series(rows if len(rows) <= CURRENT else rng.choice(rows, CURRENT), name="x")
        if method is None:
            method = get_stattest(reference, current, of, None)
            value = float(method.func(reference, current, of, method.default_threshold)[0])
            report = Report([ValueDrift(column="x")]).run(current.to_frame(), reference.to_frame())
            told = float(report.dict()["metrics"][0]["value"])
            assert abs(told - value) < 1e-9, f"the report says {told}, its method {value}"
        value = float(method.func(reference, current, of, method.default_threshold)[0])
        found.append(value / method.default_threshold)
    return found


def main(given, told):
    told.write_text(json.dumps([scores(*one) for one in views(given)]))


script(main)
