"""Slices: found where the harm is, and only there; a global shift and a mix shift are called what they
are."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from fireline.triage.figures import figure_of
from fireline.triage.slices import Found, find_slice
from tests.triage.sets import Made, hit, make


def scan(
    made: Made, family: str = "error_rate", feature: str | None = None, without: tuple[str, ...] = ()
) -> Found:
    figure = figure_of(made.book, family, feature, made.at)
    assert figure is not None
    return find_slice(made.book, figure, made.spans, made.spans.hit, without)


def failing(where: Any, share: float, seed: int = 0) -> Any:
    def change(rows: dict[str, Any]) -> None:
        rng = np.random.default_rng(seed)
        rows["error"] = rows["error"] | (hit(rows) & where(rows) & (rng.random(len(rows["time"])) < share))

    return change


@pytest.mark.parametrize("seed", range(6))
def test_a_fault_in_one_region_is_found_there(seed: int) -> None:
    found = scan(make(failing(lambda r: r["region"] == "isles", 0.15, seed), seed))
    assert found.slice == {"region": "isles"}
    assert found.share == pytest.approx(0.1, abs=0.03)
    assert "isles" in found.because


@pytest.mark.parametrize("seed", range(6))
def test_a_fault_everywhere_has_no_slice_and_is_called_global(seed: int) -> None:
    found = scan(make(failing(lambda r: np.ones(len(r["time"]), bool), 0.05, seed), seed))
    assert (found.scope, found.slice) == ("global", None)


def test_no_fault_has_no_slice() -> None:
    named = [scan(make(seed=seed)).slice for seed in range(30)]
    assert sum(s is not None for s in named) <= 1


@pytest.mark.parametrize("seed", range(4))
def test_a_range_of_a_number_is_found(seed: int) -> None:
    found = scan(make(failing(lambda r: r["distance"] > 30, 0.2, seed), seed))
    assert found.slice is not None
    ((column, (low, high)),) = found.slice.items()
    assert column == "distance"
    assert low == pytest.approx(30, abs=6)
    assert high > 45


def test_a_fault_in_most_of_the_traffic_is_not_a_slice() -> None:
    found = scan(make(failing(lambda r: r["region"] != "isles", 0.05)))
    assert found.slice is None


def test_a_declared_segment_is_preferred_to_a_feature_that_goes_with_it() -> None:
    def change(rows: dict[str, Any]) -> None:
        rows["plan"] = np.where(rows["region"] == "isles", "island", rows["plan"]).astype(object)
        failing(lambda r: r["region"] == "isles", 0.2)(rows)

    found = scan(make(change))
    assert found.slice == {"region": "isles"}


def test_the_feature_that_drifted_is_not_its_own_slice() -> None:
    def change(rows: dict[str, Any]) -> None:
        wrong = hit(rows) & (rows["region"] == "west")
        rows["distance"] = np.where(wrong, rows["distance"] * 4, rows["distance"])

    found = scan(make(change), "drift", "distance", ("distance",))
    assert found.slice == {"region": "west"}


def test_another_mix_of_traffic_is_called_mix() -> None:
    def change(rows: dict[str, Any]) -> None:
        rng = np.random.default_rng(3)
        n = len(rows["time"])
        rows["region"] = np.where(hit(rows) & (rng.random(n) < 0.5), "isles", rows["region"]).astype(object)
        rows["error"] = rng.random(n) < np.where(rows["region"] == "isles", 0.12, 0.01)

    made = make(change)
    rng = np.random.default_rng(4)
    before = dict(made.book.before.columns)
    before["error"] = rng.random(len(before["time"])) < np.where(before["region"] == "isles", 0.12, 0.01)
    made.book.before = type(made.book.before)(before)
    found = scan(made)
    assert found.scope == "mix"
    assert found.slice is None
    assert found.mixed == "region"


def test_worse_ranking_in_one_region_is_found_by_the_labels() -> None:
    def change(rows: dict[str, Any]) -> None:
        rng = np.random.default_rng(5)
        bad = hit(rows) & (rows["region"] == "south")
        rows["label"] = np.where(bad, (rng.random(len(bad)) < 0.28).astype(float), rows["label"])

    found = scan(make(change, per_hour=500, width=timedelta(minutes=30)), "auc")
    assert found.slice == {"region": "south"}


def test_a_bad_host_is_found() -> None:
    found = scan(make(failing(lambda r: r["host"] == "h2", 0.1)))
    assert found.slice == {"host": "h2"}
