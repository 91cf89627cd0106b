"""A tiny service and one tick of its counts: for the examples of monitor kinds, and for trying a new one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from fireline.detect.kinds import Array
from fireline.terms.counts import HOUR, MINUTE, QUARTER, Series
from fireline.terms.plan import DELAY_GRAINS, QUALITY_GRAINS, RATE_GRAINS, SHAPE_GRAINS, Layout, Plan

BINS = ("bin0", "bin1", "bin2", "bin3")
QUARTERS = (0.25, 0.25, 0.25, 0.25, 0.0, 0.0, 0.0)


def plan(task: str = "binary") -> Plan:
    """A service with the features ``age`` and ``country``, a score of four bins, the flag ``toxic``, latency,
    labels.

    A fifth of its labels are positive and four of five predictions right.
    """
    conditions = (
        "n", "error", "late", "duplicate", "fallback", "timed", "slow", "very_slow", "flag:toxic", "null:age",
        "out:age", "null:country", "unseen:country",
    )  # fmt: skip
    outer = (*BINS, "below", "above", "null")
    countries = ("=DE", "=FR", "other", "unseen", "null")
    shapes = (
        Series("feature:age", "numeric", QUARTER, outer, (18, 30, 40, 50, 90), shares=QUARTERS),
        Series(
            "feature:country", "category", QUARTER, countries, values=("DE", "FR"), shares=(0.5, 0.5, 0, 0, 0)
        ),
        Series("score", "numeric", QUARTER, outer, (0, 0.25, 0.5, 0.75, 1), shares=QUARTERS),
    )
    scored = ("below", *BINS, "above")
    quality = (
        Series(
            "labels",
            "conditions",
            HOUR,
            ("n", "labelled", "positive", "judged", "correct"),
            shares=(1.0, 1.0, 0.2, 1.0, 0.8),
        ),
        Series("negatives", "score_label", HOUR, scored, (0, 0.25, 0.5, 0.75, 1)),
        Series("positives", "score_label", HOUR, scored, (0, 0.25, 0.5, 0.75, 1)),
        Series(
            "moments", "moments", HOUR, ("bias", "bias2", "slope", "slope2", "error", "error2", "absolute")
        ),
    )
    return Plan(
        service="example",
        timezone="UTC",
        task=task,
        rates=Layout(
            "rates", (Series("rates", "conditions", MINUTE, conditions, (100.0, 125.0)),), RATE_GRAINS
        ),
        shapes=Layout("shapes", shapes, SHAPE_GRAINS),
        delays=Layout("delays", (), DELAY_GRAINS),
        quality=Layout("quality", quality, QUALITY_GRAINS, aged=True, sums=True),
        features={"age": "numeric", "country": "categorical"},
        segments={},
        flags=("toxic",),
        versions=("A",),
        latency_p95=100.0,
    )


def counted(
    layout: str | Layout, counts: Mapping[str, Mapping[str, int] | Sequence[int]], task: str = "binary"
) -> tuple[Plan, Array]:
    """The plan, and one tick of counts [1, width] of one of its layouts (or of a further one): by series, its
    cells by name or in order."""
    made = plan(task)
    if isinstance(layout, Layout):
        made, layout = replace(made, extras=(layout,)), layout.name
    laid_out = made.layout(layout)
    found = np.zeros((1, laid_out.width), np.int64)
    for name, values in counts.items():
        start, cells = laid_out.offsets[name], laid_out.by_name[name].cells
        named = values if isinstance(values, Mapping) else dict(zip(cells, values, strict=False))
        for cell, value in named.items():
            found[0, start + cells.index(cell)] = value
    return made, found
