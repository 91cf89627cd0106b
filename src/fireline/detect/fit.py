"""Baselines: what is usual for a monitor, learnt once from the reference and then frozen."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace

import numpy as np

from fireline.detect.kinds import Array, Kind, Means, Rates
from fireline.detect.season import CELLS, cells_of
from fireline.terms.plan import Plan

PSEUDO_EVENTS = 50.0
FEWEST_TICKS = 4
NOISY = 0.125  # two standard errors of the base then use up the tolerance of 1.25
UPPER = 3.09  # standard normal, one in a thousand
TRIMMED_CHI2 = 0.873  # mean of a chi-square of one degree below its 98 % point
UNSURE = 6.5  # a variance from n blocks is widened by 1 + 6.5/n, about its 80 % upper bound
HOURS = (1, 4, 24)
MERGES = {60: (1,), 900: (1, 2, 4, 8, 16, 32, 96), 3600: (1, 2, 3, 6, 12, 24)}


@dataclass(frozen=True)
class Fit:
    """What is usual for one kind in one scope; C channels.

    base [48, C] by season cell, base_variance [48, C] of its own error, tau2 [C] variance between ticks,
    inflation [C] (autocorrelation of means, overdispersion of rates), tolerance [C], usable [C].
    ``merge`` ticks are judged as one so that each holds enough events.
    """

    merge: int
    base: Array
    base_variance: Array
    tau2: Array
    inflation: Array
    tolerance: Array
    usable: Array

    def inflated(self, factors: Array) -> Fit:
        """The same with its inflation multiplied by ``factors`` [C]."""
        return replace(self, inflation=self.inflation * factors)


def merged(counts: Array, first: int, merge: int) -> tuple[Array, int]:
    """Counts [T, W] from tick ``first`` added up in groups of ``merge`` aligned to 1970: ([T', W],
    first')."""
    if merge == 1:
        return counts, first
    lead = first % merge
    tail = -(lead + len(counts)) % merge
    padded = np.pad(counts, ((lead, tail), (0, 0)))
    return padded.reshape(-1, merge, counts.shape[1]).sum(axis=1), first // merge


def choose_merge(kind: Kind, plan: Plan, counts: Array, grain: int) -> int:
    """The fewest ticks to judge as one so that a busy tick holds ``kind.merge_to`` events."""
    if kind.merge_to == 0:
        return 1
    for merge in MERGES[grain]:
        ticks = kind.ticks(plan, merged(counts, 0, merge)[0])
        n = ticks.n[:, 0] if ticks.n.shape[1] else np.zeros(1)
        busy = n[n > 0]
        if busy.size and np.median(busy) >= kind.merge_to:
            return merge
    return MERGES[grain][-1]


def fit(kind: Kind, plan: Plan, counts: Array, first: int, grain: int) -> Fit:
    """The baseline of ``kind`` from reference counts [T, W] of one scope, T ticks of ``grain`` s from
    ``first``."""
    merge = choose_merge(kind, plan, counts, grain)
    folded, start = merged(counts, first, merge)
    cells = cells_of(np.arange(start, start + len(folded)), grain * merge, plan.timezone)
    ticks = kind.ticks(plan, folded)
    if kind.test == "silence":
        return _fit_silence(ticks, cells, merge)
    if isinstance(ticks, Rates):
        return _fit_rates(kind, plan, ticks, cells, merge, grain)
    return _fit_means(kind, plan, ticks, cells, merge, grain)


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
    return Fit(1, base, np.zeros_like(base), np.zeros(wide), np.ones(wide), tolerance, usable)


def warmed(one: Fit, cold: Fit | None) -> Fit:
    """``one`` with the channels that the reference could not teach taken from ``cold``."""
    take = np.zeros(len(one.usable), bool) if cold is None else ~one.usable & cold.usable
    if cold is None or one.merge != 1 or not take.any():
        return one
    names = ("base", "base_variance", "tau2", "inflation", "tolerance", "usable")
    return replace(one, **{n: np.where(take, getattr(cold, n), getattr(one, n)) for n in names})


def _blocks(grain: int, merge: int) -> tuple[int, ...]:
    """Block lengths in ticks of about an hour, four hours and a day, longer than one tick."""
    lengths = {max(1, hours * 3600 // (grain * merge)) for hours in HOURS}
    return tuple(sorted(lengths - {1}))


def _block_sums(values: Array, length: int) -> Array:
    """Sums over whole blocks of ``length`` ticks: [T // length, C]."""
    whole = len(values) // length * length
    sums: Array = values[:whole].reshape(-1, length, values.shape[1]).sum(axis=1)
    return sums


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
    with np.errstate(divide="ignore"):
        error = np.sqrt(
            (1 - pooled) / np.maximum(np.median(events, axis=0) * np.maximum(pooled, floor), 1e-9)
        )
    noisy = (error > NOISY) & (tolerance == kind.tolerance)
    tolerance = np.where(noisy, np.maximum(tolerance, kind.noisy_tolerance), tolerance)
    unsure = _unsure(pooled, (n * keep).sum(axis=0), np.median(events, axis=0) + pseudo, floor)
    tolerance = np.maximum(tolerance, unsure if fixed is None else np.where(np.isnan(fixed), unsure, 0.0))
    odds = np.maximum(base, floor) * tolerance / (1 - np.maximum(base, floor))
    phi = _overdispersion(hits, n, base[cells], (odds / (1 + odds))[cells], _blocks(grain, merge))
    usable = n.sum(axis=0) >= 100
    zeros = np.zeros_like(base)
    return Fit(merge, base, zeros, np.zeros(len(phi)), phi, tolerance, usable)


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
    hour_hits, hour_n = _block_sums(hits, hour), _block_sums(n, hour)
    if len(hour_hits) < 20:
        return np.ones_like(hits)
    pooled = hour_hits.sum(axis=0) / np.maximum(hour_n.sum(axis=0), 1)
    # At least one event: where hits are rare, an hour with a single one is no incident.
    spread = np.sqrt(np.maximum(hour_n * pooled * (1 - pooled), 1.0))
    far = np.abs(hour_hits - hour_n * pooled) / spread
    limit = np.maximum(np.quantile(far, 0.95, axis=0), 4.0)
    keep = np.repeat((far <= limit).astype(np.float64), hour, axis=0)
    return np.concatenate([keep, np.ones((len(hits) - len(keep), hits.shape[1]))])


def _overdispersion(hits: Array, n: Array, p: Array, p0: Array, blocks: tuple[int, ...]) -> Array:
    """phi [C] >= 1: trimmed Pearson dispersion of ticks around ``p``, and of hours and days beyond ``p0``.

    A rate that wobbles slowly within the tolerance costs nothing: the judge's null is p0, the tolerated rate.
    """
    worst = np.ones(hits.shape[1])
    for length in (1, *blocks):
        null = p if length == 1 else p0
        x, e, v = (_block_sums(a, length) for a in (hits, n * null, n * null * (1 - null)))
        for channel in range(hits.shape[1]):
            enough = e[:, channel] >= 1
            count = int(enough.sum())
            if count < 10:
                continue
            gap = x[enough, channel] - e[enough, channel]
            square = (gap if length == 1 else np.maximum(gap, 0)) ** 2 / np.maximum(v[enough, channel], 1e-9)
            square = np.sort(square)[: max(1, int(np.ceil(count * 0.98)))]
            sides = 1.0 if length == 1 else 2.0
            worst[channel] = max(worst[channel], sides * square.mean() / TRIMMED_CHI2 - np.sqrt(2 / count))
    return worst


# -- means ---------------------------------------------------------------------------------------------------


def _fit_means(kind: Kind, plan: Plan, ticks: Means, cells: Array, merge: int, grain: int) -> Fit:
    valid = (ticks.n >= kind.least) & np.isfinite(ticks.value)
    value = np.where(valid, ticks.value, np.nan)
    base, members = _seasonal_median(value, cells)
    residual = value - base[cells]
    variance = np.where(valid, ticks.variance, np.nan)
    with np.errstate(all="ignore"):
        sampling = np.nan_to_num(_median(variance), nan=1.0)
        spread = 1.4826 * _median(np.abs(residual - _median(residual)))
    tau2 = np.maximum(np.nan_to_num(spread) ** 2 - sampling, 0.0)
    usable = valid.sum(axis=0) >= 12
    fixed = None if kind.cold else kind.fixed_base(plan)
    if fixed is not None:  # known beforehand: nothing has to be learnt of it
        known = ~np.isnan(fixed)
        base, usable = np.where(known, fixed, base), usable | known
        sampling, tau2 = np.where(known, 0.0, sampling), np.where(known, 0.0, tau2)
    tolerance = kind.tolerances(plan, np.nan_to_num(_median(base)) if usable.any() else base[0])
    noise = np.where(valid, ticks.variance + tau2, np.nan)
    inflation = _long_run(residual, noise, tolerance, _blocks(grain, merge))
    base_variance = 1.57 * (sampling + tau2) * np.minimum(inflation, 10) / np.maximum(members, 1)
    return Fit(merge, np.nan_to_num(base), base_variance, tau2, inflation, tolerance, usable)


def _median(values: Array) -> Array:
    """Median over the ticks of ``values`` [T, C] that are there: [C], NaN where none is."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # that nothing has no median is no news
        return np.asarray(np.nanmedian(values, axis=0))


def _seasonal_median(value: Array, cells: Array) -> tuple[Array, Array]:
    """Median by season cell [48, C] and how many ticks it rests on [48, C]; thin cells take the pooled
    one."""
    with np.errstate(all="ignore"):
        pooled = _median(value)
        count = np.isfinite(value).sum(axis=0)
        base = np.tile(pooled, (CELLS, 1))
        members = np.tile(count, (CELLS, 1)).astype(np.float64)
        for cell in range(CELLS):
            part = value[cells == cell]
            inside = np.isfinite(part).sum(axis=0)
            enough = inside >= FEWEST_TICKS
            if enough.any():
                base[cell, enough] = _median(part[:, enough])
                members[cell, enough] = inside[enough]
    return base, members


def _long_run(residual: Array, noise: Array, tolerance: Array, blocks: tuple[int, ...]) -> Array:
    """How much wider than independent ticks the excess of hours, of four hours and of days over the tolerance
    is.

    ``residual`` and its variance ``noise`` are [T, C], NaN without data; the result [C] >= 1. What wobbles
    within the tolerance costs nothing; weather that swings far beyond it widens the monitor a lot. Extremes
    are cut, so that one incident in the reference does not blind the monitor.
    """
    found = np.ones(residual.shape[1])
    for channel in range(residual.shape[1]):
        series, variance = residual[:, channel], noise[:, channel]
        present = np.isfinite(series) & np.isfinite(variance)
        if present.sum() < 12:
            continue
        standard = series[present] / np.sqrt(variance[present])
        worst = max(1.0, (np.quantile(np.abs(standard), 0.975) / 2.24) ** 2)
        for length in blocks:
            filled = np.stack([np.where(present, series, 0), np.where(present, variance, 0), present], axis=1)
            total, spread, count = _block_sums(filled.astype(np.float64), length).T
            full = count >= max(1, 0.25 * length)
            if full.sum() >= 8:
                mean, error = total[full] / count[full], np.sqrt(spread[full]) / count[full]
                excess = np.maximum(np.abs(mean) - tolerance[channel], 0) / error
                worst = max(worst, _winsorised(excess) * (1 + UNSURE / full.sum()))
        found[channel] = worst
    return found


def _winsorised(values: Array) -> float:
    """Mean square of values cut at three robust standard deviations, or at 3."""
    limit = 3 * max(1.4826 * float(np.median(np.abs(values))), 1.0)
    return float(np.mean(np.clip(values, -limit, limit) ** 2))


def _fit_silence(ticks: Rates | Means, cells: Array, merge: int) -> Fit:
    """Usual events per tick by hour, and how clustered they are: the spread of counts over their mean."""
    assert isinstance(ticks, Means)
    n = ticks.value
    base = np.stack(
        [n[cells == cell].mean(axis=0) if (cells == cell).any() else n.mean(axis=0) for cell in range(CELLS)]
    )
    quarter = _block_sums(n, 15)
    expected = _block_sums(base[cells], 15)
    busy = expected[:, 0] >= 1
    ratio = (quarter[busy] - expected[busy]) ** 2 / expected[busy]
    phi = np.maximum(np.median(ratio, axis=0) / 0.455, 1.0) if busy.any() else np.ones(n.shape[1])
    longest = [_longest_silence(one, usual) for one, usual in zip(n.T, base[cells].T, strict=True)]
    phi = np.maximum(phi, np.asarray(longest) / 3.0)
    zeros = np.zeros_like(base)
    return Fit(merge, base, zeros, np.zeros(len(phi)), phi, np.ones(len(phi)), n.sum(axis=0) >= 100)


def _longest_silence(n: Array, usual: Array) -> float:
    """The most events that were expected within any silence of the reference."""
    total, worst = 0.0, 0.0
    for count, expected in zip(n, usual, strict=True):
        total = 0.0 if count > 0 else total + float(expected)
        worst = max(worst, total)
    return worst
