"""New version against old on the same traffic: two samples a tick, no baseline needed."""

from __future__ import annotations

import numpy as np

from fireline.detect.bank import Reading
from fireline.detect.evalue import mean_log_factors, rate_log_factors
from fireline.detect.kinds import Array, Kind, Means, Rates
from fireline.terms.plan import Plan

OVERDISPERSION = 1.5
FEWEST = 3


def duel(
    kind: Kind, plan: Plan, new: Array, old: Array, tolerance: Array, caps: Array, sizes: Array
) -> Reading:
    """Reads merged counts [T, W] of a new version and of its control (other live versions, shadow calls).

    Rates: given all hits of a tick, those of the new version are binomial with odds n_new / n_old, times the
    tolerance. Means: the difference over its sampling error. Season and weather fall out: both saw the same.
    """
    a, b = kind.ticks(plan, new), kind.ticks(plan, old)
    cap = np.repeat(caps, sizes)
    if isinstance(a, Rates) and isinstance(b, Rates):
        return _rates(kind, a, b, tolerance, cap)
    assert isinstance(a, Means)
    assert isinstance(b, Means)
    return _means(kind, plan, a, b, tolerance, cap)


def _rates(kind: Kind, new: Rates, old: Rates, tolerance: Array, cap: Array) -> Reading:
    hits, others = new.hits.astype(np.float64), old.hits.astype(np.float64)
    n, m = np.asarray(new.n, np.float64), np.asarray(old.n, np.float64)
    usable = (n > 0) & (m > 0)  # a canary of one request a minute has no more, and that is enough
    valid = usable & (hits + others > 0)
    odds = np.maximum(n, 1) / np.maximum(m, 1)
    phi = np.full(hits.shape[1], OVERDISPERSION)
    parts = []
    if kind.sides in ("up", "both"):
        high = odds * tolerance
        parts.append(rate_log_factors(hits, hits + others, high / (1 + high), phi, cap, up=True))
    if kind.sides in ("down", "both"):
        low = odds / tolerance
        parts.append(rate_log_factors(hits, hits + others, low / (1 + low), phi, cap, up=False))
    with np.errstate(invalid="ignore", divide="ignore"):
        seen, usual = hits / n, np.nan_to_num(others / m)
        both = np.clip((hits + others) / (n + m), 1e-4, 1 - 1e-4)
        z = np.nan_to_num((seen - usual) / np.sqrt(OVERDISPERSION * both * (1 - both) * (1 / n + 1 / m)))
    factors = np.where(valid[..., None], np.concatenate(parts, axis=2), 0.0)
    # A tick in which neither had a hit says nothing of their ratio but belongs into the shown rates.
    return Reading(np.where(valid[..., None], factors, -1e-9), usable, seen, usual, n, z)


def _means(kind: Kind, plan: Plan, new: Means, old: Means, tolerance: Array, cap: Array) -> Reading:
    least = kind.least if kind.laid_out(plan).aged else FEWEST
    valid = (new.n >= least) & (old.n >= least) & np.isfinite(new.value) & np.isfinite(old.value)
    gap = np.where(valid, new.value - old.value, 0.0)
    sd = np.sqrt(OVERDISPERSION * np.where(valid, new.variance + old.variance, 1.0))
    parts = []
    if kind.sides in ("up", "both"):
        parts.append(mean_log_factors((gap - tolerance) / sd, cap))
    if kind.sides in ("down", "both"):
        parts.append(mean_log_factors((-gap - tolerance) / sd, cap))
    usual = np.where(valid, old.value, 0.0)
    return Reading(np.concatenate(parts, axis=2), valid, new.value, usual, new.n, gap / sd)
