"""whylogs 1.6: a profile of the rows, or one of each segment by its own segmented profiles, beside a frozen
one of the reference; PSI off both sketches, since it has none of its own."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np
import pandas as pd
import whylogs as why
from whylogs.core.schema import DatasetSchema
from whylogs.core.segmentation_partition import segment_on_column

from bench.peers import job

BINS = 16


def main() -> None:
    asked = job.asked()
    names = job.features(asked)
    columns = [*names, *([asked.segment] if asked.segment else [])]
    frozen = why.log(pd.read_parquet(asked.reference, columns=names)).view()
    sketches = {name: frozen.get_column(name).get_metric("distribution").kll.value for name in names}
    edges = {
        name: np.unique(sketch.get_quantiles(list(np.linspace(0, 1, BINS + 1)[1:-1])))
        for name, sketch in sketches.items()
    }
    shares = {name: np.array(sketches[name].get_pmf(list(edges[name]))) for name in names}
    current = pd.read_parquet(asked.current, columns=columns)

    def views() -> dict[str, Any]:
        if not asked.segment:
            return {"": why.log(current).view()}
        schema = DatasetSchema(segments=segment_on_column(asked.segment))
        logged = why.log(current, schema=schema)
        return {segment.key[0]: logged.view(segment) for segment in logged.segments()}

    def work() -> dict[str, float]:
        found = {}
        for value, view in views().items():
            for name in names:
                sketch = view.get_column(name).get_metric("distribution").kll.value
                now = np.array(sketch.get_pmf(list(edges[name])))
                p, q = np.maximum(shares[name], 1e-6), np.maximum(now, 1e-6)
                found[f"{value}/{name}" if value else name] = float(np.sum((q - p) * np.log(q / p)))
        return found

    job.measure(work, reads=False)


if __name__ == "__main__":
    main()
