"""Inputs that part from what the model was trained on, further than they did when all was well."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fireline.detect.kinds import Array, Behind, Kind, Means, Monitor, Told, for_each
from fireline.detect.metrics import psi, psi_noise
from fireline.terms.plan import Plan

WOBBLE = 0.15  # reference standard deviations that an input may move
RAREST = 1e-3  # a cell that training hardly filled counts as filled by one row in a thousand


class TrainingSkew(Kind):
    """The chi-square distance of live inputs from the training data, beyond the distance of the reference.

    Sum of q² / p less 1 for live shares q and training shares p, estimated without bias from pairs of events
    (Hoeffding 1948): without a skew it is 0 on average, however few the events. A skew that the reference has
    is what is usual; ``fireline check`` names it. Of the whole service alone: rows that come in lots (the
    documents of a query) make pairs alike, the more the fewer the lots are, so a canary's share of the
    traffic would lie further away than what is usual for all of it. A version that reads its inputs otherwise
    is told by the duel.

    >>> from dataclasses import replace
    >>> from fireline.detect.example import counted
    >>> plan, counts = counted("shapes", {"feature:age": [10, 10, 40, 40]})
    >>> plan = replace(plan, training={"age": (250, 250, 250, 250, 0, 0, 0)})
    >>> TrainingSkew().ticks(plan, counts).value.round(2)
    array([[0.34]])
    """

    name = "training_skew"
    family = "drift"
    layout = "shapes"
    test = "mean"
    scopes = ("service",)
    sides = "up"
    tolerance = 0.1
    k = 3
    pool = "drift"
    urgency = "ticket"
    least = 30
    merge_to = 200
    unit = "chi-square distance"

    def monitors(self, plan: Plan) -> Sequence[Monitor]:
        """One monitor of a channel for each feature that the training data has."""
        names = [name for name in plan.features if name in plan.training]
        return for_each(self.name, "training", names)

    def ticks(self, plan: Plan, counts: Array) -> Means:
        """Distances [T, features]; the variance is that of the reference's shares."""
        found = [self._distance(plan, counts, m) for one in self.monitors(plan) for m in one.channels]
        value, variance, n = (np.stack(part, axis=1) for part in zip(*found, strict=True))
        return Means(value, variance, n)

    def tolerances(self, plan: Plan, base: Array) -> Array:
        """What inputs that lie ``base`` away gain by another .15 standard deviations, at least .1.

        A normal input d standard deviations away is exp(d²) - 1 away, so the same harmless wobble moves a
        distance the more, the larger it is.
        """
        away = np.sqrt(np.log1p(np.maximum(base, 0.0)))
        return np.asarray(np.maximum(self.tolerance, np.exp((away + WOBBLE) ** 2) - np.exp(away**2)))

    def _distance(self, plan: Plan, counts: Array, name: str) -> tuple[Array, Array, Array]:
        """Distance of one feature, its variance and the events behind it: [T] each."""
        series = plan.shapes.by_name[f"feature:{name}"]
        x = counts[:, plan.shapes.span(series.name)].astype(np.float64)
        p, q = trained(plan.training[name]), np.asarray(series.shares)
        n = x.sum(axis=1)
        pairs = np.maximum(n * (n - 1), 1.0)
        single = max(float((q**3 / p**2).sum() - (q**2 / p).sum() ** 2), 0.0)
        both = max(float((q**2 / p**2).sum() - (q**2 / p).sum() ** 2), single, 1e-6)
        variance = (4 * np.maximum(n - 2, 0) * single + 2 * both) / pairs
        return (x * (x - 1) / p).sum(axis=1) / pairs - 1, variance, np.where(n > 1, n, 0.0)

    def tell(self, plan: Plan, monitor: Monitor, channel: int, behind: Behind) -> Told | None:
        """The PSI against the training data, now and in the reference."""
        name = monitor.channels[channel]
        span, training = plan.shapes.span(f"feature:{name}"), np.asarray(plan.training[name])
        if not behind.now[span].any():
            return None
        now, usual = (psi(training, part[span]) for part in (behind.now, behind.usual))
        noise = psi_noise(training, behind.now[span])
        says = f"{name} lies further from the training data: PSI {now:.2f}"
        says += f" over {int(behind.now[span].sum()):,}, usually {usual:.2f} (chance alone {noise:.2f})"
        return Told(says, now, usual, "PSI", {"noise": round(noise, 4)})


def trained(counts: Sequence[int]) -> Array:
    """Shares [B] of the training data, none below one in a thousand."""
    shares = np.asarray(counts, np.float64)
    shares = np.maximum(shares / max(shares.sum(), 1.0), RAREST)
    return np.asarray(shares / shares.sum())
