"""Objectives as OpenSLO documents: there and back without loss, and what cannot be said is told."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from fireline.cli.entry import main
from fireline.runbook.openslo import block, export, taken
from fireline.runbook.schema import Slo
from fireline.runbook.yamltext import read_yaml

NAMES = st.text(min_size=1, max_size=30)
SHARES = st.floats(0.001, 0.99999)
WINDOWS = st.integers(1, 90 * 86_400).map(lambda s: timedelta(seconds=s))
OTHERS = st.builds(
    Slo, name=NAMES, objective=SHARES, window=WINDOWS,
    indicator=st.sampled_from(["availability", "accuracy", "null_share", "flag_rate", "fallback_share"]),
    of=st.none() | NAMES, threshold=st.none() | st.floats(0.5, 1e5),
)  # fmt: skip
SPEEDS = st.builds(
    Slo, name=NAMES, objective=SHARES, window=WINDOWS, indicator=st.just("latency"),
    threshold=st.floats(0.5, 1e5),
)  # fmt: skip
FIGURES = st.builds(
    Slo, name=NAMES, objective=SHARES, window=WINDOWS,
    indicator=st.sampled_from(
        ["auc", "rmse", "calibration", "demographic_parity", "equal_opportunity", "freshness"]
    ),
    threshold=st.floats(0.01, 1e3), slice=st.none() | st.integers(2, 48).map(lambda h: timedelta(hours=h)),
)  # fmt: skip
BUSINESS = st.builds(
    Slo, name=NAMES, objective=SHARES, window=WINDOWS, indicator=st.just("kpi"), threshold=st.floats(-9, 9),
    bound=st.sampled_from([None, "ceiling"]),
)  # fmt: skip
STALE = st.builds(Slo, name=NAMES, objective=SHARES, window=WINDOWS, indicator=st.just("freshness"), of=NAMES)
SPEED = Slo(name="speed", indicator="latency", objective=0.95, threshold=200)


@settings(deadline=None, max_examples=60)
@given(st.lists(OTHERS | SPEEDS | FIGURES | BUSINESS | STALE, max_size=4))
def test_there_and_back_loses_nothing(slos: list[Slo]) -> None:
    text, left = export("pricing", slos)
    assert left == []
    assert taken(text) == (slos, [])
    read = read_yaml(block(slos), "runbook.yaml")
    assert read.problems == []
    assert [Slo.model_validate(one) for one in read.plain["slos"]] == slos


def test_a_figure_is_budgeted_by_time_slices() -> None:
    ranks = Slo(name="ranks", indicator="auc", objective=0.9, threshold=0.7, slice=timedelta(days=1))
    text, left = export("pricing", [SPEED, ranks])
    speed, figure = (one["spec"] for one in yaml.safe_load_all(text))
    assert left == []
    assert (speed["budgetingMethod"], figure["budgetingMethod"]) == ("Occurrences", "Timeslices")
    assert figure["objectives"] == [
        {"op": "gte", "value": 0.7, "target": 0.9, "timeSliceTarget": 1.0, "timeSliceWindow": "1d"}
    ]


@pytest.mark.parametrize(
    ("was", "now", "says"),
    [
        ("Timeslices", "RatioTimeslices", "counts auc by Timeslices"),
        ("Timeslices", "Occurrences", "counts auc by Timeslices"),
        ("op: gte", "op: lte", "auc needs `op: gte` and a `value`"),
        ("timeSliceTarget: 1.0", "timeSliceTarget: 0.9", "keeps to the value or does not"),
        ("timeSliceWindow: 1d", "timeSliceWindow: soon", "need a `timeSliceWindow`, such as 1h"),
        ("indicator: auc", "indicator: uptime", "uptime is no indicator"),
    ],
)
def test_what_a_slice_cannot_be_is_told(was: str, now: str, says: str) -> None:
    ranks = Slo(name="ranks", indicator="auc", objective=0.9, threshold=0.7, slice=timedelta(days=1))
    text, _ = export("pricing", [ranks])
    assert was in text
    found, left = taken(text.replace(was, now))
    assert found == []
    assert says in left[0].why


def test_an_objective_of_one_is_left_with_the_reason() -> None:
    _, left = export("pricing", [Slo(name="never", indicator="availability", objective=1.0)])
    assert [one.name for one in left] == ["never"]


def test_what_a_person_changed_in_the_document_counts() -> None:
    text, _ = export("pricing", [SPEED])
    changed = text.replace("target: 0.95", "target: 0.9").replace("duration: 28d", "duration: 7d")
    found, left = taken(changed)
    assert left == []
    assert (found[0].objective, found[0].window) == (0.9, timedelta(days=7))


def test_a_broken_document_keeps_no_other_from_being_read(tmp_path: Path, capsys) -> None:  # type: ignore[no-untyped-def]
    text, _ = export("pricing", [SPEED])
    file = tmp_path / "slos.yaml"
    sliced = text.replace("Occurrences", "Timeslices")
    file.write_text(
        f"---\na: [\n{text}{sliced}---\napiVersion: openslo/v1\nkind: Service\n", encoding="utf-8"
    )
    assert main(["slo", "import", str(file)]) == 1
    said = capsys.readouterr()
    assert said.out.count("- {name: speed") == 1
    assert all(f"{file}: document {n}" in said.err for n in (1, 3, 4))
    assert "Timeslices" in said.err
