"""Suspects: a change is judged by its time, its place and its version, and ruled out in words."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from fireline.terms.cause import CauseKind
from fireline.terms.change import Change
from fireline.triage.case import Case
from fireline.triage.figures import figures_for
from fireline.triage.onset import Onset
from fireline.triage.slices import Found
from fireline.triage.suspects import Suspect, kind_of, line_up, timing_of
from fireline.triage.versions import split_versions
from tests.triage.finding import found_by
from tests.triage.sets import NOW, ONSET, hit, make


def change(minutes: float, kind: str = "deploy", **more: Any) -> Change:
    return Change(
        ONSET + timedelta(minutes=minutes), kind, f"{kind} {minutes:g}", more.pop("service", "shop"), **more
    )


def suspects(*changes: Change, fault: Any = None, found: Found | None = None) -> list[Suspect]:
    made = make(fault)
    finding = found_by("error_rate")
    case = Case((finding,), {}, made.book.before, made.book.after, changes, (), made.book.runbook, NOW)
    figures = figures_for(made.book, [finding], made.at)
    split = split_versions(made.book, made.onset, figures)
    return line_up(
        case, made.book, made.onset, split, found or Found("global", None, ""), figures[0], made.spans.hit
    )


@pytest.mark.parametrize(
    ("kind", "service", "expected"),
    [
        ("deploy", "shop", CauseKind.DEPLOY), ("config", "shop", CauseKind.DEPLOY),
        ("schema", "crm", CauseKind.UPSTREAM_DATA),
        ("deploy", "feature-store", CauseKind.UPSTREAM_DATA), ("campaign", "shop", CauseKind.NATURAL_DRIFT),
        ("holiday", "shop", CauseKind.NATURAL_DRIFT), ("infrastructure", "shop", CauseKind.INFRASTRUCTURE),
        ("label job", "labels", CauseKind.LABEL_PIPELINE), ("party", "shop", CauseKind.UNKNOWN),
    ],
)  # fmt: skip
def test_kinds_of_change_are_kinds_of_cause(kind: str, service: str, expected: CauseKind) -> None:
    assert kind_of(change(0, kind, service=service), "shop") is expected


def test_the_nearer_before_the_onset_the_likelier() -> None:
    onset = Onset(ONSET, ONSET + timedelta(minutes=5), "step", timedelta(0), 0, 20.0, "")
    scores = [timing_of(ONSET - timedelta(minutes=m), onset) for m in (0, 30, 120, 600, 4000)]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > 5
    assert timing_of(ONSET + timedelta(hours=1), onset) == float("-inf")


def test_a_vague_onset_blames_nobody_strongly() -> None:
    sharp = Onset(ONSET, ONSET + timedelta(minutes=5), "step", timedelta(0), 0, 20.0, "")
    vague = Onset(ONSET - timedelta(days=2), ONSET + timedelta(days=2), "ramp", timedelta(0), 0, 20.0, "")
    assert timing_of(ONSET, sharp) > timing_of(ONSET, vague) + 3


def test_what_came_after_or_long_before_is_out() -> None:
    late, early = suspects(change(90), change(-60 * 24 * 9))[::-1]
    assert "after the onset" in late.out
    assert "too long ago" in early.out


def test_a_change_for_another_segment_than_the_harm_is_out() -> None:
    where = Found("slice", {"region": "north"}, "", share=0.3)
    (other,) = suspects(change(-1, "config", segment={"region": "isles"}), found=where)
    assert "made for region = isles" in other.out
    (same,) = suspects(change(-1, "config", segment={"region": "north"}), found=where)
    assert same.out == ""
    assert same.bonus > 0


def test_a_change_for_a_segment_is_out_when_the_harm_is_everywhere() -> None:
    def fault(rows: dict[str, Any]) -> None:
        rows["error"] |= hit(rows) & (np.random.default_rng(1).random(len(rows["time"])) < 0.1)

    (found,) = suspects(change(-1, "config", segment={"region": "isles"}), fault=fault)
    assert "moved as much elsewhere" in found.out


def halves(rows: dict[str, Any]) -> None:
    mine = hit(rows) & (np.random.default_rng(0).random(len(rows["time"])) < 0.5)
    rows["version"] = np.where(mine, "B", "A").astype(object)


def test_a_version_that_appears_unannounced_is_a_suspect() -> None:
    (found,) = suspects(fault=halves)
    assert found.change.inferred
    assert found.change.version == "B"
    assert abs(found.change.at - ONSET) < timedelta(minutes=10)


def test_an_announced_deploy_takes_the_place_of_its_first_appearance() -> None:
    guess = Change(ONSET + timedelta(minutes=2), "deploy", "version B first seen", "shop", "B", inferred=True)
    (found,) = suspects(change(-3, version="B"), guess, fault=halves)
    assert not found.change.inferred
    (unnamed,) = suspects(change(-3), guess, fault=halves)
    assert unnamed.change.version == "B"


def test_a_version_that_is_as_bad_as_the_other_is_out() -> None:
    def fault(rows: dict[str, Any]) -> None:
        halves(rows)
        rows["error"] |= hit(rows) & (np.random.default_rng(1).random(len(rows["time"])) < 0.3)

    (found,) = suspects(change(0, version="B"), fault=fault)
    assert "no worse than A" in found.out


def test_another_version_than_the_bad_one_is_out() -> None:
    def fault(rows: dict[str, Any]) -> None:
        halves(rows)
        rows["error"] |= (rows["version"] == "B") & (np.random.default_rng(1).random(len(rows["time"])) < 0.2)

    found = {
        s.change.version: s for s in suspects(change(-2, version="B"), change(-1, version="A"), fault=fault)
    }
    assert found["B"].out == ""
    assert "only B is bad" in found["A"].out


def test_a_version_nowhere_in_the_log_is_unlikely() -> None:
    (found,) = suspects(change(-2, version="Z"))
    assert found.bonus < 0
    assert "nowhere in the log" in found.against
