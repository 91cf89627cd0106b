"""How far a reference spreads: ticks beyond chance, around their season, and by the hour and the day."""

from __future__ import annotations

import warnings
from statistics import NormalDist

import numpy as np

from fireline.detect.kinds import Array
from fireline.detect.season import CELLS

FEWEST_TICKS = 4
KEPT = 0.98  # of blocks, and at least one is left out: it may have been an incident
UNSURE = 6.5  # a variance from n blocks is widened by 1 + 6.5/n, about its 80 % upper bound
MEDIAN = 1.57  # variance of a median over that of a mean
CLEAR = 3.0  # standard errors beyond which a season cell is believed as it is
DESIGN_EFFECTS = tuple(2 ** (i / 2) for i in range(1, 11))  # up to 32: sessions of some twenty events
SMOOTH = 4.0  # standard errors by which small ticks must spread wider than large ones to be clustered
FAR = 9.0  # squared deviations in units of the variance are cut here: an incident is no cluster


def block_sums(values: Array, length: int) -> Array:
    """Sums over whole blocks of ``length`` ticks: [T // length, C]."""
    whole = len(values) // length * length
    sums: Array = values[:whole].reshape(-1, length, values.shape[1]).sum(axis=1)
    return sums


# -- rates ---------------------------------------------------------------------------------------------------


def overdispersion(hits: Array, n: Array, p: Array, p0: Array, blocks: tuple[int, ...]) -> Array:
    """phi [C] >= 1: trimmed Pearson dispersion of ticks around ``p``, and of hours and days beyond ``p0``.

    A rate that wobbles slowly within the tolerance costs nothing: the judge's null is p0, the tolerated rate.
    """
    worst = np.ones(hits.shape[1])
    for length in (1, *blocks):
        null = p if length == 1 else p0
        x, e, v = (block_sums(a, length) for a in (hits, n * null, n * null * (1 - null)))
        for channel in range(hits.shape[1]):
            enough = e[:, channel] >= 1
            count = int(enough.sum())
            if count < 10:
                continue
            gap = x[enough, channel] - e[enough, channel]
            square = (gap if length == 1 else np.maximum(gap, 0)) ** 2 / np.maximum(v[enough, channel], 1e-9)
            kept = min(int(np.ceil(count * KEPT)), count - 1)
            sides = 1.0 if length == 1 else 2.0
            mean = np.sort(square)[:kept].mean() / _chi_square_below(kept / count)
            worst[channel] = max(worst[channel], sides * mean - np.sqrt(2 / count))
    return worst


def _chi_square_below(share: float) -> float:
    """Mean of a chi-square of one degree below its ``share`` quantile."""
    normal = NormalDist()
    z = normal.inv_cdf((1 + share) / 2)
    return 1 - 2 * z * normal.pdf(z) / share


# -- means ---------------------------------------------------------------------------------------------------


def median(values: Array) -> Array:
    """Median over the ticks of ``values`` [T, C] that are there: [C], NaN where none is."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # that nothing has no median is no news
        return np.asarray(np.nanmedian(values, axis=0))


def seasonal_median(value: Array, cells: Array) -> tuple[Array, Array]:
    """Median by season cell [48, C] and how many ticks it rests on [48, C].

    A thin cell takes that of the same hour on the other sort of day, and the pooled one where that is thin
    too.
    """
    with np.errstate(all="ignore"):
        pooled = median(value)
        count = np.isfinite(value).sum(axis=0)
        base = np.tile(pooled, (CELLS, 1))
        members = np.tile(count, (CELLS, 1)).astype(np.float64)
        known = np.zeros(base.shape, bool)
        for cell in range(CELLS):
            part = value[cells == cell]
            inside = np.isfinite(part).sum(axis=0)
            enough = inside >= FEWEST_TICKS
            if enough.any():
                base[cell, enough] = median(part[:, enough])
                members[cell, enough] = inside[enough]
                known[cell] = enough
    other = np.roll(np.arange(CELLS), CELLS // 2)
    borrowed = ~known & known[other]
    return np.where(borrowed, base[other], base), np.where(borrowed, members[other], members)


def long_run(residual: Array, noise: Array, tolerance: Array, blocks: tuple[int, ...]) -> Array:
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
            total, spread, count = block_sums(filled.astype(np.float64), length).T
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


def between_ticks(residual: Array, sampling: Array) -> Array:
    """tau2 [C]: how far ticks differ beyond their sampling variance, by the median deviation."""
    with np.errstate(all="ignore"):
        spread = 1.4826 * median(np.abs(residual - median(residual)))
    return np.maximum(np.nan_to_num(spread) ** 2 - sampling, 0.0)


def design_effect(residual: Array, variance: Array, sampling: Array) -> tuple[Array, Array]:
    """How many times the variance [C] of independent events a tick's mean has because they come in clusters
    (sessions, users, queries), and tau2 [C] beside it.

    Kish 1965. Clusters widen every tick in proportion to its sampling variance, so small ticks most; what
    differs between ticks, tau2, is the same for all. ``residual`` and ``variance`` [T, C], NaN without data;
    ``sampling`` [C] is the usual variance. Of the effects tried the likeliest is taken, and 1 unless small
    ticks spread clearly wider than large ones beside tau2 alone.
    """
    effect, tau2 = np.ones(residual.shape[1]), between_ticks(residual, sampling)
    clustered = np.flatnonzero((sampling > 0) & _wider_when_small(residual, variance, sampling, tau2))
    if not clustered.size:
        return effect, tau2
    gap, chance, usual = residual[:, clustered], variance[:, clustered], sampling[clustered]
    best = np.full(len(clustered), np.inf)
    for factor in (1.0, *DESIGN_EFFECTS):
        beside = between_ticks(gap, factor * usual)
        noise = factor * chance + beside
        with np.errstate(all="ignore"):
            unlikely = np.nanmean(np.log(noise) + np.minimum(gap**2 / noise, FAR), axis=0)
        better = unlikely < best
        best[better] = unlikely[better]
        effect[clustered[better]], tau2[clustered[better]] = factor, beside[better]
    return effect, tau2


def _wider_when_small(residual: Array, variance: Array, sampling: Array, tau2: Array) -> Array:
    """Whether ticks of more than the usual variance lie farther out than their variance and ``tau2`` say,
    beside the others: bool [C]."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        square = np.minimum(residual**2 / (variance + tau2), FAR)
        small = np.where(variance > sampling, square, np.nan)
        large = np.where(variance <= sampling, square, np.nan)
        error = [np.nanvar(part, axis=0) / np.isfinite(part).sum(axis=0) for part in (small, large)]
        gap = np.nanmean(small, axis=0) - np.nanmean(large, axis=0)
        return np.asarray(gap > SMOOTH * np.sqrt(error[0] + error[1]))


def shrunk(medians: Array, members: Array, variance: Array, ticks: Array) -> tuple[Array, Array]:
    """Season cells [48, C] drawn towards their middle as far as chance explains their differences, and the
    variance of each.

    Method of moments for a normal prior, over medians of ``members`` ticks of ``variance`` [C]; cells that
    stand clear of chance are believed as they are (Efron and Morris 1972: limited translation).
    """
    chance = MEDIAN * variance / np.maximum(members, 1)
    middle = np.nan_to_num(median(medians))
    away = np.nan_to_num(medians) - middle
    between = np.maximum((away**2 - chance).mean(axis=0), 0.0)
    trust = between / np.maximum(between + chance, 1e-300)
    trust = np.where(np.abs(away) > CLEAR * np.sqrt(chance), 1.0, trust)
    pooled = MEDIAN * variance / np.maximum(ticks, 1)
    return middle + trust * away, trust * chance + (1 - trust) * pooled
