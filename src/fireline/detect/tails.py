"""Tail probabilities that say how surprising a figure is, without scipy at run time."""

from __future__ import annotations

from math import exp, lgamma, log, sqrt
from statistics import NormalDist

TINY = 1e-300
ENOUGH = 1e-15
LONGEST = 10_000
MANY = 200.0


def chi_square_tail(statistic: float, degrees: int) -> float:
    """P(chi-square of ``degrees`` >= ``statistic``): the regularised upper incomplete gamma Q(degrees/2,
    statistic/2).

    Series below a + 1, Lentz's continued fraction above (Press et al., Numerical Recipes, 6.2).

    >>> round(chi_square_tail(3.841458820694124, 1), 6)
    0.05
    """
    a, x = degrees / 2, statistic / 2
    if degrees < 1 or x <= 0:
        return 1.0
    front = exp(-x + a * log(x) - lgamma(a))
    return 1 - front * _series(a, x) if x < a + 1 else front * _fraction(a, x)


def _series(a: float, x: float) -> float:
    term = total = 1 / a
    for i in range(1, LONGEST):
        term *= x / (a + i)
        total += term
        if term < total * ENOUGH:
            break
    return total


def _fraction(a: float, x: float) -> float:
    b = x + 1 - a
    c, d = 1 / TINY, 1 / b
    found = d
    for i in range(1, LONGEST):
        factor = -i * (i - a)
        b += 2
        d = 1 / (_apart(factor * d + b))
        c = _apart(b + factor / c)
        found *= d * c
        if abs(d * c - 1) < ENOUGH:
            break
    return found


def _apart(value: float) -> float:
    """``value`` kept away from 0."""
    return value if abs(value) > TINY else TINY


def kolmogorov_tail(distance: float, n: int, m: int) -> float:
    """P of a two-sample Kolmogorov-Smirnov distance this large by chance, for large samples of ``n`` and
    ``m``.

    Kolmogorov's limit 2 sum (-1)^(k-1) exp(-2 k^2 t^2) at t = distance sqrt(nm / (n + m)).

    >>> round(kolmogorov_tail(0.136, 200, 200), 4)
    0.0495
    """
    t = distance * sqrt(n * m / (n + m))
    if t < 0.2:
        return 1.0  # the limit lies within 1e-12 of 1 there, and the series needs ever more terms
    total = sum((1 if k % 2 else -1) * exp(-2 * (k * t) ** 2) for k in range(1, 101))
    return min(max(2 * total, 0.0), 1.0)


def noncentral_chi_square_tail(statistic: float, degrees: int, shift: float) -> float:
    """P(noncentral chi-square of ``degrees`` and noncentrality ``shift`` >= ``statistic``): chi-squares of
    more degrees, by the Poisson chances of how many more (Johnson, Kotz and Balakrishnan 1995, 29.2).

    From a noncentrality of 200 on by the normal that a power of it resembles (Sankaran 1963), within a tenth
    of the exact tail down to 1e-6.

    >>> round(noncentral_chi_square_tail(5.0, 3, 2.0), 6)
    0.406595
    """
    if statistic <= 0:
        return 1.0
    if shift >= MANY:
        return _sankaran(statistic, degrees, shift)
    half = shift / 2
    most = int(half + 12 * sqrt(half) + 20)
    chances = [exp(-half + j * log(half) - lgamma(j + 1)) if half else float(j == 0) for j in range(most)]
    return sum(c * chi_square_tail(statistic, degrees + 2 * j) for j, c in enumerate(chances) if c > ENOUGH)


def _sankaran(statistic: float, degrees: int, shift: float) -> float:
    mean, spread = degrees + shift, degrees + 2 * shift
    power = 1 - 2 * mean * (degrees + 3 * shift) / (3 * spread**2)
    p = spread / mean**2
    m = (power - 1) * (1 - 3 * power)
    middle = 1 + power * p * (power - 1 - (2 - power) * m * p / 2)
    width = power * sqrt(2 * p) * (1 + m * p / 2)
    return NormalDist().cdf(-((statistic / mean) ** power - middle) / width)
