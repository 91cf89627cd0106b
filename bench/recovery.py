"""How soon a real repair is told, and whether a half-repaired service is called well, by simulation.

    python -m bench recovery [--services 10] [--rates 5,50] [--days 3] [--at-alert]

A fault begins, the judge fires, and an hour after the alert the fault is repaired: wholly, by half, or not at
all. The repair is a measure that was seen in traffic: the effect is measured up to then.
Every hour after that the swapped test (`verify/recovery.py`) is asked, on the monitor's own ticks,
whether the alert's figure is well again. Shown are the median time from the repair to the first yes, and in
how many of the services that had an alert a yes came within the days.
"""

from __future__ import annotations

import argparse
import copy
import os
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace

import numpy as np

from bench.detecting.figures import median, spoken
from bench.detecting.ours import learned, narrow
from bench.detecting.scenes import ONSET
from bench.detecting.service import DAY, LARGE, SEPARATION, SMALL, Array, Service, runbook_of
from fireline.casefile import CaseFile
from fireline.clock import from_micros, micros
from fireline.detect.baseline import Baseline
from fireline.detect.judge import Judge
from fireline.terms.alert import Finding
from fireline.verify.recovery import of_alert

LEFT = {"wholly": 0.0, "by half": 0.5, "not": 1.0}
Make = Callable[[Service, Array, Array, Array], None]


def rate(cell: str, by: float) -> Make:
    def make(service: Service, minutes: Array, quarters: Array, hours: Array) -> None:
        service.truth[cell] = service.truth[cell] + by * minutes
        service.draw_rate(cell, 0)

    return make


def place(name: str, by: float) -> Make:
    def make(service: Service, minutes: Array, quarters: Array, hours: Array) -> None:
        for scope in (SMALL, LARGE):
            key = f"{name}|{scope.value}"
            service.truth[key] = service.truth[key] + by * quarters
        service.draw_shape(name, 0)

    return make


def labels(what: str, by: float) -> Make:
    def make(service: Service, minutes: Array, quarters: Array, hours: Array) -> None:
        service.truth[what] = service.truth[what] + by * hours
        service.draw_quality(0)

    return make


CASES: dict[str, tuple[str, Make]] = {
    "errors 1 -> 3 %": ("error_rate", rate("error", 0.02)),
    "errors 1 -> 20 %": ("error_rate", rate("error", 0.19)),
    "toxic .2 -> 1 %": ("flag_rate", rate("flag:toxic", 0.008)),
    "nulls .2 -> 10 %": ("null_rate", rate("null:x0", 0.098)),
    "drift .6 sd": ("numeric_drift", place("feature:x3", 0.6)),
    "score .3 sd": ("score_drift", place("score", 0.3)),
    "AUC -.10": ("auc", labels("separation", 0.6266 - SEPARATION)),
    "accuracy -5 points": ("accuracy", labels("wrong", 0.05)),
}


def played(
    whole: Service, baseline: Baseline, kind: str, make: Make, left: float, days: float, at_alert: bool
) -> tuple[float, bool]:
    """Seconds from the repair to the first yes (infinite: none in ``days``), and whether the judge fired."""
    service = _copy(whole)
    make(service, *(_amount(service, every, np.inf, 1.0) for every in (1, 15, 60)))
    found = _first(service, baseline, kind)
    if found is None:
        return np.inf, False
    repaired = found.at.timestamp() - service.until / 1e6 + 3600
    mended = _copy(whole)
    make(mended, *(_amount(mended, every, repaired, left) for every in (1, 15, 60)))
    for layout_key, counts in mended.counts.items():  # what was seen up to the repair stays as it was
        upto = int((mended.reference * DAY + repaired) // layout_key[1])
        counts[:upto] = service.counts[layout_key][:upto]
    began = found.since or found.at
    asked = SimpleNamespace(judge=Judge(baseline, runbook_of(28), service.until), read=mended.read)
    contained = None if at_alert else from_micros(service.until) + timedelta(seconds=repaired)
    for hour in range(1, int(days * 24) + 1):
        now = from_micros(service.until) + timedelta(seconds=repaired + hour * 3600)
        trace = CaseFile.trace(asked, found, began - timedelta(days=1), now)  # type: ignore[arg-type]
        if trace is not None and of_alert(_alert(found), trace, began, contained).recovered:
            return hour * 3600.0, True
    return np.inf, True


def _copy(service: Service) -> Service:
    found = copy.copy(service)
    found.truth = dict(service.truth)
    found.counts = {key: counts.copy() for key, counts in service.counts.items()}
    found.rng = np.random.default_rng((service.seed, 11))
    return found


def _alert(found: Finding) -> dict[str, object]:
    return {
        "id": "a", "family": found.family, "feature": found.feature, "unit": found.unit, "seen": found.seen,
        "usual": found.usual, "version": found.version, "fired_at": found.at.isoformat(),
    }  # fmt: skip


def _amount(service: Service, every: int, repaired: float, left: float) -> Array:
    at = service.seconds[::every]
    return np.where(at < ONSET, 0.0, np.where(at < repaired, 1.0, left))


def _first(service: Service, baseline: Baseline, kind: str) -> Finding | None:
    """The judge's first finding of ``kind`` about the whole service after the onset."""
    judge = Judge(baseline, runbook_of(28), service.until)
    narrow(judge, {kind})
    for day in np.arange(ONSET / DAY, 9, 0.25):
        limit = service.until + int(day * DAY) * 1_000_000
        for found in judge.advance(service.read, limit, limit):
            if found.scope_key == "service" and micros(found.at) > service.until + ONSET * 1e6:
                return found
    return None


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--services", type=int, default=10)
    ask.add_argument("--rates", default="5,50")
    ask.add_argument("--days", type=float, default=3.0)
    ask.add_argument("--cases", default="")
    ask.add_argument("--at-alert", action="store_true", help="measure the effect up to the alert only")
    said = ask.parse_args()
    os.nice(5)
    cases = {n: c for n, c in CASES.items() if any(word in n for word in said.cases.split(","))}
    for per_minute in (float(r) for r in said.rates.split(",")):
        told: dict[tuple[str, str], list[float]] = {}
        for seed in range(said.services):
            service = Service(per_minute, seed, live=14)
            baseline = learned(service)
            for name, (kind, make) in cases.items():
                for how, left in LEFT.items():
                    delay, fired = played(service, baseline, kind, make, left, said.days, said.at_alert)
                    told.setdefault((name, how), []).extend([delay] if fired else [])
        print(f"\n{per_minute:g} events a minute, {said.services} services: first yes after a repair")
        print(f"{'fault':22}" + "".join(f"{how:>24}" for how in LEFT))
        for name in cases:
            print(f"{name:22}" + "".join(f"{_said(told[name, how]):>24}" for how in LEFT), flush=True)


def _said(delays: list[float]) -> str:
    if not delays:
        return "never noticed"
    return f"{spoken(median(delays)[0])} ({sum(np.isfinite(delays))} of {len(delays)})"


if __name__ == "__main__":
    main()
