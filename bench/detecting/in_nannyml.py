"""NannyML's defaults by the hour: Jensen-Shannon distance beyond 3 sd of the reference's chunks. Needs
nannyml==0.13.1, pandas < 3.

Figures an hour (AUC, accuracy, label coverage, traffic) are held to the same standard-deviation threshold
through its own StandardDeviationThreshold, which is what its performance calculators do with theirs.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import nannyml
import numpy as np
import pandas as pd
from nannyml.thresholds import StandardDeviationThreshold

sys.path.insert(0, str(Path(__file__).parent))
from rows import script, values, views

MOST = 3_000  # rows an hour: a busier hour is thinned


def figure(series, split):
    usual = series[:split][np.isfinite(series[:split])]
    low, high = StandardDeviationThreshold().thresholds(usual)
    middle, half = (low + high) / 2, max((high - low) / 2, 1e-12)
    return [None if not np.isfinite(v) else abs(v - middle) / half for v in series[split:]]


def frame(counts, first, names, rng):
    hours, rows = [], []
    for i, hour in enumerate(counts):
        these = np.repeat(names, hour)
        these = these if len(these) <= MOST else rng.choice(these, MOST, replace=False)
        rows.append(these)
        start = np.datetime64("2024-03-04T00:00:00") + np.timedelta64(first + i, "h")
        hours.append(start + (np.arange(len(these)) * 3_599 // max(len(these), 1)).astype("timedelta64[s]"))
    return pd.DataFrame({"x": np.concatenate(rows), "t": np.concatenate(hours)})


def scores(kind, counts, split):
    if kind == "figure":
        return figure(counts, split)
    rng = np.random.default_rng(0)
    names = values(kind, counts.shape[1])
    calculator = nannyml.UnivariateDriftCalculator(
        column_names=["x"], timestamp_column_name="t", chunk_period="h"
    )
    reference, live = frame(counts[:split], 0, names, rng), frame(counts[split:], split, names, rng)
    calculator.fit(reference)  # which calculates the reference's chunks
    result = calculator.calculate(live).filter(period="analysis").to_df()
    usual = calculator.result.filter(period="reference").to_df()["x", "jensen_shannon", "value"]
    distance = result["x", "jensen_shannon", "value"].to_numpy()
    upper = result["x", "jensen_shannon", "upper_threshold"].to_numpy()
    mean = float(usual.mean())
    found = [None] * (len(counts) - split)
    starts = result["chunk", "chunk", "start_date"]
    hours = ((pd.to_datetime(starts) - pd.Timestamp("2024-03-04")) // pd.Timedelta("1h")).to_numpy()
    for hour, d, u in zip(hours, distance, upper, strict=True):
        found[int(hour) - split] = float((d - mean) / max(u - mean, 1e-12))
    return found


def main(given, told):
    told.write_text(json.dumps([scores(*one) for one in views(given)]))


script(main)
