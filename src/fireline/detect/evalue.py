"""The judge's arithmetic: e-factors of one tick, and the Shiryaev-Roberts mixture that adds them up.

Each factor has mean at most 1 while nothing is wrong, so the statistic ``mean_j R_j`` exceeds A within T
ticks with probability at most T / A, whatever the dependence between monitors (docs/detection.md).
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

LAMBDAS = (0.25, 0.5, 1.0, 2.0)
FAR = 4.0
ODDS = (1.4, 2.0, 4.0, 10.0)
SLACK = float(np.log(10))  # a ticket fires at a fifth of the level, and half of that for what came before
CEILING = 1e200  # beyond any level; infinity times 0 would be no number


def caps(level: Array, branches: Array, k: int) -> Array:
    """What one tick may say at most, log e [G], so that ``k`` of them reach ``level`` [G] and fewer do not.

    The statistic is a mean over ``branches`` [G] (a monitor's channels, sides and alternatives), and a fault
    may show in one of them: log(level branches) / k. Where a mean has more branches than that allows, k - 1
    ticks in all of them stay below a tenth of the level.

    >>> E = np.exp(caps(np.array([1e6]), np.array([8]), 2))[0]
    >>> bool(np.isclose(E * E / 8, 1e6)), bool(E < 1e6)
    (True, True)
    """
    one = np.log(level * branches) / k
    fewer = (np.log(level) - SLACK) / (k - 1) if k > 1 else one
    return np.asarray(np.minimum(one, fewer))


def mean_log_factors(z: Array, cap: Array, sure: Array | None = None) -> Array:
    """log e for z [T, C] at each lambda: [T, C, 4]; ``cap`` [C] bounds what one tick may say.

    log e_j = min(lambda_j z - lambda_j^2 / 2, cap). Where ``sure`` [T, C] says that z is normal far out, too,
    the last of them shares its place with an alternative twice as far: half of each, whose mean is 1 still.
    """
    out = np.empty((*z.shape, len(LAMBDAS)))
    for j, lam in enumerate(LAMBDAS):
        out[..., j] = lam * z - lam * lam / 2
    if sure is not None:
        last, far = out[..., -1], FAR * z - FAR * FAR / 2
        np.copyto(last, np.logaddexp(last, far) - np.log(2), where=sure)
    for j in range(len(LAMBDAS)):
        np.minimum(out[..., j], cap, out=out[..., j])
    return out


def rate_log_factors(hits: Array, n: Array, p0: Array, phi: Array, cap: Array, up: bool = True) -> Array:
    """log e for ``hits`` of ``n`` [T, C] against shares ``p0`` [T, C]: [T, C, 4].

    The alternatives multiply (or divide) the odds of p0 by 1.4, 2, 4 and 10; ``phi`` [C] >= 1 is the
    overdispersion found in the reference.
    """
    out = np.empty((*hits.shape, len(ODDS)))
    o0 = p0 / (1 - p0)
    missed = n - hits
    for j, factor in enumerate(ODDS):
        o1 = o0 * factor if up else o0 / factor
        # log(p1/p0) = log(o1/o0) - log((1+o1)/(1+o0)); log((1-p1)/(1-p0)) = -log((1+o1)/(1+o0))
        shift = np.log((1 + o1) / (1 + o0))
        gain = np.log(factor) if up else -np.log(factor)
        np.minimum((hits * (gain - shift) - missed * shift) / phi, cap, out=out[..., j])
    return out


def run(log_factors: Array, valid: Array, state: Array, groups: Array, sizes: Array) -> Array:
    """Adds up one block: ``state`` [C, J] is updated in place, and the statistic [T, G] comes back.

    ``log_factors`` [T, C, J]; ``valid`` [T, C] says where there was data (without data R stays); ``groups``
    [G] holds the first channel of each monitor, ``sizes`` [G] how many channels it has. Nothing is reset
    here.
    """
    factors = np.exp(log_factors)
    factors[~valid] = 1.0
    counted = valid.astype(np.float64)[..., None]
    stats = np.empty((len(factors), len(groups)))
    for t in range(len(factors)):
        state += counted[t]
        state *= factors[t]
        np.minimum(state, CEILING, out=state)
        np.add.reduceat(state.sum(axis=1), groups, out=stats[t])
    stats /= sizes * state.shape[1]
    return stats
