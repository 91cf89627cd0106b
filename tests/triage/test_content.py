"""Texts and embeddings are no features of the log: that none of those moved does not make inputs usual."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from fireline.triage.input_signs import input_signs
from fireline.triage.inputs import Inputs
from tests.triage.finding import found_by


def signs(*findings: Any) -> list[str]:
    """What the inputs say where three features were looked at, none moved, and quality fell."""
    seen: Any = SimpleNamespace(
        findings=findings,
        inputs=Inputs(3, ()),
        by_callers=False,
        split=SimpleNamespace(moved=(), verdict="none", new=None),
        broken=(),
        matters=lambda moved: True,
        quality=True,
        score_moved=False,
        only_inputs=False,
        onset=SimpleNamespace(shape="step"),
        families=frozenset({"accuracy", "drift"}),
        reweighed=(),
        score=None,
    )
    return [sign.says for sign in input_signs(seen)]


@pytest.mark.parametrize("monitor", ["embedding_drift", "unknown_words"])
def test_content_that_moved_is_said_and_inputs_are_not_called_usual(monitor: str) -> None:
    said = signs(found_by("accuracy"), found_by("drift", "img_vec", monitor=monitor))
    assert said == ["img_vec moved, and none of 3 features moved"]


def test_without_it_inputs_and_scores_are_as_usual() -> None:
    assert signs(found_by("accuracy")) == ["inputs and scores are as usual: none of 3 features moved"]
