"""One source that feels its way along the decision threshold."""

from __future__ import annotations

from fireline.detect.collisions import Concentration


class PerturbationCluster(Concentration):
    """Among the requests nearest the threshold, the chance that two have the same source and like inputs.

    Who looks for the smallest change that turns the answer asks the same again and again, in small steps.

    >>> from fireline.detect.example import counted
    >>> from fireline.terms.counts import Series
    >>> from fireline.terms.plan import Layout
    >>> buckets = Series("near", "conditions", 900, ("bucket0", "bucket1"), shares=(0.5, 0.5))
    >>> layout = Layout("likeness", (buckets,), {"service": 900})
    >>> PerturbationCluster().ticks(*counted(layout, {"near": [90, 10]})).value.round(3)
    array([[0.818]])
    """

    name = "perturbation_cluster"
    layout = "likeness"
    tolerance = 0.05
    unit = "chance that two near the threshold are alike"
    buckets = "near"
    alike = "near the threshold are one source varying one"
