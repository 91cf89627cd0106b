"""Fireline: edges and counts of the reference frozen before; counts the current rows and says the PSI. From
Parquet, read as a stream, or from an Arrow table that is in memory already."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq

from bench.peers import job
from fireline.detect.metrics import psi
from fireline.telemetry.census import Census, numeric_counts
from fireline.telemetry.columns import numbers
from fireline.telemetry.layout import numeric_series


def main() -> None:
    asked = job.asked()
    reference = pq.read_table(asked.reference, columns=job.features(asked))
    series = {
        name: numeric_series(name, numbers(reference, name), "bench", 900) for name in reference.column_names
    }
    frozen = {name: numeric_counts(one, numbers(reference, name)) for name, one in series.items()}
    del reference

    columns = [*series, *([asked.segment] if asked.segment else [])]
    held = pq.read_table(asked.current, columns=columns) if asked.in_memory else None

    def work() -> dict[str, float]:
        census = Census(series, asked.segment, asked.values)
        if held is not None:
            census.add([held])
        else:
            with pq.ParquetFile(asked.current) as file:
                census.add(pa.Table.from_batches([b]) for b in file.iter_batches(1 << 17, columns=columns))
        found = {name: psi(frozen[name], counts) for name, counts in census.whole.items()}
        return found | {f"{v}/{n}": psi(frozen[n], counts) for (v, n), counts in census.parts.items()}

    job.measure(work, reads=held is None)


if __name__ == "__main__":
    main()
