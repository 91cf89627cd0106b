"""The smallest effect a monitor would notice: less with more traffic, and never nothing said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from fireline.cli.app import app
from fireline.clock import from_micros, iso
from fireline.detect import example
from fireline.detect.baseline import learn
from fireline.detect.judge import Judge
from fireline.detect.noticeable import NOTHING, Recent, _words, blind, dull, noticeable
from fireline.runbook.load import read as load_file
from fireline.runbook.schema import Runbook
from fireline.terms.counts import MINUTE, SERVICE
from tests.support.books import READY

START, DAYS = 1_709_510_400, 14


def smallest_error_rate(per_minute: int, live: int | None = None) -> float:
    """The smallest error rate noticed within a day by a service with 1 % errors, in percent; at ``live``
    requests a minute, where two days of them are known."""
    plan = example.plan()
    rng = np.random.default_rng(3)
    cells = plan.rates.series[0].cells
    counts = np.zeros(((DAYS + 2) * 1440, plan.rates.width), np.int64)
    counts[: DAYS * 1440, cells.index("n")] = rng.poisson(per_minute, DAYS * 1440)
    counts[DAYS * 1440 :, cells.index("n")] = rng.poisson(live or 0, 2 * 1440)
    counts[:, cells.index("error")] = rng.binomial(counts[:, cells.index("n")], 0.01)

    def read(layout, grain, low, high):  # type: ignore[no-untyped-def]
        first = START // MINUTE
        return (
            {SERVICE: counts[low - first : high - first]}
            if layout.name == "rates" and grain == MINUTE
            else {}
        )

    until = (START + DAYS * 86_400) * 10**6
    baseline = learn(plan, read, START * 10**6, until, until, lambda _: None)
    runbook = Runbook.from_plain({
        "service": "example", "timezone": "UTC", "task": "binary", "ownership": {"team": "t"},
        "columns": {"time": "time"}, "labels": {"age": "0m"},
        "reference": {"since": iso(from_micros(START * 10**6)), "until": iso(from_micros(until))},
    })  # fmt: skip
    recent = Recent(read, until + 2 * 86_400 * 10**6) if live is not None else None
    rows = noticeable(Judge(baseline, runbook, until), recent)
    row = next(r for r in rows if r["monitor"] == "error rate")
    assert row["at"] == ("the reference's traffic" if live is None else "the traffic of the last 2 days")
    assert row["within"] == "24 h"
    return float(row["smallest"].removesuffix(" %"))


def test_more_traffic_shows_smaller_effects() -> None:
    few, many = smallest_error_rate(5), smallest_error_rate(200)
    assert 1.0 < many < few < 5.0


def test_a_day_of_much_traffic_shows_less_than_half_again_as_many_errors() -> None:
    assert smallest_error_rate(200) == pytest.approx(1.4, abs=0.15)


def test_where_live_traffic_is_known_it_counts() -> None:
    assert smallest_error_rate(50, live=50) == pytest.approx(smallest_error_rate(50), rel=0.02)
    assert smallest_error_rate(50, live=5) > 1.15 * smallest_error_rate(50)


def test_without_traffic_nothing_is_noticed() -> None:
    with pytest.raises(ValueError, match=NOTHING):
        smallest_error_rate(50, live=0)


def test_a_monitor_that_storms_made_dull_says_so_and_check_passes_it_on(tmp_path: Path) -> None:
    plan, rng = example.plan(), np.random.default_rng(3)
    cells = plan.rates.series[0].cells
    share = np.full(DAYS * 1440, 0.01)
    for day in range(1, DAYS, 3):
        share[day * 1440 : day * 1440 + 60] = 0.4
    counts = np.zeros((len(share), plan.rates.width), np.int64)
    counts[:, cells.index("n")] = rng.poisson(50, len(share))
    counts[:, cells.index("error")] = rng.binomial(counts[:, cells.index("n")], share)

    def read(layout, grain, low, high):  # type: ignore[no-untyped-def]
        first = START // MINUTE
        return (
            {SERVICE: counts[low - first : high - first]} if (layout.name, grain) == ("rates", MINUTE) else {}
        )

    until = (START + DAYS * 86_400) * 10**6
    baseline = learn(plan, read, START * 10**6, until, until, lambda _: None)
    book = tmp_path / "runbook.yaml"
    book.write_text(READY, encoding="utf-8")
    file = load_file(book)
    told = dull(Judge(baseline, file.runbook, until))
    assert [what for what, _, _ in told] == ["error rate"]
    assert told[0][2] > 10
    baseline.save(file.baseline_path)
    result = CliRunner().invoke(app, ["check", str(book), "--json"])
    said = [one for one in json.loads(result.stdout) if "dull" in one["says"]]
    assert len(said) == 1
    assert said[0]["says"].startswith("error rate is dull: within a day it would notice ")
    assert said[0]["key"] == "reference"


@pytest.mark.parametrize(
    ("unit", "value", "says"),
    [
        (
            "chance that two rows hold the same value",
            0.25,
            "a chance of 0.25 that two rows hold the same value",
        ),
        ("chance that two rows hold the same value", 1.04, NOTHING),
        ("log of the value", np.log(20), "20 in the middle"),
        ("share of the rows", 0.031, "3.1 %"),
    ],
)
def test_figures_are_said_as_what_they_are(unit: str, value: float, says: str) -> None:
    assert _words(unit, value) == says


def test_a_business_figure_that_would_notice_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        {"monitor": "kpi difference", "scope": "other arms", "smallest": NOTHING, "usual": "0"},
        {"monitor": "kpi", "scope": "the whole service", "smallest": "3 %", "usual": "2"},
        {"monitor": "category drift", "scope": "model", "smallest": NOTHING, "usual": "100 %"},
    ]
    monkeypatch.setattr("fireline.detect.noticeable.noticeable", lambda judge: rows)
    judge: Any = None
    assert blind(judge) == ["kpi difference of other arms"]
