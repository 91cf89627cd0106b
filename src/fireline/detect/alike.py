"""Gaps between groups that must be treated alike, from counts of each group."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from fireline.detect.kinds import Array
from fireline.detect.quality import share_of
from fireline.terms.counts import Series
from fireline.terms.plan import Layout


def watched(layout: Layout) -> Iterator[tuple[Series, int, str]]:
    """Each group column's series, and the place and name of each group that is watched, the rarest first.

    Of two groups one is enough: the other's gap is the same with another sign.
    """
    for series in layout.series:
        groups = series.values[:-1]
        for place in reversed(range(1 if len(groups) == 2 else 0, len(groups))):
            yield series, place, groups[place]


def by_group(layout: Layout, counts: Array, series: Series) -> Array:
    """The figures of each group, the last being all others: float64 [T, groups + 1, figures]."""
    block = counts[:, layout.span(series.name)].astype(np.float64)
    groups = len(series.values)
    return block.reshape(len(counts), groups, series.width // groups)


def rate_gap(hits: Array, n: Array, place: int) -> tuple[Array, Array, Array]:
    """The share of ``hits`` in the group at ``place`` less that in all other groups, its variance, and the
    smaller of the two numbers of events: [T] each, from [T, groups]."""
    own, other = (
        (hits[:, place], n[:, place]),
        (hits.sum(axis=1) - hits[:, place], n.sum(axis=1) - n[:, place]),
    )
    (p, v), (q, w) = share_of(*own), share_of(*other)
    return p - q, v + w, np.minimum(own[1], other[1])


def spread(hits: Array, n: Array) -> float:
    """The largest less the smallest share of ``hits`` [groups] among ``n`` [groups]: demographic parity,
    equal opportunity or the false-positive half of equalized odds, by whose hits they are. NaN with fewer
    than two groups."""
    there = n > 0
    if there.sum() < 2:
        return float("nan")
    rates = hits[there] / n[there]
    return float(rates.max() - rates.min())


def points(gap: float, less: str, more: str) -> str:
    """A gap of shares in points: ``12.0 points less often``."""
    return f"{abs(100 * gap):.1f} points {less if gap < 0 else more}"
