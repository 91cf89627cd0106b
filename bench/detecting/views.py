"""What the peers are given: the same counts, by the hour."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.detecting.service import CATEGORIES, NUMERIC, SMALL, Array, Service
from fireline.detect.monitors.auc import binned_auc
from fireline.terms.counts import HOUR, MINUTE, QUARTER, SERVICE, Scope

SEGMENTED = 6
PACKAGED = frozenset({
    "feature:x0", "feature:x3", "feature:c1", "score", "rate:error", "rate:flag:toxic", "auc", "accuracy",
    "calibration", "coverage", "traffic",
})  # fmt: skip  # what the packages watch on faultless days: all would take them hours


@dataclass(frozen=True)
class View:
    """One thing watched, by the hour: a histogram [hours, B] or None, and a figure [hours] (NaN: no data).

    ``kind`` is ``numeric`` (ordered bins), ``category``, or ``figure`` (a quality measure, or traffic).
    """

    name: str
    kind: str
    histogram: Array | None
    figure: Array

    def until(self, hour: int) -> View:
        """The same up to ``hour``."""
        whole = self.histogram
        return View(self.name, self.kind, None if whole is None else whole[:hour], self.figure[:hour])


def everything() -> list[tuple[str, Scope]]:
    """The views a team would watch on a service. Of the nulls, values out of range and unseen ones it is one
    each, and of the segments a few features in the small one, where Fireline watches all of them: that leaves
    the peers fewer chances of a false alarm."""
    features = [f"feature:{name}" for name in (*NUMERIC, *CATEGORIES)]
    rates = ["error", "flag:toxic", "slow", "duplicate", "null:x0", "out:x1", "unseen:c0"]
    figures = ["auc", "accuracy", "calibration", "coverage", "traffic"]
    names = [*features, "score", *(f"rate:{name}" for name in rates), *figures]
    return [*((name, SERVICE) for name in names), *((f"feature:x{i}", SMALL) for i in range(SEGMENTED))]


def view(service: Service, name: str, scope: Scope = SERVICE) -> View:
    """The view called ``name``."""
    if name.startswith("rate:"):
        cells = service.plan.rates.series[0].cells
        by_hour = service.counts["rates", MINUTE, SERVICE].reshape(-1, 60, len(cells)).sum(axis=1)
        hits, n = by_hour[:, cells.index(name.removeprefix("rate:"))], by_hour[:, cells.index("n")]
        return View(name, "category", np.stack([hits, np.maximum(n - hits, 0)], axis=1), _ratio(hits, n))
    if name in service.plan.shapes.by_name:
        span = service.plan.shapes.span(name)
        counts = service.counts["shapes", QUARTER, scope][:, span.start : span.stop - 3]
        by_hour = counts.reshape(-1, 4, counts.shape[1]).sum(axis=1)
        figure = _ratio(by_hour @ np.arange(by_hour.shape[1]), by_hour.sum(axis=1)) / by_hour.shape[1]
        return View(name, service.plan.shapes.by_name[name].kind, by_hour, figure)
    return View(name, "figure", None, _figure(service, name))


def _figure(service: Service, name: str) -> Array:
    layout, counts = service.plan.quality, service.counts["quality", HOUR, SERVICE]
    labels = counts[:, layout.span("labels")]
    if name == "auc":
        return binned_auc(counts[:, layout.span("negatives")], counts[:, layout.span("positives")])[0]
    if name == "accuracy":
        return _ratio(labels[:, 4], labels[:, 3])
    if name == "calibration":
        return _ratio(counts[:, layout.offsets["moments"] + 2] / 1_000_000, labels[:, 1])
    if name == "coverage":
        return _ratio(labels[:, 1], labels[:, 0])
    if name == "traffic":
        span = service.plan.shapes.span("feature:x0")
        events = service.counts["shapes", QUARTER, SERVICE][:, span].sum(axis=1)
        return np.log1p(events.reshape(-1, 4).sum(axis=1))
    raise KeyError(name)


def _ratio(part: Array, whole: Array) -> Array:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(part / whole, dtype=np.float64)
