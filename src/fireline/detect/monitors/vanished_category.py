"""A value that used to come and no longer does."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fireline.detect.kinds import Array, Kind, Monitor, Rates
from fireline.terms.plan import Plan

LEAST_SHARE = 0.02


class VanishedCategory(Kind):
    """Values of at least 2 % of the reference that come four times rarer than the hour lets one expect.

    >>> from fireline.detect.example import counted
    >>> VanishedCategory().ticks(*counted("shapes", {"feature:country": {"=DE": 100}}))
    Rates(hits=array([[100,   0]]), n=array([[100, 100]]))
    """

    name = "vanished_category"
    family = "schema"
    layout = "shapes"
    sides = "down"
    tolerance = 4.0
    floor = 1e-3
    k = 3
    pool = "drift"
    urgency = "ticket"
    least = 5

    def monitors(self, plan: Plan) -> Sequence[Monitor]:
        """One monitor, a channel for each value that is frequent enough."""
        watched = _watched(plan)
        names = tuple(f"{feature}={value}" for feature, value, _ in watched)
        features = tuple(feature for feature, _, _ in watched)
        return (Monitor(self.name, "categories", None, names, features=features),) if watched else ()

    def ticks(self, plan: Plan, counts: Array) -> Rates:
        """Events of each value of events with the feature [T, values]."""
        hits, totals = [], []
        for feature, _, at in _watched(plan):
            block = counts[:, plan.shapes.span(f"feature:{feature}")]
            hits.append(block[:, at])
            totals.append(block[:, :-1].sum(axis=1))
        return Rates(np.stack(hits, axis=1), np.stack(totals, axis=1))

    def tolerances(self, plan: Plan, base: Array) -> Array:
        """Four times rarer in shares, whatever the share."""
        return _rarer(np.clip(base, self.floor, 0.999), self.tolerance)


def _rarer(share: Array, times: float) -> Array:
    """The odds ratio that makes a share so many times rarer."""
    less = share / times
    return np.asarray((share / (1 - share)) / (less / (1 - less)))


def _watched(plan: Plan) -> list[tuple[str, str, int]]:
    """(feature, value, its cell) of every value of the share that is watched."""
    return [
        (feature, value, at)
        for feature, kind in plan.features.items()
        if kind != "numeric"
        for at, value in enumerate(plan.shapes.by_name[f"feature:{feature}"].values)
        if plan.shapes.by_name[f"feature:{feature}"].shares[at] >= LEAST_SHARE
    ]
