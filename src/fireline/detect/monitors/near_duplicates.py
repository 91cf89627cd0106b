"""Requests whose inputs are near-copies of each other."""

from __future__ import annotations

from fireline.detect.collisions import Concentration


class NearDuplicates(Concentration):
    """The chance that two requests have the same inputs, each cut into the bins of its histogram.

    A replayed or templated attack sends copies; more people of the usual kind do not.

    >>> from fireline.detect.example import counted
    >>> from fireline.terms.counts import Series
    >>> from fireline.terms.plan import Layout
    >>> buckets = Series("alike", "conditions", 900, ("bucket0", "bucket1"), shares=(0.5, 0.5))
    >>> layout = Layout("likeness", (buckets,), {"service": 900})
    >>> NearDuplicates().ticks(*counted(layout, {"alike": [90, 10]})).value.round(3)
    array([[0.818]])
    """

    name = "near_duplicates"
    layout = "likeness"
    unit = "chance that two requests are near-copies"
    buckets = "alike"
    alike = "are near-copies of one"
