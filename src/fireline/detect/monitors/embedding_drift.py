"""Embeddings whose centroid moved, or that lie further from it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fireline.detect.kinds import Array, Behind, Kind, Means, Monitor, Told
from fireline.terms.plan import Plan

FIXED_POINT = 1e6


class EmbeddingDrift(Kind):
    """The means of norm, eight fixed projections and distance from the reference's centroid, each in its sd.

    >>> from fireline.detect.example import counted
    >>> from fireline.terms.counts import Series
    >>> from fireline.terms.plan import Layout
    >>> vector = Series("vector", "moments", 900, ("n", "norm", "p0", "distance"))
    >>> layout = Layout("embeddings", (vector,), {"service": 900}, sums=True)
    >>> EmbeddingDrift().ticks(*counted(layout, {"vector": [100, 0, 50_000_000, 20_000_000]})).value
    array([[0. , 0.5, 0.2]])
    """

    name = "embedding_drift"
    family = "drift"
    layout = "embeddings"
    test = "mean"
    scopes = ("service", "version")
    sides = "both"
    tolerance = 0.15
    k = 3
    pool = "drift"
    urgency = "ticket"
    least = 5
    merge_to = 30
    unit = "reference sd"

    def monitors(self, plan: Plan) -> Sequence[Monitor]:
        """One monitor an embedding, of a channel for each figure."""
        return [
            Monitor(self.name, f"feature:{series.name}", series.name, series.cells[1:])
            for series in self.laid_out(plan).series
        ]

    def ticks(self, plan: Plan, counts: Array) -> Means:
        """Standardised means [T, figures of all embeddings]."""
        values, totals = [], []
        for series in self.laid_out(plan).series:
            block = counts[:, self.laid_out(plan).span(series.name)].astype(np.float64)
            n = np.broadcast_to(block[:, :1], block[:, 1:].shape)
            with np.errstate(invalid="ignore", divide="ignore"):
                values.append(block[:, 1:] / FIXED_POINT / n)
            totals.append(n)
        n = np.concatenate(totals, axis=1)
        with np.errstate(divide="ignore"):
            return Means(np.concatenate(values, axis=1), 1 / n, n)

    def tell(self, plan: Plan, monitor: Monitor, channel: int, behind: Behind) -> Told:
        """How far the centroid moved, over all projections."""
        span = self.laid_out(plan).span(monitor.series.removeprefix("feature:"))
        now, usual = (
            part[span] / FIXED_POINT / max(int(part[span][0]), 1) for part in (behind.now, behind.usual)
        )
        moved = float(np.sqrt(((now - usual)[2:-1] ** 2).mean())) if len(now) > 3 else 0.0
        says = f"{monitor.feature} moved: its centroid lies {moved:.2f} sd off on average, most along "
        most, vectors = monitor.channels[channel], int(behind.now[span][0])
        says += f"projection {most} ({behind.seen:+.2f} sd, {vectors:,} vectors)"
        return Told(says, behind.seen, behind.expected, self.unit, {"centroid_shift": round(moved, 4)})
