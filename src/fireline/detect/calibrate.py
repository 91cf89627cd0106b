"""The judge must be silent on its own reference: fits are widened until it is."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from fireline.detect.bank import Bank
from fireline.detect.evalue import run
from fireline.detect.fit import Fit, merged
from fireline.detect.kinds import Array, Kind
from fireline.terms.counts import Scope
from fireline.terms.plan import Plan

QUIET = 30.0
STEP = 1.35
ROUNDS = 12
BLOCK_CELLS = 3_000_000


def quieten(
    kind: Kind, plan: Plan, fits: Mapping[Scope, Fit], counts: Mapping[Scope, Array], first: int, grain: int
) -> dict[Scope, Fit]:
    """Fits widened by steps until no statistic reaches 30 x the ticks of the reference anywhere in it.

    Dependence no formula foresaw (storms, batches, weekly shapes) shows itself here. A reference that holds
    an incident makes its monitors dull rather than loud; ``Fit.inflation`` says by how much. All ``fits``
    have the same merge; ``counts`` [T, W] are the reference ticks of ``grain`` seconds from ``first``.
    """
    found = dict(fits)
    pending = tuple(fits)
    for _ in range(ROUNDS):
        bank = Bank(kind, plan, {scope: found[scope] for scope in pending})
        loud = _loud(bank, [counts[scope] for scope in pending], first, grain)
        if not loud.any():
            break
        channels = np.repeat(loud, bank.sizes).reshape(len(pending), bank.width)
        for scope, flags in zip(pending, channels, strict=True):
            found[scope] = found[scope].inflated(np.where(flags, STEP, 1.0))
        pending = tuple(s for s, flags in zip(pending, channels, strict=True) if flags.any())
    return found


def _loud(bank: Bank, counts: list[Array], first: int, grain: int) -> Array:
    """Which monitors [G] reach the level anywhere in the reference."""
    folded = [merged(one, first, bank.merge) for one in counts]
    start = folded[0][1]
    ticks = len(folded[0][0])
    level = QUIET * max(ticks, 30)
    caps = np.full(len(bank.groups), np.log(level) / bank.kind.k)
    state = bank.fresh()
    worst = np.zeros(len(bank.groups))
    step = max(1, BLOCK_CELLS // max(state.size, 1))
    for low in range(0, ticks, step):
        part = [one[low : low + step] for one, _ in folded]
        reading = bank.read(part, start + low, grain, caps)
        stats = run(reading.log_factors, reading.valid, state, bank.groups, bank.sizes)
        worst = np.maximum(worst, stats.max(axis=0))
    return np.asarray(worst >= level)
