"""Gauges beyond their declared limits, and data older than it may be."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

from fireline.detect.kinds import Array, Kind, Monitor, Rates
from fireline.detect.sampled import cells, cold_base, kind_of, monitors
from fireline.terms.counts import Series
from fireline.terms.plan import Plan

USUAL = 0.02


def _limited(series: Series) -> bool:
    return kind_of(series) == "gauge" and (isfinite(series.edges[0]) or isfinite(series.edges[1]))


def _aged(series: Series) -> bool:
    return kind_of(series) == "age" and isfinite(series.edges[0])


class Saturation(Kind):
    """CPU, memory, GPU, queues, replicas at the autoscaler's limit.

    Samples beyond the runbook's ``above`` or ``below``, more than twice as many as usual (one in fifty where
    nothing is known).

    >>> from fireline.detect.example import counted
    >>> from fireline.detect.sampled import example
    >>> gauges = example("gauge:cpu", above=0.9)
    >>> Saturation().ticks(*counted(gauges, {"gauge:cpu": {"n": 4, "beyond": 3}}))
    Rates(hits=array([[3]]), n=array([[4]]))
    """

    name = "saturation"
    family = "resource"
    layout = "signals"
    scopes = ("service",)
    tolerance = 2.0
    floor = USUAL
    cold = True

    def monitors(self, plan: Plan) -> Sequence[Monitor]:
        """One monitor a gauge with a limit."""
        return monitors(plan, self.name, _limited)

    def ticks(self, plan: Plan, counts: Array) -> Rates:
        """Samples beyond a limit of all samples [T, gauges]."""
        return Rates(cells(plan, counts, _limited, "beyond"), cells(plan, counts, _limited, "n"))

    def fixed_base(self, plan: Plan) -> Array:
        """One in fifty where nothing is known."""
        return cold_base(plan, _limited, USUAL)


class Staleness(Kind):
    """A table, a stream or a feature older than the runbook's ``above`` (seconds since it was refreshed).

    >>> from fireline.detect.example import counted
    >>> from fireline.detect.sampled import example
    >>> ages = example("age:orders_table", above=7200.0)
    >>> Staleness().ticks(*counted(ages, {"age:orders_table": {"n": 1, "beyond": 1}}))
    Rates(hits=array([[1]]), n=array([[1]]))
    """

    name = "staleness"
    family = "freshness"
    layout = "signals"
    scopes = ("service",)
    tolerance = 2.0
    floor = USUAL
    k = 3
    cold = True

    def monitors(self, plan: Plan) -> Sequence[Monitor]:
        """One monitor an age with a limit."""
        return monitors(plan, self.name, _aged)

    def ticks(self, plan: Plan, counts: Array) -> Rates:
        """Samples that are too old of all samples [T, ages]."""
        return Rates(cells(plan, counts, _aged, "beyond"), cells(plan, counts, _aged, "n"))

    def fixed_base(self, plan: Plan) -> Array:
        """One in fifty where nothing is known."""
        return cold_base(plan, _aged, USUAL)
