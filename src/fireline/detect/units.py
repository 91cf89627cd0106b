"""Which units were mistaken for which, recognised by what they do to figures."""

from __future__ import annotations

import math

RATIOS: dict[float, tuple[str, str]] = {
    1.609344: ("kilometres for miles", "miles for kilometres"),
    1.852: ("kilometres for nautical miles", "nautical miles for kilometres"),
    2.204623: ("pounds for kilograms", "kilograms for pounds"),
    2.54: ("centimetres for inches", "inches for centimetres"),
    3.28084: ("feet for metres", "metres for feet"),
    3.6: ("km/h for m/s", "m/s for km/h"),
    3.785412: ("litres for gallons", "gallons for litres"),
    4.184: ("kilojoules for kilocalories", "kilocalories for kilojoules"),
    7.0: ("days for weeks", "weeks for days"),
    10.0: ("tenths for whole units", "tens for whole units"),
    24.0: ("hours for days", "days for hours"),
    57.29578: ("degrees for radians", "radians for degrees"),
    60.0: ("minutes for hours, or seconds for minutes", "hours for minutes, or minutes for seconds"),
    100.0: (
        "hundredths for whole units: cents, per cent",
        "whole units for hundredths: a share for per cent",
    ),
    1000.0: ("thousandths for whole units: grams, milliseconds", "thousands for whole units: kilograms, s"),
    1024.0: ("the next smaller binary unit", "the next larger binary unit"),
    3600.0: ("seconds for hours", "hours for seconds"),
    86400.0: ("seconds for days", "days for seconds"),
    1e6: ("millionths for whole units", "millions for whole units"),
    1e9: ("nanoseconds for seconds", "seconds for nanoseconds"),
}
"""What a factor means when values grew by it, and when they shrank by it."""

LEAST_SLACK = 0.02
MOST_SLACK = 0.08
MOST_NARROWER = math.log(4.0)
"""By how much values of a few hours of the day may spread less than all of them."""


def unit_of(log_ratio: float, error: float) -> str | None:
    """The mistake that multiplies values by ``exp(log_ratio)``, known up to ``error``; None when none fits.

    >>> unit_of(math.log(1.61), 0.004), unit_of(-math.log(1000), 0.01), unit_of(math.log(1.3), 0.01)
    ('kilometres for miles', 'thousands for whole units: kilograms, s', None)
    """
    slack = min(max(LEAST_SLACK, 3 * error), MOST_SLACK)
    nearest = min(RATIOS, key=lambda ratio: abs(abs(log_ratio) - math.log(ratio)))
    if abs(abs(log_ratio) - math.log(nearest)) > slack:
        return None
    return RATIOS[nearest][0 if log_ratio > 0 else 1]


def degrees_of(usual: tuple[float, float], now: tuple[float, float], here: float | None = None) -> str | None:
    """Fahrenheit for Celsius or the other way round, by (mean, standard deviation) before and now.

    What came since may be of few hours of the day, and spread by down to a quarter of the usual. ``here`` is
    the usual geometric mean at these hours, where it is known.

    >>> degrees_of((15.0, 8.0), (59.2, 14.3)), degrees_of((59.0, 14.4), (14.9, 8.1))
    ('Fahrenheit for Celsius', 'Celsius for Fahrenheit')
    >>> degrees_of((15.0, 5.0), (68.1, 3.4), here=19.9)  # an hour of the afternoon
    'Fahrenheit for Celsius'
    >>> degrees_of((15.0, 8.0), (150.0, 80.0))
    >>> degrees_of((30.0, 50.0), (45.0, 88.0))  # tokens that grew are no temperatures
    """
    (m, s), (mean, spread) = usual, now
    if min(s, spread) <= 0:
        return None
    for name, factor, shift in (
        ("Fahrenheit for Celsius", 1.8, 32.0), ("Celsius for Fahrenheit", 1 / 1.8, -32 / 1.8),
        ("kelvin for Celsius", 1.0, 273.15), ("Celsius for kelvin", 1.0, -273.15),
    ):  # fmt: skip
        means = [m]
        if here:  # a mean is half a variance above the geometric one, to second order
            means.append(here + (spread / factor) ** 2 / (2 * here))
        near = any(abs(mean - (one * factor + shift)) < spread / 4 for one in means)
        if near and -MOST_NARROWER < math.log(spread / (s * factor)) < 0.2:
            return name
    return None
