"""Baselines: what is usual for a monitor, learnt once from the reference and then frozen."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from fireline.detect.kinds import Array, Kind, Means, Rates
from fireline.detect.merging import choose_merge, merged, moved
from fireline.detect.season import CELLS, cells_of
from fireline.detect.spread import (
    MEDIAN,
    between_ticks,
    block_sums,
    design_effect,
    long_run,
    median,
    overdispersion,
    seasonal_median,
    shrunk,
)
from fireline.terms.plan import Plan

PSEUDO_EVENTS = 50.0
UPPER = 3.09  # standard normal, one in a thousand
DAY = 86_400
EVIDENCE_DAYS = 1.0  # how long evidence gathers against one base; longer is what the tolerance is for
HOURS = (1, 4, 24)


@dataclass(frozen=True)
class Fit:
    """What is usual for one kind in one scope; C channels.

    base [48, C] by season cell, base_variance [48, C] of its own error, design_effect [C] of means of events
    that come in clusters, tau2 [C] variance between ticks, inflation [C] (autocorrelation of means,
    overdispersion of rates), tolerance [C], usable [C].
    ``merge`` ticks are judged as one so that each holds enough events; ``spared`` [C] is how many of them
    were left out of the reference as an incident of their own (empty: none).
    """

    merge: int
    base: Array
    base_variance: Array
    design_effect: Array
    tau2: Array
    inflation: Array
    tolerance: Array
    usable: Array
    spared: Array = field(default_factory=lambda: np.zeros(0))

    def inflated(self, factors: Array) -> Fit:
        """The same with its inflation multiplied by ``factors`` [C]."""
        return replace(self, inflation=self.inflation * factors)


def fit(kind: Kind, plan: Plan, counts: Array, first: int, grain: int, spared: Array | None = None) -> Fit:
    """The baseline of ``kind`` from reference counts [T, W] of one scope, T ticks of ``grain`` s from
    ``first``.

    ``spared`` [T / merge, C] marks merged ticks of an incident, which are no part of what is usual.
    """
    merge = choose_merge(kind, plan, counts, grain)
    folded, start = merged(counts, first, merge)
    cells = cells_of(np.arange(start, start + len(folded)), grain * merge, plan.timezone)
    ticks = kind.ticks(plan, folded)
    if spared is not None:
        ticks = _without(ticks, spared)
    if kind.test == "silence":
        found = _fit_silence(ticks, cells, merge, grain * merge)
    elif isinstance(ticks, Rates):
        found = _fit_rates(kind, plan, ticks, cells, merge, grain)
    else:
        later = moved(kind, plan, counts, first, grain, merge, ticks.n.shape[1], spared)
        found = _fit_means(kind, plan, ticks, cells, later, merge, grain)
    return found if spared is None else replace(found, spared=spared.sum(axis=0))


def incidents_allowed(seconds: float) -> int:
    """How many incidents a reference of ``seconds`` may hold and still tell what is usual: one a fortnight.

    What happens more often is the service's nature, and widens its monitors.
    """
    return max(1, int(seconds // (14 * DAY)))


def _without(ticks: Rates | Means, spared: Array) -> Rates | Means:
    """The same without data where ``spared`` [T, C]."""
    if isinstance(ticks, Rates):
        return Rates(np.where(spared, 0, ticks.hits), np.where(spared, 0, ticks.n))
    return Means(np.where(spared, np.nan, ticks.value), ticks.variance, np.where(spared, 0, ticks.n))


def _unknown(n: Array, seconds: int) -> Array:
    """1 + evidence / reference [C]: how much wider counts of a day are than a known base makes them, since
    the base itself was counted, over the days with data in ``n`` [T, C] (the dispersion of the
    beta-binomial, or of the normal, that predicts a day from so many others)."""
    per_day = max(1, DAY // seconds)
    padded = np.pad(n, ((0, -len(n) % per_day), (0, 0)))
    days = (block_sums(padded, per_day) > 0).sum(axis=0)
    return np.asarray(1 + EVIDENCE_DAYS / np.maximum(days, 1))


def cold_fit(kind: Kind, plan: Plan) -> Fit | None:
    """What is usual where no reference tells: the kind's fixed bases [C]; channels without one judge nothing.

    None for a kind that has none.
    """
    fixed = kind.fixed_base(plan) if kind.cold else None
    if fixed is None or not np.isfinite(fixed).any():
        return None
    wide = len(fixed)
    base = np.tile(np.nan_to_num(fixed), (CELLS, 1))
    tolerance = kind.tolerances(plan, base[0])
    usable = np.isfinite(fixed)
    one = np.ones(wide)
    return Fit(1, base, np.zeros_like(base), one, np.zeros(wide), one, tolerance, usable)


def warmed(one: Fit, cold: Fit | None) -> Fit:
    """``one`` with the channels that the reference could not teach taken from ``cold``."""
    take = np.zeros(len(one.usable), bool) if cold is None else ~one.usable & cold.usable
    if cold is None or one.merge != 1 or not take.any():
        return one
    names = ("base", "base_variance", "design_effect", "tau2", "inflation", "tolerance", "usable")
    return replace(one, **{n: np.where(take, getattr(cold, n), getattr(one, n)) for n in names})


def _blocks(grain: int, merge: int) -> tuple[int, ...]:
    """Block lengths in ticks of about an hour, four hours and a day, longer than one tick."""
    lengths = {max(1, hours * 3600 // (grain * merge)) for hours in HOURS}
    return tuple(sorted(lengths - {1}))


# -- rates ---------------------------------------------------------------------------------------------------


def _fit_rates(kind: Kind, plan: Plan, ticks: Rates, cells: Array, merge: int, grain: int) -> Fit:
    hits, n = ticks.hits.astype(np.float64), np.asarray(ticks.n, dtype=np.float64)
    hour = max(1, 3600 // (grain * merge))
    keep = _untrimmed(hits, n, hour)
    pooled = (hits * keep).sum(axis=0) / np.maximum((n * keep).sum(axis=0), 1)
    inside = [keep * (cells == cell)[:, None] for cell in range(CELLS)]
    cell_hits = np.stack([(hits * chosen).sum(axis=0) for chosen in inside])
    events = np.stack([(n * chosen).sum(axis=0) for chosen in inside])
    pseudo = _pseudo_events(cell_hits, events, pooled)
    base = (cell_hits + pseudo * pooled) / (events + pseudo)
    floor = kind.floor
    base = np.clip(base, 1e-9, 1 - 1e-6)
    fixed = kind.fixed_base(plan)
    if fixed is not None:
        base = np.where(np.isnan(fixed), base, np.maximum(base, fixed))
    tolerance = kind.tolerances(plan, np.clip(pooled, floor, 1 - floor))
    unsure = _unsure(pooled, (n * keep).sum(axis=0), np.median(events, axis=0) + pseudo, floor)
    tolerance = np.maximum(tolerance, unsure if fixed is None else np.where(np.isnan(fixed), unsure, 0.0))
    odds = np.maximum(base, floor) * tolerance / (1 - np.maximum(base, floor))
    phi = overdispersion(hits, n, base[cells], (odds / (1 + odds))[cells], _blocks(grain, merge))
    unknown = _unknown(n, grain * merge)
    phi = phi * (unknown if fixed is None else np.where(np.isnan(fixed), unknown, 1.0))
    usable = n.sum(axis=0) >= 100
    zeros = np.zeros_like(base)
    return Fit(merge, base, zeros, np.ones(len(phi)), np.zeros(len(phi)), phi, tolerance, usable)


def _pseudo_events(cell_hits: Array, events: Array, pooled: Array) -> Array:
    """How many events at the pooled rate each season cell is shrunk by: [C], at least 50.

    As many as the cells' rates differ less than chance lets them: with no season in sight the cells become
    one (method of moments for a beta prior).
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        spread = pooled * (1 - pooled)
        rate = np.where(events > 0, cell_hits / events, pooled)
        weight = events / np.maximum(events.sum(axis=0), 1)
        between = (weight * ((rate - pooled) ** 2)).sum(axis=0)
        chance = spread * (events > 0).sum(axis=0) / np.maximum(events.sum(axis=0), 1)
        excess = np.maximum(between - chance, 1e-3 * chance)
        return np.asarray(np.clip(np.nan_to_num(spread / excess, nan=1e9), PSEUDO_EVENTS, 1e9))


def _unsure(pooled: Array, total: Array, cell: Array, floor: float) -> Array:
    """How many times its base's odds a rate may truly have, by the base's own error: [C].

    The upper bound (one in a thousand) of a Poisson count, after Wilson and Hilferty: a base of ten hits may
    be half of the truth. ``total`` events made the pooled rate, ``cell`` a season cell's, pseudo-events
    included; a day passes through 24 cells, whose errors even out.
    """
    events = np.maximum(np.minimum(total, 24 * cell), 1.0)
    hits = events * pooled + 1
    upper = hits * (1 - 1 / (9 * hits) + UPPER / (3 * np.sqrt(hits))) ** 3 / events
    known, bound = np.clip(pooled, floor, 1 - floor), np.clip(upper, floor, 1 - floor)
    return np.asarray((bound / (1 - bound)) / (known / (1 - known)))


def _untrimmed(hits: Array, n: Array, hour: int) -> Array:
    """1.0 for ticks kept, 0.0 for those of the twentieth of hours whose rate is most extreme: [T, C].

    The median of minute rates is 0 at 1 % and 50 a minute, so the base is a ratio of sums; trimming keeps an
    incident within the reference from becoming usual.
    """
    hour_hits, hour_n = block_sums(hits, hour), block_sums(n, hour)
    if len(hour_hits) < 20:
        return np.ones_like(hits)
    pooled = hour_hits.sum(axis=0) / np.maximum(hour_n.sum(axis=0), 1)
    # At least one event: where hits are rare, an hour with a single one is no incident.
    spread = np.sqrt(np.maximum(hour_n * pooled * (1 - pooled), 1.0))
    far = np.abs(hour_hits - hour_n * pooled) / spread
    limit = np.maximum(np.quantile(far, 0.95, axis=0), 4.0)
    keep = np.repeat((far <= limit).astype(np.float64), hour, axis=0)
    return np.concatenate([keep, np.ones((len(hits) - len(keep), hits.shape[1]))])


# -- means ---------------------------------------------------------------------------------------------------


def _fit_means(
    kind: Kind, plan: Plan, ticks: Means, cells: Array, later: tuple[Array, Array], merge: int, grain: int
) -> Fit:
    valid = (ticks.n >= kind.least) & np.isfinite(ticks.value)
    value = np.where(valid, ticks.value, np.nan)
    variance = np.where(valid, ticks.variance, np.nan)
    with np.errstate(all="ignore"):
        sampling = np.nan_to_num(median(variance), nan=1.0)
    more, within = later
    middle, members = seasonal_median(np.concatenate([value, more]), np.concatenate([cells, within]))
    tau2 = between_ticks(value - middle[cells], sampling)
    base, base_variance = shrunk(middle, members, sampling + tau2, valid.sum(axis=0))
    residual = value - base[cells]
    if kind.laid_out(plan).aged:  # cohorts are few, and their afternoons differ: told apart by tau2 alone
        effect, tau2 = np.ones_like(sampling), between_ticks(residual, sampling)
    else:
        effect, tau2 = design_effect(residual, variance, sampling)
    usable = valid.sum(axis=0) >= 12
    fixed = None if kind.cold else kind.fixed_base(plan)
    if fixed is not None:  # known beforehand: nothing has to be learnt of it
        known = ~np.isnan(fixed)
        base, usable = np.where(known, fixed, base), usable | known
        base_variance = np.where(known, 0.0, base_variance)
        sampling, tau2 = np.where(known, 0.0, sampling), np.where(known, 0.0, tau2)
    tolerance = kind.tolerances(plan, np.nan_to_num(median(base)) if usable.any() else base[0])
    noise = np.where(valid, effect * ticks.variance + tau2, np.nan)
    inflation = long_run(residual, noise, tolerance, _blocks(grain, merge))
    error = np.sqrt(MEDIAN * (effect * sampling + tau2) * inflation / np.maximum(valid.sum(axis=0), 1))
    tolerance = np.maximum(tolerance, UPPER * error)
    inflation = inflation * _unknown(np.where(valid, 1.0, 0.0), grain * merge)
    base_variance = base_variance * np.minimum(inflation, 10)
    return Fit(merge, np.nan_to_num(base), base_variance, effect, tau2, inflation, tolerance, usable)


def _fit_silence(ticks: Rates | Means, cells: Array, merge: int, seconds: int) -> Fit:
    """Usual events per tick by hour, and how clustered they are: the spread of counts over their mean.

    As many silences as a reference may have incidents are no part of it.
    """
    assert isinstance(ticks, Means)
    known = np.isfinite(ticks.value)
    base = np.stack([_mean(ticks.value, known & (cells == cell)[:, None]) for cell in range(CELLS)])
    n = np.where(known, ticks.value, base[cells])
    quarter = block_sums(n, 15)
    expected = block_sums(base[cells], 15)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.where(expected >= 1, (quarter - expected) ** 2 / expected, np.nan)
    phi = np.maximum(np.nan_to_num(median(ratio), nan=0.0) / 0.455, 1.0)
    most = incidents_allowed(len(n) * seconds)
    silences = [_silences(one, usual) for one, usual in zip(n.T, base[cells].T, strict=True)]
    phi = np.maximum(phi, [longest[min(most, len(longest) - 1)] / 3.0 for longest in silences])
    zeros, one = np.zeros_like(base), np.ones(len(phi))
    return Fit(merge, base, zeros, one, np.zeros(len(phi)), phi, one, n.sum(axis=0) >= 100)


def _mean(values: Array, inside: Array) -> Array:
    """Mean [C] of ``values`` [T, C] where ``inside``; of all that are known where nothing is."""
    inside = np.where(inside.any(axis=0), inside, np.isfinite(values))
    total = np.where(inside, np.nan_to_num(values), 0.0).sum(axis=0)
    return np.asarray(total / np.maximum(inside.sum(axis=0), 1))


def _silences(n: Array, usual: Array) -> list[float]:
    """How many events were expected within each silence of the reference, longest first."""
    total, found = 0.0, [0.0]
    for count, expected in zip(n, usual, strict=True):
        if count > 0:
            found.append(total)
            total = 0.0
        else:
            total += float(expected)
    return sorted([*found, total], reverse=True)
