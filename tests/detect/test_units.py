"""Units that were mistaken for others, named from the counts behind a finding."""

from __future__ import annotations

import numpy as np
import pytest

from fireline.detect.example import counted
from fireline.detect.kinds import Behind
from fireline.detect.monitors.unit_change import UnitChange
from fireline.terms.counts import Series
from fireline.terms.plan import Layout

CELLS = ("n", "nonzero", "log", "log2", "x", "x2", "same0", "same1")
RNG = np.random.default_rng(7)
HOURS = np.repeat(np.arange(24), 500)
CELSIUS = 15 + 6 * np.sin(2 * np.pi * (HOURS - 9) / 24) + RNG.normal(0, 1.5, len(HOURS))
SCALE = float(np.sqrt(np.mean(CELSIUS**2)))


def sums(values: np.ndarray) -> dict[str, int]:
    logs, x = np.log(np.abs(values)), values / SCALE
    amounts = {"log": logs, "log2": logs**2, "x": x, "x2": x**2}
    return {"n": len(values), "nonzero": len(values)} | {
        name: round(float(each.sum()) * 1e6) for name, each in amounts.items()
    }


def named(hour: int, turned: np.ndarray) -> str | None:
    """What the finding suggests when an hour's temperatures come as ``turned``."""
    logs = np.log(np.abs(CELSIUS))
    series = Series(
        "feature:warmth", "moments", 900, CELLS, (SCALE, float(logs.mean()), float(logs.var())),
        shares=(1, 1, 0, 0, 0, 0, 1, 1),
    )  # fmt: skip
    layout = Layout("values", (series,), {"service": 900}, sums=True)
    kind = UnitChange()
    plan, now = counted(layout, {"feature:warmth": sums(turned)})
    _, usual = counted(layout, {"feature:warmth": sums(CELSIUS)})
    behind = Behind(
        now[0], usual[0],
        float(np.log(np.abs(turned)).mean()), float(np.log(np.abs(CELSIUS[hour == HOURS])).mean()),
    )  # fmt: skip
    told = kind.tell(plan, kind.monitors(plan)[0], 0, behind)
    assert told is not None
    return told.details["suggests"]


@pytest.mark.parametrize("hour", range(0, 24, 3))
def test_degrees_are_named_at_any_hour_of_a_day_with_a_rhythm(hour):
    now = CELSIUS[hour == HOURS]
    assert named(hour, now * 1.8 + 32) == "Fahrenheit for Celsius"
    assert named(hour, now + 273.15) == "kelvin for Celsius"
    assert named(hour, now * 1.609344) == "kilometres for miles"
    assert named(hour, now * 1000) == "thousandths for whole units: grams, milliseconds"
    assert named(hour, now * 1.3) is None
