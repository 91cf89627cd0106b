"""Objectives as OpenSLO documents: there and back without loss, and what cannot be said is told."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

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
SPEED = Slo(name="speed", indicator="latency", objective=0.95, threshold=200)


@settings(deadline=None, max_examples=60)
@given(st.lists(OTHERS | SPEEDS, max_size=4))
def test_there_and_back_loses_nothing(slos: list[Slo]) -> None:
    text, left = export("pricing", slos)
    assert left == []
    assert taken(text) == (slos, [])
    read = read_yaml(block(slos), "runbook.yaml")
    assert read.problems == []
    assert [Slo.model_validate(one) for one in read.plain["slos"]] == slos


def test_a_figure_that_is_no_share_is_left_with_the_reason() -> None:
    text, left = export("pricing", [SPEED, Slo(name="ranks", indicator="auc", objective=0.7)])
    assert len(list(yaml.safe_load_all(text))) == 1
    assert [one.name for one in left] == ["ranks"]


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
