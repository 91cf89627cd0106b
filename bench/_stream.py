"""The tally of a Parquet file read as a stream, over and over: peak memory must not grow with rows.

python -m bench._stream PATH TIMES
"""

from __future__ import annotations

import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from bench.tally import PIECE, REFERENCE, count, planned


def main(path: Path, times: int) -> None:
    with pq.ParquetFile(path) as file:
        first = pa.Table.from_batches([next(file.iter_batches(REFERENCE))])
    plan, rows = planned(first), 0
    for _ in range(times):
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(PIECE):
                count(plan, pa.Table.from_batches([batch]))
                rows += len(batch)
    with open("/proc/self/status") as status:
        peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024
    print(rows, round(peak))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
