"""Inputs whose reference differs from the training data already: told once, when the baseline is there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from fireline.detect.baseline import Baseline
from fireline.detect.metrics import psi, psi_noise
from fireline.terms.counts import SERVICE

NOTEWORTHY = 0.1
"""PSI beyond chance, as much as the monitor ``training_skew`` tolerates."""


@dataclass(frozen=True)
class Skew:
    """PSI of a feature's reference against the training data, and what chance alone would read."""

    feature: str
    psi: float
    noise: float

    def __str__(self) -> str:
        return f"{self.feature} (PSI {self.psi:.2f}, chance alone {self.noise:.3f})"


def skews(baseline: Baseline) -> Iterator[Skew]:
    """The features that were served otherwise than trained all through the reference, in their order."""
    plan, total = baseline.plan, baseline.totals.get(("shapes", SERVICE))
    if total is None:
        return
    for name, counts in plan.training.items():
        usual, training = total.sum(axis=0)[plan.shapes.span(f"feature:{name}")], np.asarray(counts)
        found = Skew(name, psi(training, usual), psi_noise(training, usual))
        if found.psi > NOTEWORTHY + found.noise:
            yield found
