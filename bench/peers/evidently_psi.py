"""Evidently 0.7: its own drift report with stattest psi, on pandas frames that are in memory already."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.metrics import ValueDrift

from bench.peers import job


def main() -> None:
    asked = job.asked()
    names = job.features(asked)
    columns = [*names, *([asked.segment] if asked.segment else [])]
    reference, current = (pd.read_parquet(path, columns=columns) for path in (asked.reference, asked.current))
    pieces = (
        {
            v: (reference[reference[asked.segment] == v], current[current[asked.segment] == v])
            for v in asked.values
        }
        if asked.segment
        else {"": (reference, current)}
    )
    definition = DataDefinition(numerical_columns=names)

    def work() -> dict[str, float]:
        found = {}
        for value, (before, now) in pieces.items():
            sets = [Dataset.from_pandas(frame[names], data_definition=definition) for frame in (now, before)]
            done = Report([ValueDrift(column=name, method="psi") for name in names]).run(*sets)
            for name, metric in zip(names, done.dict()["metrics"], strict=True):
                found[f"{value}/{name}" if value else name] = float(metric["value"])
        return found

    job.measure(work, reads=False)


if __name__ == "__main__":
    main()
