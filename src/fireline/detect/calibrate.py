"""The judge must be silent on its own reference: incidents are left out, fits widened until it is."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from fireline.detect.bank import Bank
from fireline.detect.evalue import run
from fireline.detect.fit import Fit, fit
from fireline.detect.kinds import Array, Kind
from fireline.detect.merging import merged
from fireline.detect.stretches import incidents
from fireline.terms.counts import Scope
from fireline.terms.plan import Plan

QUIET = 30.0
STEP = 1.35
ROUNDS = 12
GENTLE = 3
CALM = 4.0  # inflation beyond which a reference wanders by itself
BLOCK_CELLS = 3_000_000
Spared = Mapping[Scope, Array]


def quieten(
    kind: Kind, plan: Plan, fits: Mapping[Scope, Fit], counts: Mapping[Scope, Array], first: int, grain: int
) -> dict[Scope, Fit]:
    """Fits widened by steps until no statistic reaches 30 x the ticks of the reference anywhere in it.

    Dependence no formula foresaw (storms, batches, weekly shapes) shows itself here, and a few steps are
    taken for it. What is louder, short and rare was an incident: it is left out, and the rest learnt again.
    What is louder and neither makes its monitors dull rather than loud; ``Fit.inflation`` says by how much.
    All ``fits`` have the same merge; ``counts`` [T, W] are the reference ticks of ``grain`` seconds from
    ``first``.
    """
    found, loud = _widened(kind, plan, fits, counts, first, grain, {}, GENTLE)
    if not loud:
        return found
    spared = {
        scope: incidents(Bank(kind, plan, {scope: fits[scope]}), counts[scope], first, grain, flags, _level)
        for scope, flags in loud.items()
    }
    sizes = np.array([len(monitor.channels) for monitor in kind.monitors(plan)])
    again = {}
    for scope, left_out in spared.items():
        rest = fit(kind, plan, counts[scope], first, grain, left_out)
        left_out &= _calm(rest, sizes)
        again[scope] = (
            fit(kind, plan, counts[scope], first, grain, left_out) if left_out.any() else fits[scope]
        )
    return found | _widened(kind, plan, again, counts, first, grain, spared, ROUNDS)[0]


def _calm(rest: Fit, sizes: Array) -> Array:
    """Whether what is left of the reference keeps still, by channel and alike for all of a monitor's: bool
    [C]. Where it wanders by itself, its loudest stretches are no incidents but the crests of that."""
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
    return np.asarray(np.repeat(np.maximum.reduceat(rest.inflation, starts) <= CALM, sizes))


def _level(ticks: int) -> float:
    """What no statistic may reach in a reference of so many ticks."""
    return QUIET * max(ticks, 30)


def _widened(
    kind: Kind, plan: Plan, fits: Mapping[Scope, Fit], counts: Mapping[Scope, Array], first: int, grain: int,
    spared: Spared, rounds: int,
) -> tuple[dict[Scope, Fit], dict[Scope, Array]]:  # fmt: skip
    """``fits`` after at most ``rounds`` steps, and which monitors [G of one scope] are loud still."""
    found, pending = dict(fits), tuple(fits)
    for step in range(rounds + 1):
        bank = Bank(kind, plan, {scope: found[scope] for scope in pending})
        loud = _loud(bank, counts, first, grain, spared).reshape(len(pending), -1)
        left = {scope: flags for scope, flags in zip(pending, loud, strict=True) if flags.any()}
        if step == rounds or not left:
            return found, left
        sizes = bank.sizes[: loud.shape[1]]
        for scope, flags in left.items():
            found[scope] = found[scope].inflated(np.where(np.repeat(flags, sizes), STEP, 1.0))
        pending = tuple(left)
    return found, {}


def _loud(bank: Bank, counts: Mapping[Scope, Array], first: int, grain: int, spared: Spared) -> Array:
    """Which monitors [G] reach the level anywhere in the reference but where it is ``spared``."""
    folded = [merged(counts[scope], first, bank.merge) for scope in bank.scopes]
    start = folded[0][1]
    ticks = len(folded[0][0])
    level = _level(ticks)
    caps = bank.caps(np.full(len(bank.groups), level))
    state = bank.fresh()
    worst = np.zeros(len(bank.groups))
    none = np.zeros((ticks, bank.width), bool)
    left_out = np.concatenate([spared.get(scope, none) for scope in bank.scopes], axis=1)
    step = max(1, BLOCK_CELLS // max(state.size, 1))
    for low in range(0, ticks, step):
        part = [one[low : low + step] for one, _ in folded]
        reading = bank.read(part, start + low, grain, caps)
        valid = reading.valid & ~left_out[low : low + step]
        stats = run(reading.log_factors, valid, state, bank.groups, bank.sizes)
        worst = np.maximum(worst, stats.max(axis=0))
    return np.asarray(worst >= level)
