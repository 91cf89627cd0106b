"""Share of answers with a flag set: toxic, refusal, personal data, injection, or any the runbook names."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fireline.detect.kinds import Array, Kind, Monitor, Rates
from fireline.terms.flags import family_of_flag
from fireline.terms.plan import Plan


class FlagRate(Kind):
    """Flags per request against the seasonal base.

    >>> from fireline.detect.example import counted
    >>> FlagRate().ticks(*counted("rates", {"rates": {"n": 1000, "flag:toxic": 2}}))
    Rates(hits=array([[2]]), n=array([[1000]]))
    """

    name = "flag_rate"
    family = "other"
    layout = "rates"

    def monitors(self, plan: Plan) -> Sequence[Monitor]:
        """One monitor a flag, of the family its name says; none where the scorer's errors are known: then the
        corrected rate is judged."""
        return [Monitor(self.name, f"flag:{f}", f, family=family_of_flag(f)) for f in _uncorrected(plan)]

    def ticks(self, plan: Plan, counts: Array) -> Rates:
        """Flags set of events [T, flags]."""
        cells = plan.rates.series[0].cells
        hits = counts[:, [cells.index(f"flag:{flag}") for flag in _uncorrected(plan)]]
        return Rates(hits, np.broadcast_to(counts[:, [cells.index("n")]], hits.shape))


def _uncorrected(plan: Plan) -> list[str]:
    known = plan.layout("scorers").by_name
    return [flag for flag in plan.flags if flag not in known]
