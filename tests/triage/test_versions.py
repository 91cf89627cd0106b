"""Versions side by side: one alone bad, equally bad, or too little to tell; pairs on the same requests
first."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fireline.triage.case import Frame
from fireline.triage.figures import figures_for
from fireline.triage.labelled import with_shared_labels
from fireline.triage.versions import Split, split_versions
from tests.triage.finding import found_by
from tests.triage.sets import Made, hit, make


def split(made: Made, *families: tuple[str, str | None]) -> Split:
    figures = figures_for(made.book, [found_by(f, feature) for f, feature in families], made.at)
    return split_versions(made.book, made.onset, figures)


def halves(rows: dict[str, Any], seed: int = 0) -> Any:
    """Half of the rows since the onset are answered by B."""
    mine = hit(rows) & (np.random.default_rng(seed).random(len(rows["time"])) < 0.5)
    rows["version"] = np.where(mine, "B", "A").astype(object)
    return mine


def shadowed(rows: dict[str, Any], mine: Any) -> dict[str, Any]:
    """A also scores, unseen, every request that B answers."""
    ghost = np.flatnonzero(mine)
    copies = {name: values[ghost].copy() for name, values in rows.items()}
    copies["version"][:] = "A"
    copies["shadow"][:] = True
    return {name: np.concatenate([values, copies[name]]) for name, values in rows.items()}


def test_errors_of_the_new_version_alone_are_decisive() -> None:
    def change(rows: dict[str, Any]) -> None:
        mine = halves(rows)
        rows["error"] = rows["error"] | (mine & (np.random.default_rng(1).random(len(mine)) < 0.05))

    found = split(make(change), ("error_rate", None))
    assert (found.verdict, found.new, found.old) == ("only_new", "B", "A")
    assert found.strength == 1.0
    assert "only B is bad" in found.because
    assert "events" in found.because


def test_errors_of_both_are_equal_and_no_deploys_fault() -> None:
    def change(rows: dict[str, Any]) -> None:
        halves(rows)
        rng = np.random.default_rng(1)
        rows["error"] = rows["error"] | (hit(rows) & (rng.random(len(rows["time"])) < 0.1))

    found = split(make(change, per_hour=500), ("error_rate", None))
    assert found.verdict == "equal"


def test_a_handful_of_answers_cannot_tell() -> None:
    def change(rows: dict[str, Any]) -> None:
        mine = hit(rows) & (np.random.default_rng(2).random(len(rows["time"])) < 0.03)
        rows["version"] = np.where(mine, "B", "A").astype(object)

    found = split(make(change), ("error_rate", None))
    assert found.verdict in ("unclear", "alone")
    assert found.strength < 0.6


def test_a_version_that_serves_alone_is_compared_with_none() -> None:
    def change(rows: dict[str, Any]) -> None:
        rows["version"] = np.where(hit(rows), "B", "A").astype(object)

    assert split(make(change), ("error_rate", None)).verdict == "alone"


def test_the_same_requests_show_a_feature_that_one_version_reads_wrongly() -> None:
    def change(rows: dict[str, Any]) -> dict[str, Any]:
        mine = hit(rows)
        rows["version"] = np.where(mine, "B", "A").astype(object)
        both = shadowed(rows, mine)
        wrong = both["version"] == "B"
        both["hour"] = np.where(wrong, (both["hour"] + 5) % 24, both["hour"])
        both["score"] = np.where(wrong, np.random.default_rng(3).permutation(both["score"]), both["score"])
        return both

    made = make(change)
    found = split(made, ("auc", None))
    assert (found.verdict, found.new) == ("only_new", "B")
    assert found.moved == ("hour",)
    assert found.contrasts[0].paired
    assert {(r["version"], r["shadow"]) for r in found.rows} == {("B", False), ("A", True)}


def test_worse_ranking_on_the_same_requests_by_both_is_equal() -> None:
    def change(rows: dict[str, Any]) -> dict[str, Any]:
        mine = hit(rows)
        rows["version"] = np.where(mine, "B", "A").astype(object)
        rng = np.random.default_rng(4)
        rows["label"] = np.where(
            mine & (rng.random(len(mine)) < 0.5), rng.permutation(rows["label"]), rows["label"]
        )
        both = shadowed(rows, mine)
        both["score"] = np.clip(both["score"] + rng.normal(0, 0.01, len(both["score"])), 0, 1)
        return both

    found = split(make(change, per_hour=400), ("auc", None))
    assert found.verdict == "equal"


@pytest.mark.parametrize("seed", range(10))
def test_two_well_versions_are_never_told_apart(seed: int) -> None:
    def change(rows: dict[str, Any]) -> None:
        halves(rows, seed)

    found = split(make(change, seed), ("error_rate", None), ("latency", None), ("auc", None))
    assert not (found.verdict == "only_new" and found.strength >= 0.6)


def test_shadow_rows_learn_the_label_of_their_request() -> None:
    frame = Frame(
        {
            "time": np.array([1, 1], dtype=np.int64),
            "request_id": np.array(["a", "a"], dtype=object),
            "shadow": np.array([False, True]),
            "label": np.array([1.0, np.nan]),
            "label_time": np.array([5.0, np.nan]),
        }
    )
    shared = with_shared_labels(frame)
    assert shared.number("label").tolist() == [1.0, 1.0]
    assert shared.number("label_time").tolist() == [5.0, 5.0]
