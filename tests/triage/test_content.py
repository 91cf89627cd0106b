"""Texts and embeddings are no features of the log: that none of those moved does not make inputs usual."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from fireline.terms.cause import Cause, CauseKind
from fireline.terms.change import Change
from fireline.triage.book import Book
from fireline.triage.case import Frame
from fireline.triage.checks import next_checks
from fireline.triage.figures import figure_of
from fireline.triage.input_signs import input_signs
from fireline.triage.inputs import Inputs, look_at_inputs
from fireline.triage.sign import Seen
from fireline.triage.truth import Truth
from fireline.triage.windows import Step
from tests.triage.finding import found_by
from tests.triage.sets import ONSET, hit, make


def signs(*findings: Any, **more: Any) -> list[str]:
    """What the inputs say where three features were looked at, none moved, and quality fell."""
    return [sign.says for sign in input_signs(given(*findings, **more))]


def given(*findings: Any, **more: Any) -> Any:
    """What was seen, where three features were looked at and none moved."""
    plain = {
        "findings": findings,
        "inputs": Inputs(3, ()),
        "answers_moved": (),
        "out_of_bounds": (),
        "by_callers": False,
        "split": SimpleNamespace(moved=(), verdict="none", new=None),
        "broken": (),
        "matters": lambda moved: True,
        "quality": True,
        "score_moved": False,
        "only_inputs": False,
        "onset": SimpleNamespace(shape="step"),
        "families": frozenset({"accuracy", "drift"}),
        "reweighed": (),
        "score": None,
    }
    return SimpleNamespace(**{**plain, **more})


@pytest.mark.parametrize("monitor", ["embedding_drift", "unknown_words"])
def test_content_that_moved_is_said_and_inputs_are_not_called_usual(monitor: str) -> None:
    said = signs(found_by("accuracy"), found_by("drift", "img_vec", monitor=monitor))
    assert said == ["img_vec moved, and none of 3 features moved"]


def test_without_it_inputs_and_scores_are_as_usual() -> None:
    assert signs(found_by("accuracy")) == ["inputs and scores are as usual: none of 3 features moved"]


def test_what_the_model_gives_is_no_input_and_no_source_is_to_blame_for_it() -> None:
    (sign,) = input_signs(given(found_by("drift", "finish_reason"), answers_moved=("finish_reason",)))
    assert "what the model itself gives changed (finish_reason)" in sign.says
    assert sign.weights[CauseKind.UPSTREAM_DATA] < 0 < sign.weights[CauseKind.DEPLOY]
    assert max(sign.weights, key=lambda kind: sign.weights[kind]) is CauseKind.UNKNOWN


def test_an_input_that_is_out_of_bounds_in_many_rows_is_broken_before_the_raw_rows_are_sure() -> None:
    finding = replace(
        found_by("range", "amount"), seen=0.12, usual=0.0, because="amount lies out of its range: 12 %"
    )
    seen = given(finding, out_of_bounds=(finding,), only_inputs=True, quality=False,
                 families=frozenset({"range"}))  # fmt: skip
    (sign,) = input_signs(seen)
    assert sign.says == "an input broke: amount lies out of its range: 12 %"
    assert sign.weights[CauseKind.UPSTREAM_DATA] > 0 > sign.weights[CauseKind.NATURAL_DRIFT]


@pytest.mark.parametrize(
    ("family", "feature", "now", "broken"),
    [("range", "amount", 0.12, 1), ("null_rate", "amount", 0.3, 1), ("range", "amount", 0.02, 0),
     ("drift", "amount", 0.12, 0), ("range", "answer.length", 0.12, 0)],
)  # fmt: skip
def test_only_inputs_and_only_many_rows_count_as_out_of_bounds(
    family: str, feature: str, now: float, broken: int
) -> None:
    finding = replace(found_by(family, feature), seen=now, usual=0.01)
    seen: Any = object.__new__(Seen)
    object.__setattr__(seen, "findings", (finding,))
    object.__setattr__(seen, "inputs", Inputs(3, (), frozenset({"answer.length"})))
    assert len(seen.out_of_bounds) == broken
    assert seen.answers_moved == (("answer.length",) if feature == "answer.length" else ())
    assert seen.only_inputs == (feature == "amount")


def test_an_embedding_is_one_input_and_tells_where_it_moved() -> None:
    def add(rows: dict[str, Any], seed: int) -> dict[str, Any]:
        rng = np.random.default_rng(seed)
        n = len(rows["time"])
        return {
            **rows,
            "img.norm": rng.normal(9, 1, n),
            "img.p0": rng.normal(size=n),
            "img.p1": rng.normal(size=n),
        }

    def blurred(rows: dict[str, Any]) -> dict[str, Any]:
        rows = add(rows, 2)
        where = hit(rows) & (rows["region"] == "north")
        for name in ("img.norm", "img.p0"):
            rows[name] = np.where(where, 0.5 * rows[name] - 2, rows[name])
        return rows

    made = make(blurred)
    columns = made.book.runbook.columns.model_copy(update={"embeddings": ("img",)})
    book = Book(
        Frame(add(made.book.before.columns, 1)), made.book.after,
        made.book.runbook.model_copy(update={"columns": columns}),
    )  # fmt: skip
    seen = look_at_inputs(book, made.spans, made.spans.hit)
    assert seen.looked == len(book.features) + 1
    assert [m.feature.split(".")[0] for m in seen.moved] == ["img"]
    figure = figure_of(book, "drift", "img", made.at)
    assert figure is not None
    since, north = made.spans.hit, book.after.words("region") == "north"
    assert figure.after[since & north].mean() > figure.after[since & ~north].mean() + 0.2


@pytest.mark.parametrize(
    ("blamed", "coverage", "first"), [(0.0, True, False), (0.3, True, True), (0.0, False, True)]
)
def test_labels_are_the_first_check_only_where_they_are_odd_or_blamed(
    blamed: float, coverage: bool, first: bool
) -> None:
    step = Step(0.96, 0.96, 0.96, 0.0, 0.0, 3) if coverage else None
    seen = given(
        truth=Truth(step, None, 0.25, 0.25, 9.0),
        found=SimpleNamespace(slice=None),
        platform=SimpleNamespace(host=None),
    )
    causes = (Cause(CauseKind.CONCEPT_DRIFT, 0.6, "It crept in.", next_check="Retrain on recent data."),)
    causes += (Cause(CauseKind.LABEL_PIPELINE, blamed, "They broke.", rejected=not blamed),)
    told = next_checks(seen, causes)
    assert told[0].startswith("Label completeness by age first") == first
    assert told[-1].startswith("Labels were looked at and are as usual") == (not first)


def test_a_suspected_change_without_a_version_is_to_be_taken_back_by_whoever_made_it() -> None:
    seen = given(truth=Truth(None, None, 0.0, 0.0, 0.0), quality=False, found=SimpleNamespace(slice=None))
    change = Change(ONSET, "config", "new provider", "flights", None)
    (told, *_) = next_checks(seen, (Cause(CauseKind.DEPLOY, 0.7, "It came before.", change),))
    assert told.startswith('Ask whoever made the config "new provider" to take it back')


def test_where_the_model_itself_changed_whoever_runs_it_is_asked_first() -> None:
    truth = Truth(None, None, 0.0, 0.0, 0.0)
    seen = given(
        truth=truth, quality=False, found=SimpleNamespace(slice=None), answers_moved=("weight_norm",)
    )
    told = next_checks(seen, (Cause(CauseKind.UNKNOWN, 0.9, "no matching change"),))
    assert told[0].startswith("Ask whoever runs or trains the model")
    assert "weight_norm moved" in told[0]
