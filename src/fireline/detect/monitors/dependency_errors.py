"""Calls to what the service depends on that failed."""

from __future__ import annotations

from collections.abc import Sequence

from fireline.detect.kinds import Array, Kind, Monitor, Rates
from fireline.detect.sampled import cells, cold_base, kind_of, monitors
from fireline.terms.counts import Series
from fireline.terms.plan import Plan

USUAL = 0.01


def _calls(series: Series) -> bool:
    return kind_of(series) == "call"


class DependencyErrors(Kind):
    """Failed calls to a feature store, a vector store or a vendor's model.

    Judged against the seasonal base, or one in a hundred where the reference did not hold it.

    >>> from fireline.detect.example import counted
    >>> from fireline.detect.sampled import example
    >>> calls = example("call:features")
    >>> DependencyErrors().ticks(*counted(calls, {"call:features": {"n": 200, "failed": 30}}))
    Rates(hits=array([[30]]), n=array([[200]]))
    """

    name = "dependency_errors"
    family = "resource"
    layout = "signals"
    scopes = ("service",)
    floor = 1e-3
    cold = True

    def monitors(self, plan: Plan) -> Sequence[Monitor]:
        """One monitor a dependency that calls are told of."""
        return monitors(plan, self.name, _calls)

    def ticks(self, plan: Plan, counts: Array) -> Rates:
        """Failed of all calls [T, dependencies]."""
        return Rates(cells(plan, counts, _calls, "failed"), cells(plan, counts, _calls, "n"))

    def fixed_base(self, plan: Plan) -> Array:
        """One in a hundred where nothing is known."""
        return cold_base(plan, _calls, USUAL)
