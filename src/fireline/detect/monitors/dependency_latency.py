"""Calls to what the service depends on that took too long."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

from fireline.detect.kinds import Array, Kind, Monitor, Rates
from fireline.detect.sampled import cells, cold_base, kind_of, monitors
from fireline.terms.counts import Series
from fireline.terms.plan import Plan

USUAL = 0.05


def _timed(series: Series) -> bool:
    return kind_of(series) == "call" and isfinite(series.edges[2])


class DependencyLatency(Kind):
    """Slow calls to a dependency.

    Slow is beyond the runbook's ``slow_ms``, or 1.25 times the reference's 95th percentile.

    >>> from fireline.detect.example import counted
    >>> from fireline.detect.sampled import example
    >>> calls = example("call:features")
    >>> DependencyLatency().ticks(*counted(calls, {"call:features": {"n": 200, "slow": 80}}))
    Rates(hits=array([[80]]), n=array([[200]]))
    """

    name = "dependency_latency"
    family = "resource"
    layout = "signals"
    scopes = ("service",)
    urgency = "ticket"
    tolerance = 1.5
    floor = 1e-2
    cold = True

    def monitors(self, plan: Plan) -> Sequence[Monitor]:
        """One monitor a dependency whose calls are timed."""
        return monitors(plan, self.name, _timed)

    def ticks(self, plan: Plan, counts: Array) -> Rates:
        """Slow of all calls [T, dependencies]."""
        return Rates(cells(plan, counts, _timed, "slow"), cells(plan, counts, _timed, "n"))

    def fixed_base(self, plan: Plan) -> Array:
        """One in twenty where nothing is known."""
        return cold_base(plan, _timed, USUAL)
