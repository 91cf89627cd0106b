"""Users' reports of bad answers, and error lines of logs, as rates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fireline.detect.kinds import Array, Kind, Monitor, Rates
from fireline.detect.sampled import cells, cold_base, kind_of, monitors
from fireline.terms.counts import Series
from fireline.terms.plan import Plan

CHANCES = 10_000
USUAL = 0.01 / CHANCES


def _reports(series: Series) -> bool:
    return kind_of(series) == "report"


def _errors(series: Series) -> bool:
    return kind_of(series) == "error"


class ReportRate(Kind):
    """More users' reports than usual for the hour.

    Each minute counts as ten thousand chances of one, which makes the binomial test one of Poisson counts.

    >>> from fireline.detect.example import counted
    >>> from fireline.detect.sampled import example
    >>> reports = example("report:unsafe")
    >>> ReportRate().ticks(*counted(reports, {"report:unsafe": {"n": 6}}))
    Rates(hits=array([[6]]), n=array([[10000]]))
    """

    name = "report_rate"
    family = "other"
    layout = "signals"
    scopes = ("service",)
    urgency = "ticket"
    tolerance = 2.0
    floor = USUAL
    cold = True
    unit = "share of chances"

    def monitors(self, plan: Plan) -> Sequence[Monitor]:
        """One monitor a kind of report."""
        return monitors(plan, self.name, _reports)

    def ticks(self, plan: Plan, counts: Array) -> Rates:
        """Reports of ten thousand chances a minute [T, kinds of report]; a minute without any is data too."""
        n = np.minimum(cells(plan, counts, _reports, "n"), CHANCES)
        return Rates(n, np.full_like(n, CHANCES))

    def fixed_base(self, plan: Plan) -> Array:
        """One in a hundred minutes where nothing is known."""
        return cold_base(plan, _reports, USUAL)


class ErrorLines(Kind):
    """More error lines of a logger than usual for the hour; what they say is kept as evidence.

    Counted as users' reports are: each minute is ten thousand chances of a line.

    >>> from fireline.detect.example import counted
    >>> from fireline.detect.sampled import example
    >>> lines = example("error:fetch")
    >>> ErrorLines().ticks(*counted(lines, {"error:fetch": {"n": 40}}))
    Rates(hits=array([[40]]), n=array([[10000]]))
    """

    name = "error_lines"
    family = "error_rate"
    layout = "signals"
    scopes = ("service",)
    urgency = "ticket"
    tolerance = 2.0
    floor = USUAL
    cold = True
    unit = "share of chances"

    def monitors(self, plan: Plan) -> Sequence[Monitor]:
        """One monitor a logger."""
        return monitors(plan, self.name, _errors)

    def ticks(self, plan: Plan, counts: Array) -> Rates:
        """Lines of ten thousand chances a minute [T, loggers]; a minute without any is data too."""
        n = np.minimum(cells(plan, counts, _errors, "n"), CHANCES)
        return Rates(n, np.full_like(n, CHANCES))

    def fixed_base(self, plan: Plan) -> Array:
        """One in a hundred minutes where nothing is known."""
        return cold_base(plan, _errors, USUAL)
