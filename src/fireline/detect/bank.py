"""A bank: the monitors of one kind in several scopes, judged side by side as one array."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass

import numpy as np

from fireline.detect.evalue import caps, mean_log_factors, rate_log_factors
from fireline.detect.fit import UPPER, Fit
from fireline.detect.kinds import Array, Kind, Means, Monitor, Rates, Ticks
from fireline.detect.season import cells_of
from fireline.terms.counts import Scope
from fireline.terms.plan import Plan

BLIP = 120.0  # seconds of harmless trouble
LONG = 3600  # seconds of a tick that may speak for itself
ENOUGH = 500  # events (of AUC: positives) from which on one tick of a mean may be believed
SURE = np.array(50.0)  # log e beyond any level, and no overflow


@dataclass(frozen=True)
class Reading:
    """A block as the judge reads it, all [T, C] but ``log_factors`` [T, C, J]."""

    log_factors: Array
    valid: Array
    seen: Array
    usual: Array
    weight: Array
    z: Array


class Bank:
    """One kind over ``scopes``, each with its fit; channels of scope after scope lie end to end.

    ``groups`` [G] is the first channel of each monitor, ``sizes`` [G] its channels; ``owners`` [G] are
    (scope, monitor). ``caps`` bounds what one tick may say; a tick of an hour or more may say as well what it
    would have to say without the worst that a blip of two minutes can do: ``blip`` is the part of its events
    that these are (infinite for shorter ticks), ``reach`` [C] how far the whole of them moves the statistic.
    """

    def __init__(self, kind: Kind, plan: Plan, fits: Mapping[Scope, Fit]) -> None:
        self.kind, self.plan = kind, plan
        self.scopes = tuple(fits)
        self.monitors = tuple(kind.monitors(plan))
        self.merge = next(iter(fits.values())).merge
        one = [len(m.channels) for m in self.monitors]
        self.width = sum(one)
        self.sizes = np.array(one * len(self.scopes))
        self.groups = np.concatenate([[0], np.cumsum(self.sizes)[:-1]]).astype(np.int64)
        self.owners: tuple[tuple[Scope, Monitor], ...] = tuple(
            (s, m) for s in self.scopes for m in self.monitors
        )
        joined = [fits[s] for s in self.scopes]
        self.base = np.concatenate([f.base for f in joined], axis=1)
        self.base_variance = np.concatenate([f.base_variance for f in joined], axis=1)
        self.design_effect = np.concatenate([f.design_effect for f in joined])
        self.tau2 = np.concatenate([f.tau2 for f in joined])
        self.inflation = np.concatenate([f.inflation for f in joined])
        self.tolerance = np.concatenate([f.tolerance for f in joined])
        self.usable = np.concatenate([f.usable for f in joined])
        seconds = kind.laid_out(plan).grains[self.scopes[0].kind] * self.merge
        self.blip = BLIP / seconds if seconds >= LONG else np.inf
        self.reach = np.concatenate([self._reach(f) for f in joined])
        self.branches = (
            8 if kind.sides == "both" and kind.test != "silence" else 1 if kind.test == "silence" else 4
        )

    def fresh(self) -> Array:
        """A state in which nothing has been seen: zeros [C, J]."""
        return np.zeros((self.width * len(self.scopes), self.branches))

    def _reach(self, one: Fit) -> Array:
        found = self.kind.reach(self.plan, np.median(one.base, axis=0))
        return np.full(len(one.tau2), np.inf) if found is None else found

    def caps(self, levels: Array) -> Array:
        """What one tick may say at most, that the kind's k ticks reach ``levels`` [G] and fewer do not."""
        return caps(levels, self.sizes * self.branches, self.kind.k)

    def read(self, counts: Sequence[Array], first: int, grain: int, caps: Array | None) -> Reading:
        """Reads merged counts [T, W] of each scope from merged tick ``first``; ``caps`` [G] bound a tick.

        Without ``caps`` there are no e-factors in the reading: who only draws needs none.
        """
        found = [self.kind.ticks(self.plan, one) for one in counts]
        cells = cells_of(np.arange(first, first + len(counts[0])), grain * self.merge, self.plan.timezone)
        cap = None if caps is None else np.repeat(caps, self.sizes)
        return self.read_ticks(found, self.base[cells], self.base_variance[cells], cap)

    def read_ticks(
        self, found: Sequence[Ticks], base: Array, base_variance: Array, cap: Array | None
    ) -> Reading:
        """Reads statistics that lie side by side, of C channels in all, against their ``base`` [T, C]."""
        if self.kind.test == "silence":
            return self._read_silence(found, base, cap)
        if isinstance(found[0], Rates):
            return self._read_rates(found, base, cap)
        return self._read_means(found, base, base_variance, cap)

    @classmethod
    def beside(cls, banks: Sequence[Bank]) -> Bank:
        """Banks of one kind and of many services, channels end to end, for ``read_ticks`` alone: whose
        scopes, plan and base they have is for the caller to know."""
        one = copy(banks[0])
        for name in ("sizes", "design_effect", "tau2", "inflation", "tolerance", "usable", "reach"):
            setattr(one, name, np.concatenate([getattr(bank, name) for bank in banks]))
        return one

    def _read_rates(self, found: Sequence[Ticks], base: Array, cap: Array | None) -> Reading:
        hits = np.concatenate([t.hits for t in found if isinstance(t, Rates)], axis=1).astype(np.float64)
        n = np.concatenate([np.asarray(t.n) for t in found], axis=1).astype(np.float64)
        valid = (n >= self.kind.least) & self.usable
        parts = []
        if cap is not None and self.kind.sides in ("up", "both"):
            odds = self.tolerance * _odds(np.maximum(base, self.kind.floor))
            parts.append(self._rate(hits, n, odds / (1 + odds), cap, up=True))
        if cap is not None and self.kind.sides in ("down", "both"):
            odds = _odds(np.minimum(base, 1 - self.kind.floor)) / self.tolerance
            parts.append(self._rate(hits, n, odds / (1 + odds), cap, up=False))
        with np.errstate(invalid="ignore", divide="ignore"):
            seen = hits / n
            z = (hits - n * base) / np.sqrt(self.inflation * np.maximum(n * base * (1 - base), 1e-9))
        return Reading(_beside(parts, valid), valid, seen, base, n, z)

    def _read_means(
        self, found: Sequence[Ticks], base: Array, base_variance: Array, cap: Array | None
    ) -> Reading:
        value = np.concatenate([t.value for t in found if isinstance(t, Means)], axis=1)
        variance = np.concatenate([t.variance for t in found if isinstance(t, Means)], axis=1)
        n = np.concatenate([t.n for t in found], axis=1)
        valid = (n >= self.kind.least) & np.isfinite(value) & np.isfinite(variance) & self.usable
        deviation = np.where(valid, value - base, 0.0)
        chance = self.design_effect * np.where(valid, variance, 1.0)
        sd = np.sqrt(self.inflation * (chance + self.tau2) + base_variance)
        parts = []
        if cap is not None and self.kind.sides in ("up", "both"):
            parts.append(self._mean(deviation - self.tolerance, sd, n, cap))
        if cap is not None and self.kind.sides in ("down", "both"):
            parts.append(self._mean(-deviation - self.tolerance, sd, n, cap))
        return Reading(_beside(parts, valid), valid, value, base, n, deviation / sd)

    def _rate(self, hits: Array, n: Array, p0: Array, cap: Array, up: bool) -> Array:
        """log e [T, C, 4], and of long ticks at least what is left without a blip of nothing but hits."""
        found = rate_log_factors(hits, n, p0, self.inflation, cap, up)
        if np.isfinite(self.blip):
            lost = self._lost(n) * n
            left = np.maximum(hits - lost, 0.0) if up else np.minimum(hits, n - lost)
            found = np.maximum(found, rate_log_factors(left, n - lost, p0, self.inflation, SURE, up))
        return found

    def _mean(self, excess: Array, sd: Array, n: Array, cap: Array) -> Array:
        """log e [T, C, 4], and of long ticks at least what is left without the reach of a blip."""
        if not (np.isfinite(self.blip) and np.isfinite(self.reach).any()):
            return mean_log_factors(excess / sd, cap)
        sure = (n >= ENOUGH) & np.isfinite(self.reach)
        found = mean_log_factors(excess / sd, cap, sure)
        left = np.where(sure, excess - self._lost(n) * self.reach, -np.inf)
        return np.maximum(found, mean_log_factors(left / sd, SURE, sure))

    def _lost(self, n: Array) -> Array:
        """The part of ``n`` [T, C] events that a blip may hold, by chance at most (one in a thousand)."""
        return np.minimum(self.blip + UPPER * np.sqrt(self.blip / np.maximum(n, 1.0)), 1.0)

    def _read_silence(self, found: Sequence[Ticks], base: Array, cap: Array | None) -> Reading:
        """A tick without events says exp(expected / phi); one event ends the silence (factor 0)."""
        n = np.concatenate([t.n for t in found], axis=1)
        quiet = base / self.inflation if cap is None else np.minimum(base / self.inflation, cap)
        with np.errstate(divide="ignore"):
            factors = np.where(n > 0, -np.inf, quiet)[..., None]
        valid = np.broadcast_to(self.usable, n.shape)
        return Reading(factors, valid, n, base, np.ones_like(n), (base - n) / np.sqrt(np.maximum(base, 1.0)))


def _odds(p: Array) -> Array:
    return np.asarray(p / (1 - p))


def _beside(parts: list[Array], like: Array) -> Array:
    return np.concatenate(parts, axis=2) if parts else np.empty((*like.shape, 0))
