"""How much room counts take: a service over days, rolled up step by step in SQLite, and a year of a hundred.
comes to.

    python -m bench.retention [--days 7] [--per-minute 50]

The log is `bench.tally`'s, at the traffic given: 20 features, 5 segment columns of 45 values, 2 versions: 48
scopes and well over 50 monitors. Each level is measured in a store of its own, vacuumed, at the same days, so
that bytes a service-day are those of that level alone. The year is the sum: so many days of each level.
"""

from __future__ import annotations

import argparse
import sqlite3
import tempfile
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from bench.tally import DAYS, PIECE, log, runbook
from fireline.clock import from_micros
from fireline.detect.registry import kinds
from fireline.live.adding import added
from fireline.live.keeping import Keeping, coarser
from fireline.store import Store
from fireline.telemetry.columns import Words, times
from fireline.telemetry.counters import Rows, declared
from fireline.telemetry.layout import declare
from fireline.telemetry.tally import outcome, tally, tally_quality
from fireline.terms.counts import CountsRow
from fireline.terms.plan import Plan

LEVELS = {"minutes": None, "quarters": 900, "hours": 3600, "days": 86_400}


def counted(days: int, per_minute: int) -> tuple[Plan, list[CountsRow], int]:
    """The plan, the counts of ``days``, put together by the hour as a server does, and their rows' number."""
    rows = days * 1440 * per_minute
    table = log(rows, seed=1)
    # the log's four weeks squeezed into ``days``
    squeezed = (times(table) - 1_709_510_400_000_000) * days // DAYS + 1_709_510_400_000_000
    at = table.column_names.index("time")
    table = table.set_column(at, "time", pa.array(squeezed, pa.timestamp("us", "UTC")))
    begin = table.slice(0, 100_000)
    plan = declare(runbook(), begin)
    plan = replace(plan, extras=declared(runbook(), plan, Rows(begin, Words(begin)), ("events",)))
    found: list[CountsRow] = []
    hourly = max(60 * per_minute, 1)
    step = min(hourly, PIECE)
    for low in range(0, len(table), step):
        piece = table.slice(low, step)
        found += tally(plan, piece) + tally_quality(plan, piece, outcome(plan, piece.column("label")))
    return plan, found, rows


def size(rows: list[CountsRow], folder: Path, name: str) -> int:
    """Bytes of a store that holds ``rows``, less those of an empty one."""
    sizes = []
    for label, kept in (("empty", []), (name, rows)):
        path = folder / f"{label}-{name}.sqlite"
        with Store.open(path) as store, store.begin() as tx:
            tx.commit_batch("b", at=from_micros(0), service="bench", counts=kept)
        sizes.append(_vacuumed(path))
    return sizes[1] - sizes[0]


def _vacuumed(path: Path) -> int:
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path.stat().st_size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--days", type=int, default=7)
    parser.add_argument("--per-minute", type=int, default=50)
    asked = parser.parse_args()
    plan, rows, events = counted(asked.days, asked.per_minute)
    monitors = sum(len(kind.monitors(plan)) for kind in kinds())
    print(f"{asked.days} days of {asked.per_minute} events a minute: {events:,} events, {monitors} monitors")
    a_day = {}
    with tempfile.TemporaryDirectory() as folder:
        for level, grain in LEVELS.items():
            if grain is not None:
                fine = [row for row in rows if row.grain < grain]
                rest = [row for row in rows if row.grain >= grain]
                by_grain = sorted({row.grain for row in fine})
                made = [r for g in by_grain for r in coarser([x for x in fine if x.grain == g], grain)]
                rows = list(added([*rest, *made]))
            a_day[level] = size(rows, Path(folder), level) / asked.days
            print(f"{level:9} {a_day[level] / 1e3:10.1f} kB a service-day, {len(rows):7,} rows")
    keeping = Keeping()
    spans = {
        "minutes": keeping.minutes.days,
        "quarters": keeping.quarters.days - keeping.minutes.days,
        "hours": 365 - keeping.quarters.days,
    }
    year = sum(a_day[level] * days for level, days in spans.items())
    print(f"a year of one service: {year / 1e6:.0f} MB; of 100: {100 * year / 1e9:.1f} GB; days: {spans}")
    print(f"the same year all in minutes: {100 * 365 * a_day['minutes'] / 1e9:.0f} GB")
    print(f"a year older than {keeping.hours.days} days, of 100: {100 * 365 * a_day['days'] / 1e9:.2f} GB")


if __name__ == "__main__":
    main()
