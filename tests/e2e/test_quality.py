"""Services of every task, from their log to the report: the fault raises its family, a calm log raises
nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.support.quality_logs import BROKEN, half, iso, replayed, told

Columns = dict[str, np.ndarray]


def too_low(columns: Columns, hit: np.ndarray) -> None:
    """Predictions of numbers lie far too low."""
    columns["prediction"][hit] -= 6.0


def shuffled_ranks(columns: Columns, hit: np.ndarray) -> None:
    """The worst item stands on top."""
    columns["rank"][hit] = 7 - columns["rank"][hit]


def refused_women(columns: Columns, hit: np.ndarray) -> None:
    """Half of the women are refused whatever their score."""
    columns["prediction"][half(hit & (columns["sex"] == "F"))] = 0.0


def worse_arm(columns: Columns, hit: np.ndarray) -> None:
    """What arm B earns falls by a fifth."""
    columns["outcome"][hit & (columns["arm"] == "B")] *= 0.8


def blind_to_birds(columns: Columns, hit: np.ndarray) -> None:
    """Birds are taken for cats."""
    columns["prediction"][half(hit & (columns["label"] == "bird"))] = "cat"


def disliked(columns: Columns, hit: np.ndarray) -> None:
    """A third of the preferred answers no longer are."""
    columns["label"][half(hit)] = 0.0


FAULTS: list[tuple[str, Callable[[Columns, np.ndarray], None], set[tuple[str, str, str]]]] = [
    ("regression", too_low, {("accuracy", "absolute_error", "page"), ("calibration", "error_bias", "page"),
                             ("score_drift", "score_drift", "page")}),
    ("ranking", shuffled_ranks, {("accuracy", "ndcg", "page")}),
    ("binary", refused_women, {("fairness", "demographic_parity", "ticket"),
                               ("fairness", "equalized_odds", "ticket")}),
    ("binary", worse_arm, {("kpi", "kpi_difference", "page")}),
    ("multiclass", blind_to_birds, {("accuracy", "class_recall", "page")}),
    ("llm", disliked, {("accuracy", "win_rate", "page")}),
]  # fmt: skip


@pytest.mark.parametrize(("task", "fault", "wanted"), FAULTS, ids=lambda x: getattr(x, "__name__", None))
def test_the_fault_raises_its_family_and_the_report_says_so(tmp_path: Path, task, fault, wanted):  # type: ignore[no-untyped-def]
    incidents, report = replayed(tmp_path, task, fault, rate=0.6 if task == "ranking" else 3.0)
    found = told(incidents)
    assert wanted <= found, sorted(found)
    assert {family for family, _, _ in found} <= {family for family, _, _ in wanted} | {
        "accuracy", "calibration", "auc", "drift", "score_drift"
    }  # fmt: skip
    alerts = [
        a for i in incidents for a in i["alerts"] if (a["family"], a["monitor"], a["urgency"]) in wanted
    ]
    assert all(a["fired_at"] >= iso(BROKEN) for a in alerts)
    assert all(a["because"] in report or a["monitor"] in report for a in alerts[:1])
    assert all(i["causes"] and i["severity"] in ("SEV1", "SEV2", "SEV3") for i in incidents)


@pytest.mark.parametrize("task", ["regression", "ranking", "binary", "multiclass", "llm"])
def test_a_calm_log_raises_nothing(tmp_path: Path, task: str) -> None:
    incidents, _ = replayed(tmp_path, task, rate=0.6 if task == "ranking" else 3.0)
    assert told(incidents) == set()
