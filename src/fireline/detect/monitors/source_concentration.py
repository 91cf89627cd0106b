"""Requests that come from fewer sources than usual."""

from __future__ import annotations

from fireline.detect.collisions import Concentration


class SourceConcentration(Concentration):
    """The chance that two requests come from the same source: a burst from a few, not a campaign of many.

    Sources fall into 256 hash buckets; a campaign brings more of them and lowers the chance.

    >>> from fireline.detect.example import counted
    >>> from fireline.terms.counts import Series
    >>> from fireline.terms.plan import Layout
    >>> buckets = Series("buckets", "conditions", 900, ("bucket0", "bucket1"), shares=(0.5, 0.5))
    >>> layout = Layout("sources", (buckets,), {"service": 900})
    >>> SourceConcentration().ticks(*counted(layout, {"buckets": [90, 10]})).value.round(3)
    array([[0.818]])
    """

    name = "source_concentration"
    layout = "sources"
    unit = "chance that two requests share a source"
    buckets = "buckets"
    alike = "come from one source"
