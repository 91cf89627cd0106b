"""A thousand services in one server: what a tick costs on one core, split into reading, judging and writing.

    python -m bench.fleet [--services 1000] [--sizes usual large] [--hours 2] [--stores sqlite postgres]
                          [--whole]

What a server's loop does to judge (``live.judging``) on a clock of its own, or, with ``--whole``, all of it
(``live.running``). Every service has its own plan (identity, time zone,
figures of what is usual): six features, a score, latency, flags, labels; ``usual`` has one live version and
no segment column, ``large`` two versions and a segment column of four values. A monitor is one kind of one
series in one scope: each has a level of its own, and is what the judge counts as one. Half of the services
are quiet, so that their drift is judged in longer ticks. Counts are real tallies of events, committed minute
by minute: not timed.

Bar: reading a tick's counts, judging it and writing the judges' state takes under a second of one core,
whatever is due in it: a minute, a quarter of an hour (drift and every segment), an hour (quality), or a
minute in which a service has a new version. What is done once, before the first tick, is start-up, and told
apart. ``whole beat`` is all that the loop did at that tick, with everything that is not judging. Each size
runs in a process of its own, on one processor. Between the ticks that are told the server catches up on
eleven minutes at once, which is not told. With PostgreSQL ``database`` is what its processes spent meanwhile.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

PARTS = ("read", "judge", "write", "all")
ONE_THREAD = {f"{of}_NUM_THREADS": "1" for of in ("OMP", "OPENBLAS", "MKL")}
BAR = 1.0


def show(name: str, ticks: Sequence[dict[str, float]], whole: bool) -> None:
    if not ticks:
        return

    def of(part: str, how: Callable[[Any], Any]) -> str:
        return f"{how([t[part] for t in ticks]):6.3f}"

    cpu = " ".join(f"{part}{of(part, np.median)}" for part in PARTS)
    print(
        f"  {name:16}{len(ticks):3}  {cpu}  worst{of('all', max)}  "
        f"wall{of('all wall', np.median)} worst{of('all wall', max)}"
        + (f"  whole beat{of('beat', np.median)} worst{of('beat', max)}" if whole else "")
        + (f"  database{of('theirs', np.median)}" if any(t["theirs"] for t in ticks) else ""),
        flush=True,
    )


@contextmanager
def place(kind: str, folder: Path) -> Iterator[tuple[str, Callable[[], float]]]:
    """The address of a store, and what its server has spent so far."""
    if kind == "sqlite":
        yield str(folder / "fireline.sqlite"), lambda: 0.0
        return
    from tests.support import postgres

    server = postgres.start()
    try:
        yield server.new_database(), lambda: _spent_by(server.process.pid)
    finally:
        server.stop()


def _spent_by(parent: int) -> float:
    """Processor seconds of a process and of its children, as Linux has them."""
    found = 0.0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            told = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if parent in (int(told[1]), int(stat.parent.name)):
            found += (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK")
    return found


def yardstick() -> float:
    """Processor seconds of a fixed piece of work: on a busy machine even these grow, with whatever shares the
    core and its caches."""
    began, told, values = time.process_time(), dict.fromkeys(range(977), 0), np.arange(200_000.0)
    for i in range(60_000):
        told[i % 977] += i
    for _ in range(10):
        values = np.sqrt(values * 1.0001 + 1)
    return time.process_time() - began


def run(services: int, size: Any, hours: int, store: str, whole: bool) -> None:
    """One fleet in this process."""
    from bench.fleets.server import Server, at
    from bench.fleets.world import SIZES

    began = time.process_time()
    with tempfile.TemporaryDirectory(prefix="fleet-") as name, place(store, Path(name)) as (url, theirs):
        server = Server(services, size, Path(name), url, at(9, 58), theirs, whole)
        print(f"{services} services x {server.monitors} monitors ({size}: {SIZES[size]}), {store}")
        print(f"  start-up {server.started:.1f} processor seconds")
        kinds: dict[str, list[dict[str, float]]] = {
            "first minutes": [server.tick(), server.tick()], "minute": [], "first quarter": [], "quarter": [],
            "first hour": [], "hour": [], "a new version": [],
        }  # fmt: skip
        yards = [yardstick() for _ in range(20)]
        for quarter in range(4 * hours):
            server.tick(11)
            server.arrives(quarter % services, "C")
            kinds["a new version"].append(server.tick())
            kinds["minute"] += [server.tick(), server.tick()]
            due = "hour" if quarter % 4 == 3 else "quarter"
            kinds[due if kinds[f"first {due}"] else f"first {due}"].append(server.tick())
            told = {
                kind: [{p: round(t[p], 3) for p in PARTS} for t in ticks] for kind, ticks in kinds.items()
            }
            print(f"after {quarter + 1} quarters: {told}", file=sys.stderr, flush=True)
        for kind, ticks in kinds.items():
            show(kind, ticks, whole)
        every = [tick for kind in kinds.values() for tick in kind]
        worst = max(tick["all"] for tick in every)
        verdict = "under" if worst < BAR else "over"
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        print(f"  worst of {len(every)} ticks {worst:.2f} s, {verdict} the bar of {BAR:g} s; "
              f"{server.findings} {'incidents' if whole else 'findings'}; peak memory {peak:.2f} GB; "
              f"{time.process_time() - began:.0f} processor seconds in all")  # fmt: skip
        usual, best = 1e3 * np.median(yards), 1e3 * min(yards)
        print(f"  a fixed piece of work took {usual:.1f} ms, and at best {best:.1f}")
        server.store.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--services", type=int, default=1000)
    parser.add_argument("--sizes", nargs="+", default=["usual", "large"], choices=["usual", "large"])
    parser.add_argument("--stores", nargs="+", default=["sqlite"], choices=["sqlite", "postgres"])
    parser.add_argument("--hours", type=int, default=2)
    parser.add_argument("--here", action="store_true", help="in this process, one size and one store")
    parser.add_argument("--whole", action="store_true", help="with all else that a server does in a tick")
    given = parser.parse_args()
    if given.here:
        run(given.services, given.sizes[0], given.hours, given.stores[0], given.whole)
        return
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    print("processor seconds a tick, median (and worst); `all` is read + judge + write; one core", flush=True)
    for store in given.stores:
        for size in given.sizes:
            more = ["--services", str(given.services), "--hours", str(given.hours)]
            more += ["--whole"] if given.whole else []
            command = [sys.executable, "-m", "bench.fleet", "--here", "--sizes", size, "--stores", store]
            subprocess.run([*command, *more], check=True, env={**os.environ, **ONE_THREAD})


if __name__ == "__main__":
    main()
