"""The fleet's services: what is usual for each, and a minute's or an hour's counts for any of them.

All are grown from two learnt baselines (a busy service and a quiet one, whose drift is judged in longer
ticks), and each has an identity, a time zone and figures of its own, in arrays of its own: nothing is shared
that a
real server would hold for each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from fireline.detect.baseline import learn
from fireline.detect.fit import Fit
from fireline.live.pulse import Book
from fireline.runbook.schema import Runbook
from fireline.telemetry.layout import declare
from fireline.telemetry.tally import add_up, tally, tally_quality
from fireline.terms.counts import CountsRow
from fireline.terms.plan import Layout, Plan
from tests.support import logs, town

Size = Literal["usual", "large"]
SIZES: dict[Size, str] = {
    "usual": "12 features, one live version, no segment column",
    "large": "6 features, two live versions, a segment column of four values",
}
DAYS, SAMPLES = 14, 40
RATES = (20.0, 4.0)
ZONES = {"UTC": 0, "America/New_York": -4, "Europe/Berlin": 1, "Asia/Kolkata": 5}
MORE = tuple(f"more{i}" for i in range(5))
CORE = datetime(2024, 3, 18, 9, tzinfo=UTC)


def runbook(service: str, zone: str, size: Size) -> Runbook:
    plain = logs.runbook().model_dump(mode="json")
    plain |= {"service": service, "timezone": zone, "allowed_lateness": "0s"}
    plain["columns"]["segments"] = ["carrier"] if size == "large" else []
    plain["labels"]["age"] = "0m"
    if size == "usual":
        plain["columns"]["features"] |= {"device": "categorical"} | dict.fromkeys(MORE, "numeric")
    return Runbook.model_validate(plain)


def events(seed: int, rate: float, since: float, until: float, size: Size) -> tuple[pa.Table, np.ndarray]:
    """Events of those days and their labels."""
    table, label = town.events(seed, rate, since, until, newcomer=0.3 if size == "large" else 0.0)
    for i, name in enumerate(MORE if size == "usual" else ()):
        table = table.append_column(name, pa.array(np.random.default_rng((seed, i)).normal(0, 1, len(table))))
    return table, label


class Kin:
    """Services of one traffic: their baseline, and minutes and hours of their events as rows of counts."""

    def __init__(self, size: Size, rate: float) -> None:
        log, label = events(1, rate, 0, DAYS, size)
        self.size = size
        self.plan = town.with_labels(declare(runbook("town", "UTC", size), log), label)
        rows = tally(self.plan, log) + tally_quality(self.plan, log, label)
        tables = {
            (layout.name, grain): add_up(rows, layout, grain, logs.START // grain,
                                         (logs.START + DAYS * 86_400) // grain)
            for layout in self.plan.layouts for grain in set(layout.grains.values())
        }  # fmt: skip
        place = town.Town(self.plan, DAYS, tables)
        self.baseline = learn(
            self.plan, place.read, place.at(0), place.at(DAYS), place.at(DAYS), lambda _: None
        )
        at = (CORE.timestamp() - logs.START) / 86_400
        self.minutes = [
            tally(self.plan, events(100 + i, rate, at, at + 1 / 1440, size)[0]) for i in range(SAMPLES)
        ]
        self.hours: list[list[CountsRow]] = []
        for i in range(4):
            found, label = events(200 + i, rate, at, at + 1 / 24, size)
            self.hours.append(tally_quality(self.plan, found, label))

    def book(self, number: int, path: Path) -> Book:
        """A service of its own."""
        rng = np.random.default_rng(number)
        name, zone = f"s{number:04d}", tuple(ZONES)[number % len(ZONES)]

        def own(layout: Layout) -> Layout:
            return replace(layout, series=tuple(replace(s, reference=name) for s in layout.series))

        layouts = {n: own(getattr(self.plan, n)) for n in ("rates", "shapes", "delays", "quality")}
        plan = replace(self.plan, service=name, timezone=zone, **layouts)
        fits = {place: _own(one, ZONES[zone], rng) for place, one in self.baseline.fits.items()}
        totals = {place: counts.copy() for place, counts in self.baseline.totals.items()}
        own_baseline = replace(self.baseline, plan=plan, fits=fits, totals=totals)
        return Book(runbook(name, zone, self.size), own_baseline, path, "")

    def rows(self, plan: Plan, rows: Sequence[CountsRow], at: datetime) -> list[dict[str, Any]]:
        """The rows as ``plan``'s, at another time."""
        names = {
            mine.identity: theirs.identity
            for mine, theirs in zip(self.plan.layouts, plan.layouts, strict=True)
        }
        second = int(at.timestamp())
        return [
            {"service": plan.service, "layout": names[row.layout], "grain": row.grain, "scope": row.scope,
             "first_tick": second // row.grain, "ticks": row.ticks, "late": row.late, "body": row.body}
            for row in rows
        ]  # fmt: skip


def _own(fit: Fit, hours: int, rng: np.random.Generator) -> Fit:
    """A fit in arrays of its own, a little other, and as people in another time zone would have learnt it."""
    arrays = {f.name: np.array(v) for f in fields(fit) if isinstance(v := getattr(fit, f.name), np.ndarray)}
    for name in ("base", "base_variance"):
        days = (np.roll(half, hours, axis=0) for half in np.split(arrays[name], 2))
        arrays[name] = np.concatenate(list(days))
    arrays["base"] *= rng.uniform(0.98, 1.02)
    arrays["tau2"] *= rng.uniform(1, 1.2)
    return replace(fit, **arrays)
