"""The business figure: beside its season, between the arms of an experiment, and whether those are fairly
drawn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fireline.detect.kinds import Array, Behind, Kind, Means, Monitor, Rates, Told
from fireline.detect.quality import FIXED_POINT
from fireline.detect.report import share_in_words
from fireline.terms.plan import Plan

OTHERS = "other arms"
ROWS, N, SUM, SUM2 = range(4)
FIGURES = 4
CLEAR = 5.0
"""Standard errors that the control's mean must lie from 0 before anything is said relative to it."""


def _arms(plan: Plan) -> tuple[str, ...]:
    """The arms the reference knew, control first; none where events have none."""
    series = plan.layout("outcomes").by_name.get("arms")
    return series.values if series else ()


def _means(plan: Plan, counts: Array, series: str) -> tuple[Array, Array, Array]:
    """Mean outcome, its variance and the events behind it, of all or of each arm: [T, 1 or arms + 1] each."""
    layout = plan.layout("outcomes")
    unit = layout.by_name[series].edges[0]
    block = counts[:, layout.span(series)].astype(np.float64)
    block = block.reshape(len(counts), layout.by_name[series].width // FIGURES, FIGURES)
    n = block[..., N]
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = block[..., SUM] / FIXED_POINT / n
        spread = np.maximum(block[..., SUM2] / FIXED_POINT / n - mean**2, 1e-9)
        return mean * unit, spread * unit**2 / n, n


class Kpi(Kind):
    """Mean outcome of the events against its season, beyond 4 %: a ticket, for much moves a business figure.

    By itself only where there is no control arm to compare with: that comparison needs no season, and half
    the tolerance.

    >>> from fireline.detect.example import counted
    >>> from fireline.detect.example_layouts import OUTCOMES
    >>> sums = {"rows": 110, "n": 100, "sum": 120_000_000, "sum2": 200_000_000}  # in millionths of 2.0
    >>> Kpi().ticks(*counted(OUTCOMES, {"all": sums})).value
    array([[2.4]])
    """

    name = "kpi"
    family = "kpi"
    layout = "outcomes"
    test = "mean"
    scopes = ("service",)
    sides = "both"
    tolerance = 0.04
    k = 2
    urgency = "ticket"
    least = 30
    merge_to = 100
    unit = "mean"

    def by_itself(self, plan: Plan) -> bool:
        """Where events have no arms."""
        return not _arms(plan)

    def monitors(self, plan: Plan) -> Sequence[Monitor]:
        """One monitor, where outcomes are logged."""
        return (Monitor(self.name, "outcome"),) if plan.layout(self.layout).series else ()

    def ticks(self, plan: Plan, counts: Array) -> Means:
        """Mean outcome [T, 1]."""
        return Means(*_means(plan, counts, "all"))

    def tolerances(self, plan: Plan, base: Array) -> Array:
        """4 % of the usual mean."""
        return np.maximum(self.tolerance * np.abs(base), 1e-12)

    def tell(self, plan: Plan, monitor: Monitor, channel: int, behind: Behind) -> Told:
        """The figure in words."""
        seen, usual = behind.figures
        return Told(f"the business figure is {seen:.4g} on average, at this hour usually {usual:.4g}")


class KpiDifference(Kind):
    """Mean outcome of an arm relative to the control's, 2 % beyond the reference: pages when it falls.

    Arms that appear later are judged together, against no difference at all. A figure that rose is a ticket.

    >>> from fireline.detect.example import counted
    >>> from fireline.detect.example_layouts import OUTCOMES
    >>> arms = {"n:A": 100, "sum:A": 100_000_000, "sum2:A": 110_000_000, "n:B": 100, "sum:B": 90_000_000}
    >>> KpiDifference().ticks(*counted(OUTCOMES, {"arms": arms})).value
    array([[-0.1,  nan]])
    """

    name = "kpi_difference"
    family = "kpi"
    layout = "outcomes"
    test = "mean"
    scopes = ("service",)
    sides = "both"
    tolerance = 0.02
    k = 2
    least = 30
    merge_to = 100
    unit = "relative difference"

    def monitors(self, plan: Plan) -> Sequence[Monitor]:
        """One monitor for each arm but the control, and one for those the reference did not know."""
        arms = _arms(plan)
        named = (*arms[1:], OTHERS) if arms else ()
        return [Monitor(self.name, f"arm:{arm}", arm) for arm in named]

    def ticks(self, plan: Plan, counts: Array) -> Means:
        """Relative difference to the control [T, arms]; n is the smaller side."""
        mean, variance, n = _means(plan, counts, "arms")
        control, doubt, few = mean[:, :1], variance[:, :1], n[:, :1]
        with np.errstate(invalid="ignore", divide="ignore"):
            clear = np.abs(control) > CLEAR * np.sqrt(doubt)
            size = np.where(clear, np.abs(control), np.nan)
            value = (mean[:, 1:] - control) / size
            spread = variance[:, 1:] / size**2 + (mean[:, 1:] / control) ** 2 * doubt / size**2
        return Means(value, spread, np.where(np.isfinite(value), np.minimum(n[:, 1:], few), 0.0))

    def fixed_base(self, plan: Plan) -> Array:
        """No difference for arms the reference did not know."""
        return np.array([np.nan] * (len(_arms(plan)) - 1) + [0.0])

    def tell(self, plan: Plan, monitor: Monitor, channel: int, behind: Behind) -> Told:
        """The difference in words."""
        seen, usual = behind.figures
        side = "below" if seen < 0 else "above"
        now, before = f"{abs(100 * seen):.1f} % {side} control", f"usually {100 * usual:+.1f} %"
        return Told(f"the business figure of {monitor.feature} is {now}, {before}")


class SampleRatio(Kind):
    """Share of the events each arm gets, beside the reference's: a skewed draw makes every comparison void.

    >>> from fireline.detect.example import counted
    >>> from fireline.detect.example_layouts import OUTCOMES
    >>> SampleRatio().ticks(*counted(OUTCOMES, {"arms": {"rows:A": 60, "rows:B": 40}}))
    Rates(hits=array([[40]]), n=array([[100]]))
    """

    name = "sample_ratio"
    family = "kpi"
    layout = "outcomes"
    scopes = ("service",)
    sides = "both"
    tolerance = 1.05
    k = 2
    urgency = "ticket"
    floor = 1e-3
    unit = "share of events"

    def monitors(self, plan: Plan) -> Sequence[Monitor]:
        """One monitor for each arm but the control."""
        return [Monitor(self.name, f"ratio:{arm}", arm) for arm in _arms(plan)[1:]]

    def ticks(self, plan: Plan, counts: Array) -> Rates:
        """Events of the arm, and of all arms the reference knew: [T, arms]."""
        layout, arms = plan.layout(self.layout), len(_arms(plan))
        rows = counts[:, layout.span("arms")][:, ROWS::FIGURES]
        total = rows[:, :arms].sum(axis=1)[:, None]
        return Rates(rows[:, 1:arms], np.broadcast_to(total, (len(counts), arms - 1)))

    def tell(self, plan: Plan, monitor: Monitor, channel: int, behind: Behind) -> Told:
        """The draw in words."""
        now, before = (share_in_words(share) for share in behind.figures)
        draw = f"{monitor.feature} gets {now} of the events, usually {before}"
        return Told(f"{draw}: arms are drawn unlike before")
