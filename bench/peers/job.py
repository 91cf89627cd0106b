"""What every contender is asked, and how its work is measured; it runs in environments without Fireline."""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow.parquet as pq


def asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--reference", required=True)
    parser.add_argument("--current", required=True)
    parser.add_argument("--segment")
    parser.add_argument("--values", nargs="*", default=[])
    parser.add_argument("--in-memory", action="store_true")
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


def features(given: argparse.Namespace) -> list[str]:
    """The features' names."""
    return [name for name in pq.read_schema(given.current).names if name.startswith("x")]


def array(values: Any) -> Any:
    return np.asarray(values, dtype=np.float64)


def measure(work: Callable[[], dict[str, float]], reads: bool) -> None:
    """Medians of processor and wall seconds over the rounds, the peak memory of the process, and the figures;
    ``reads`` says that reading the file is part of the work."""
    rounds = int(asked().rounds)
    runs, found = [], {}
    for _ in range(rounds):
        wall, cpu = time.perf_counter(), time.process_time()
        found = work()
        runs.append((time.process_time() - cpu, time.perf_counter() - wall))
    # not ru_maxrss: a process inherits its parent's
    with open("/proc/self/status") as status:
        peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024
    cpu, wall = (statistics.median(part) for part in zip(*runs, strict=True))
    json.dump({"cpu": cpu, "wall": wall, "peak_mb": peak, "reads": reads, "psi": found}, sys.stdout)
