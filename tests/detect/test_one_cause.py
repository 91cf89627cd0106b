"""One cause is told once, by its right name: a stuck value is no other unit, one group apart is not all of
them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from fireline.detect.example import counted
from fireline.detect.grouping import Desk
from fireline.detect.judge import in_order
from fireline.detect.monitors.unit_change import UnitChange
from fireline.terms.alert import Finding
from fireline.terms.counts import Series
from fireline.terms.plan import Layout
from tests.support import town as towns

AT = datetime(2026, 3, 2, 10, tzinfo=UTC)
CELLS = ("n", "nonzero", "log", "log2", "x", "x2", "same0", "same1")


def found(monitor: str, family: str, feature: str, after: float = 0, **more: object) -> Finding:
    details = {"level": "ticket", "events": 500}
    what = {"urgency": "ticket", "evidence": 6.0, "threshold": 5.0, "seen": 0.3, "usual": 0.1} | more
    at = AT + timedelta(hours=after)
    return Finding(monitor, family, monitor, at, feature=feature, details=details, **what)


def heard(*findings: Finding) -> list[tuple[str, str | None]]:
    desk = Desk(towns.runbook(), lambda finding: None)
    told = [desk.hear(one, set(desk.told)) for one in sorted(findings, key=in_order)]
    return [(alert.finding.monitor, alert.finding.feature) for alert in told if alert is not None]


def stuck(feature: str, after: float = 0, **more: object) -> Finding:
    return found("stuck_feature", "drift", feature, after, **more)


def unit(feature: str, after: float = 0, **more: object) -> Finding:
    return found("unit_change", "range", feature, after, **more)


@pytest.mark.parametrize("after", [0, 0.25, 20])
def test_a_value_that_repeats_is_not_told_again_as_another_unit(after):
    assert heard(stuck("price"), unit("price", after)) == [("stuck_feature", "price")]


def test_another_feature_scope_or_day_is_another_matter():
    assert len(heard(stuck("price"), unit("weight"))) == 2
    assert len(heard(stuck("price", segment={"shop": "a"}), unit("price"))) == 2
    assert len(heard(stuck("price", version="B"), unit("price"))) == 2
    assert len(heard(stuck("price"), unit("price", 30))) == 2
    assert heard(unit("price"), unit("weight")) == [("unit_change", "price"), ("unit_change", "weight")]


def test_of_the_groups_of_a_column_the_surest_is_told():
    gaps = [
        found("demographic_parity", "fairness", f"age={name}", evidence=evidence)
        for name, evidence in (("middle", 5.5), ("old", 5.2), ("young", 9.0))
    ]
    sex = found("demographic_parity", "fairness", "sex=f")
    later = found("demographic_parity", "fairness", "age=old", 5)
    odds = found("equalized_odds", "fairness", "age=young", 3)
    assert heard(*gaps, sex, later, odds) == [
        ("demographic_parity", "age=young"), ("demographic_parity", "sex=f"), ("equalized_odds", "age=young"),
    ]  # fmt: skip


def logs_of(values: np.ndarray) -> np.ndarray:
    age = Series("feature:age", "moments", 900, CELLS, (40.0, 3.6, 0.1), shares=(1, 1, 0, 0, 0, 0, 1, 1))
    layout = Layout("values", (age,), {"service": 900}, sums=True)
    log = np.log(values)
    sums = {"n": len(values), "nonzero": len(values), "log": int(1e6 * log.sum()),
            "log2": int(1e6 * (log**2).sum())}  # fmt: skip
    return UnitChange().ticks(*counted(layout, {"feature:age": sums}))


def test_values_all_alike_are_no_unit_and_multiplied_ones_are():
    usual = np.random.default_rng(0).lognormal(3.6, 0.3, 200)
    assert logs_of(usual * 1.609).n[0, 0] == 200
    assert logs_of(np.full(200, 80.0)).n[0, 0] == 0
    assert logs_of(np.full(6, 80.0)).n[0, 0] == 0
