"""What happened to the inputs: each kind of break is told from an ordinary shift, and the calendar from
both."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fireline.clock import micros
from fireline.triage.figures import figure_of
from fireline.triage.inputs import Inputs, look_at_inputs
from fireline.triage.inside import told_inside
from fireline.triage.reweigh import reweigh
from fireline.triage.slices import Found
from tests.triage.sets import NOW, ONSET, Made, hit, make


def look(change: Any = None, **more: Any) -> Inputs:
    made = make(change, **more)
    return look_at_inputs(made.book, made.spans, made.spans.hit)


def damage(inputs: Inputs, feature: str) -> str | None:
    return next((m.damage for m in inputs.moved if m.feature == feature), None)


def nulls(rows: dict[str, Any]) -> None:
    gone = hit(rows) & (np.random.default_rng(1).random(len(rows["time"])) < 0.3)
    rows["amount"] = np.where(gone, np.nan, rows["amount"])


def empty_words(rows: dict[str, Any]) -> None:
    gone = hit(rows) & (np.random.default_rng(1).random(len(rows["time"])) < 0.3)
    rows["plan"] = np.where(gone, "", rows["plan"]).astype(object)


def kilometres(rows: dict[str, Any]) -> None:
    rows["distance"] = np.where(hit(rows), rows["distance"] * 1.609, rows["distance"])


def thousandths(rows: dict[str, Any]) -> None:
    rows["amount"] = np.where(hit(rows), rows["amount"] / 1000, rows["amount"])


def fahrenheit(rows: dict[str, Any]) -> None:
    rows["warmth"] = np.where(hit(rows), rows["warmth"] * 1.8 + 32, rows["warmth"])


def constant(rows: dict[str, Any]) -> None:
    stuck = hit(rows) & (np.random.default_rng(1).random(len(rows["time"])) < 0.7)
    rows["age"] = np.where(stuck, -1.0, rows["age"])


def renamed(rows: dict[str, Any]) -> None:
    rows["device"] = np.where(hit(rows) & (rows["device"] == "phone"), "Phone ", rows["device"]).astype(
        object
    )


def vanished(rows: dict[str, Any]) -> None:
    rows["device"] = np.where(hit(rows) & (rows["device"] == "tablet"), "phone", rows["device"]).astype(
        object
    )


def defaults(rows: dict[str, Any]) -> None:
    some = hit(rows) & (np.random.default_rng(1).random(len(rows["time"])) < 0.05)
    rows["pace"] = np.where(some, np.random.default_rng(2).uniform(-999, -900, len(some)), rows["pace"])


def shifted(rows: dict[str, Any]) -> None:
    rows["pace"] = np.where(hit(rows), rows["pace"] + 0.5, rows["pace"])


@pytest.mark.parametrize(
    ("change", "feature", "kind"),
    [
        (nulls, "amount", "null"), (empty_words, "plan", "null"), (kilometres, "distance", "unit"),
        (thousandths, "amount", "unit"), (fahrenheit, "warmth", "unit"), (constant, "age", "stuck"),
        (renamed, "device", "new_values"), (vanished, "device", "lost_values"), (defaults, "pace", "range"),
        (shifted, "pace", "shape"),
    ],
)  # fmt: skip
def test_each_kind_of_damage_is_named(change: Any, feature: str, kind: str) -> None:
    found = look(change)
    assert damage(found, feature) == kind
    assert found.moved[0].feature == feature
    assert found.moved[0].stepped
    assert [m.feature for m in found.broken] == ([] if kind == "shape" else [feature])


@pytest.mark.parametrize(("feature", "unit"), [("distance", kilometres), ("warmth", fahrenheit)])
def test_what_grows_over_hours_is_no_change_of_units(feature: str, unit: Any) -> None:
    def growing(rows: dict[str, Any]) -> None:
        away = np.clip((rows["time"] - micros(ONSET)) / (micros(NOW) - micros(ONSET)), 0, 1)
        changed = {name: column.copy() for name, column in rows.items()}
        unit(changed)
        rows[feature] = rows[feature] + 1.5 * away * (changed[feature] - rows[feature])

    assert damage(look(unit), feature) == "unit"
    assert damage(look(growing), feature) != "unit"


def test_the_words_name_the_damage() -> None:
    assert "'Phone '" in look(renamed).in_words()
    assert "as if in another unit" in look(kilometres).in_words()
    assert "none of 8 features moved" in look().in_words()


@pytest.mark.parametrize("seed", range(8))
def test_nothing_is_broken_where_nothing_was_done(seed: int) -> None:
    assert look(seed=seed).broken == ()


def test_a_weekday_that_the_calendar_decides_has_not_drifted() -> None:
    def weekday(rows: dict[str, Any]) -> None:
        rows["pace"] = ((rows["time"] // 86_400_000_000 + 3) % 7).astype(float)

    made = make(weekday)
    before = dict(made.book.before.columns)
    weekday(before)
    made.book.before = type(made.book.before)(before)
    found = look_at_inputs(made.book, made.spans, made.spans.hit)
    assert made.book.rhythm("pace") == "weekday"
    assert "pace" not in found.names


def reference_mix(made: Made, family: str, change_label: Any = None) -> Any:
    figure = figure_of(made.book, family, None, made.at)
    assert figure is not None
    (found,) = reweigh(made.book, [figure], ["distance"], made.spans, made.spans.hit)
    return found


def risky(rows: dict[str, Any]) -> None:
    """Errors that depend on the distance alone."""
    p = np.where(rows["distance"] > 30, 0.2, 0.01)
    rows["error"] = np.random.default_rng(len(p)).random(len(p)) < p


def test_a_figure_that_another_mix_explains_is_explained() -> None:
    def change(rows: dict[str, Any]) -> None:
        rows["distance"] = np.where(hit(rows), rows["distance"] * 1.4, rows["distance"])
        risky(rows)

    made = make(change)
    before = dict(made.book.before.columns)
    risky(before)
    made.book.before = type(made.book.before)(before)
    assert 0.6 < reference_mix(made, "error_rate").explained < 1.4


def test_a_figure_that_moved_on_its_own_is_not_explained() -> None:
    def change(rows: dict[str, Any]) -> None:
        rows["distance"] = np.where(hit(rows), rows["distance"] * 1.4, rows["distance"])
        risky(rows)
        rows["error"] |= hit(rows) & (np.random.default_rng(9).random(len(rows["time"])) < 0.3)

    made = make(change)
    before = dict(made.book.before.columns)
    risky(before)
    made.book.before = type(made.book.before)(before)
    assert reference_mix(made, "error_rate").explained < 0.3


def test_another_unit_in_one_slice_is_told_as_such_there() -> None:
    def cents(rows: dict[str, Any]) -> dict[str, Any]:
        where = hit(rows) & (rows["region"] == "isles")
        return {**rows, "amount": np.where(where, 100 * rows["amount"], rows["amount"])}

    made = make(cents)
    whole = look_at_inputs(made.book, made.spans, made.spans.hit)
    (amount,) = [m for m in whole.moved if m.feature == "amount"]
    assert amount.damage != "unit"
    isles = Found("slice", {"region": "isles"}, "")
    (amount,) = [m for m in told_inside(made.book, made.onset, whole, isles).moved if m.feature == "amount"]
    assert amount.damage == "unit"
    assert amount.says.endswith("as if in another unit where region = isles")
    factor = float(amount.says.removeprefix("amount times ").split(",")[0])
    assert 90 < factor < 110
    north = Found("slice", {"region": "north"}, "")
    assert told_inside(made.book, made.onset, whole, north) == whole
