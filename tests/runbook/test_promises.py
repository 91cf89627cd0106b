"""Objectives: what cannot be promised so is told with what to write, and old ways of writing are read."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from fireline.runbook.promises import doubts
from fireline.runbook.schema import Runbook, Slo
from fireline.runbook.wording import slo as in_words
from fireline.terms.indicator import INDICATORS
from tests.support import logs

COLUMNS: dict[str, Any] = {
    **logs.runbook().columns.model_dump(exclude_defaults=True), "groups": ["sex"], "outcome": "profit",
    "feature_times": {"x": "x_time"},
}  # fmt: skip
SIGNALS = [{"name": "orders", "kind": "age", "above": 3600}, {"name": "cpu", "kind": "gauge"}]


def book(**slo: Any) -> Runbook:
    return logs.runbook(columns=COLUMNS, signals=SIGNALS, slos=[{"name": "one", **slo}])


@pytest.mark.parametrize(
    ("slo", "says"),
    [
        ({"indicator": "latency", "objective": 0.9}, "needs `threshold`, the milliseconds"),
        ({"indicator": "latency", "objective": 0.9, "threshold": -3}, "-3 is not above 0"),
        ({"indicator": "latency", "objective": 0.9, "threshold": float("nan")}, "finite"),
        ({"indicator": "availability", "objective": 99.9}, "write 0.99 for 99 %"),
        ({"indicator": "availability", "objective": 0.0}, "not a share"),
        ({"indicator": "availability", "objective": 0.9, "slice": "1h"}, "counts events, not time slices"),
        ({"indicator": "availability", "objective": 0.9, "window": "5m"}, "too short for a promise"),
        ({"indicator": "calibration", "objective": 0.9}, "needs `threshold`, how far the mean score"),
        ({"indicator": "auc", "objective": 0.9, "threshold": 70}, "70 is not below 1: write 0.7"),
        ({"indicator": "auc", "objective": 0.9, "threshold": 0.7, "slice": "90m"}, "no whole number of"),
        ({"indicator": "auc", "objective": 0.9, "threshold": 0.7, "window": "2h"}, "fewer than three slices"),
        ({"indicator": "auc", "objective": 0.9, "threshold": 0.7, "window": "400d"}, "write 366d or less"),
        ({"indicator": "auc", "objective": 0.9, "threshold": 0.7, "bound": "ceiling"}, "knows no other side"),
        ({"indicator": "freshness", "objective": 0.9, "threshold": 5}, "write 60 or more"),
        ({"indicator": "freshness", "objective": 0.9, "of": "cpu"}, "cpu has no age"),
        ({"indicator": "freshness", "objective": 0.9, "threshold": 90, "slice": "90s"}, "number of minutes"),
        ({"indicator": "null_share", "objective": 0.9, "of": "none"}, "needs `of`: one of x, zeros"),
        ({"indicator": "demographic_parity", "objective": 0.9, "threshold": 0.1}, "needs `of`: one of sex"),
        ({"indicator": "uptime", "objective": 0.9}, "indicator"),
    ],
)  # fmt: skip
def test_nonsense_is_told_with_what_to_write(slo: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says.replace("(", r"\(")):
        book(**slo)


def test_two_of_one_name_are_told() -> None:
    one = {"name": "one", "indicator": "availability", "objective": 0.9}
    with pytest.raises(ValidationError, match="there twice: give one another name"):
        logs.runbook(slos=[one, one])


@pytest.mark.parametrize("name", INDICATORS)
def test_every_indicator_can_be_promised_and_said(name: str) -> None:
    known = INDICATORS[name]
    of = {"feature": "x", "flag": "toxic", "group": "sex"}.get(known.of)
    limit = {"threshold": float(known.example)} if known.threshold else {}
    slo = book(indicator=name, objective=0.9, of=of, **limit).slos[0]
    says = in_words(slo)
    assert says.startswith("90 % of ")
    assert says.endswith(", over 28 days")
    assert "{" not in says
    assert (slo.sliced is None) is (slo.budget == "events")


def test_freshness_of_something_is_a_share_of_its_values() -> None:
    for of in ("x", "orders"):
        slo = book(indicator="freshness", objective=0.9, of=of).slos[0]
        assert (slo.budget, slo.sliced) == ("events", None)


def test_a_bare_figure_is_a_floor_for_days_as_runbooks_had_it() -> None:
    old = Slo.model_validate({"name": "ranks", "indicator": "auc", "objective": 0.7})
    assert (old.threshold, old.objective, old.sliced) == (0.7, 0.9, timedelta(days=1))
    assert Slo.model_validate(old.model_dump(mode="json")) == old


@pytest.mark.parametrize(
    ("slo", "says"),
    [
        ({"indicator": "availability", "objective": 1}, "no budget that could burn slowly"),
        ({"indicator": "auc", "objective": 0.99, "threshold": 0.7, "slice": "24h"}, "a single bad slice"),
        ({"indicator": "accuracy", "objective": 0.9, "threshold": 5}, "reads no threshold"),
        ({"indicator": "auc", "objective": 0.9, "threshold": 0.7}, None),
    ],
)  # fmt: skip
def test_what_may_not_be_meant_is_said(slo: dict[str, Any], says: str | None) -> None:
    found = [one[2] for one in doubts(Slo.model_validate({"name": "one", **slo}))]
    assert len(found) == (says is not None)
    assert says is None or says in found[0]
